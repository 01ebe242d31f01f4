"""The nearest valid name, for errors about names that are not."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the nearest known name, empty if none is near.

    Example:
        >>> did_you_mean("prun", ["scan", "prune"]), did_you_mean("xyz", ["scan"])
        ("Did you mean 'prune'?", '')
    """
    near = get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
