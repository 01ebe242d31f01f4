"""The only module that imports the compiled extension `prunus._scanner`."""

from __future__ import annotations

from prunus._scanner import Engine, RawCounts, Scan, build_info, fingerprint, has_model, lines

__all__ = ["Engine", "RawCounts", "Scan", "build_info", "fingerprint", "has_model", "lines"]
