"""Which token of one tokenizer became which of another, told by their text: for directories that carry no record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import SelectionError
from prunus.kept import KeptTokens
from prunus.remap import IdRemap

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 5


@dataclass(frozen=True, eq=False)
class AnyOrder(IdRemap):
    """A renumbering in any order, as other tools make it: the new id of `old_ids[i]` is `i`, whatever the order."""

    def __post_init__(self) -> None:
        if len(np.unique(self.old_ids)) != len(self.old_ids):
            raise SelectionError("kept ids must be unique")
        self.old_ids.setflags(write=False)


@dataclass(frozen=True, eq=False)
class InferredTokens(KeptTokens):
    """Kept tokens whose old ids need not ascend; the new id is the position."""

    @cached_property
    def remap(self) -> IdRemap:
        """The renumbering that these tokens define."""
        return AnyOrder(self.old_ids)


@dataclass(frozen=True)
class InferredMap:
    """What the texts of two vocabularies say about each other.

    Attributes:
        kept: One entry a token of the smaller vocabulary; None where it does not go through.
        problems: Why it does not go through: invented tokens, holes.
        moved: Tokens with another id than before.
        out_of_order: Tokens whose old id is below that of the token before.
    """

    kept: InferredTokens | None
    problems: tuple[str, ...]
    moved: tuple[str, ...]
    out_of_order: tuple[str, ...]


def infer(old_tokens: Mapping[int, str], new_tokens: Mapping[int, str]) -> InferredMap:
    """Pairs the tokens of two vocabularies by their text; of equal texts in the order of their ids.

    Args:
        old_tokens: Text by id before.
        new_tokens: Text by id after.

    Example:
        >>> found = infer({0: "a", 1: "b", 2: "c"}, {0: "c", 1: "a"})
        >>> found.kept.old_ids.tolist(), found.out_of_order
        ([2, 0], ("'a': 0 -> 1",))
    """
    waiting: dict[str, list[int]] = {}
    for identifier in sorted(old_tokens, reverse=True):
        waiting.setdefault(old_tokens[identifier], []).append(identifier)
    pairs = [(new, (waiting.get(new_tokens[new]) or [-1]).pop()) for new in sorted(new_tokens)]
    invented = [repr(new_tokens[new]) for new, old in pairs if old < 0]
    problems = (
        [f"{len(invented)} tokens are none of the source's, first {', '.join(invented[:MOST])}"] if invented else []
    )
    if [new for new, _ in pairs] != list(range(len(pairs))):
        problems.append(f"its {len(pairs):,} ids reach up to {pairs[-1][0]:,}: they have holes")
    said = {new: f"{new_tokens[new]!r}: {old} -> {new}" for new, old in pairs}
    highest, out_of_order = -1, []
    for new, old in pairs:
        out_of_order += [said[new]] if 0 <= old < highest else []
        highest = max(highest, old)
    moved = tuple(said[new] for new, old in pairs if old not in {new, -1})
    return InferredMap(None if problems else _tokens(pairs, new_tokens), tuple(problems), moved, tuple(out_of_order))


def _tokens(pairs: list[tuple[int, int]], new_tokens: Mapping[int, str]) -> InferredTokens:
    ids = np.array([old for _, old in pairs], np.uint32)
    texts = tuple(new_tokens[new] for new, _ in pairs)
    none = ("",) * len(pairs)
    return InferredTokens(ids, np.zeros(len(pairs), np.uint64), texts, ("inferred",) * len(pairs), none)
