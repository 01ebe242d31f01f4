"""T5 and its kin, as families for Prunus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus import hookimpl
from prunus_t5.families import FAMILIES

if TYPE_CHECKING:
    from prunus import ModelFamily

__all__ = ["FAMILIES", "prunus_families"]


@hookimpl
def prunus_families() -> tuple[ModelFamily, ...]:
    """The families of T5 and its kin."""
    return FAMILIES
