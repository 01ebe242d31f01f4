"""RoBERTa and its kin, as families for Prunus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus import ProtectedId, hookimpl
from prunus_roberta.families import FAMILIES

if TYPE_CHECKING:
    from prunus import ModelFamily, ProtectContext

__all__ = ["FAMILIES", "prunus_families", "prunus_protected_ids"]


@hookimpl
def prunus_families() -> tuple[ModelFamily, ...]:
    """The families of RoBERTa and its kin."""
    return FAMILIES


@hookimpl
def prunus_protected_ids(context: ProtectContext) -> tuple[ProtectedId, ...]:
    """MPNet counts positions from id 1 whatever its config says: with 0 and 1 kept, 1 stays 1."""
    if context.config.get("model_type") != "mpnet":
        return ()
    why = "MPNet counts positions from id 1"
    return tuple(ProtectedId(token, why) for token in (0, 1) if token in context.tokens)
