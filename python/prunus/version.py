"""The version, which lives in `Cargo.toml` and reaches Python through the installed distribution."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("prunus")
