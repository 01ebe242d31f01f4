"""What either of two selections keeps."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from prunus.counts import merge
from prunus.errors import TokenizerMismatchError, UsageError

if TYPE_CHECKING:
    from prunus.selection import KeepSet, NamedTokens


def union(one: KeepSet, other: KeepSet) -> KeepSet:
    """The union of two selections of one tokenizer, each limited by itself.

    Raises:
        UsageError: Their rules differ, or only one of them was counted.
        TokenizerMismatchError: They belong to different tokenizers.
    """
    from prunus.selection import KeepSet

    known = {keep.fingerprint for keep in (one, other)} - {None}
    if len(known) > 1:
        raise TokenizerMismatchError("the two selections belong to different tokenizers")
    if one.rules != other.rules:
        raise UsageError("the two selections have different rules", hint="Give both the same scripts, size and unseen.")
    if (one.counts is None) != (other.counts is None):
        raise UsageError("only one of the two selections was counted", hint="Select names beside the counts.")
    counts = None if one.counts is None or other.counts is None else merge([one.counts, other.counts])
    ids = np.union1d(one.ids, other.ids).astype(np.uint32)
    names = _both(one.keep, other.keep), _both(one.drop, other.drop)
    policy = one.policy if one.policy == other.policy else f"{one.policy}; or {other.policy}"
    return KeepSet(ids, counts, *names, policy, next(iter(known), None), one.rules, _interleaved(one, other))


def _both(one: NamedTokens, other: NamedTokens) -> NamedTokens:
    names = (field.name for field in fields(one))
    return type(one)(**{n: tuple(dict.fromkeys((*getattr(one, n), *getattr(other, n)))) for n in names})


def _interleaved(one: KeepSet, other: KeepSet) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Both orders, a token from each in turn."""
    found: dict[int, None] = {}
    first, second = one.ranked.tolist(), other.ranked.tolist()
    for place in range(max(len(first), len(second))):
        found.update(dict.fromkeys(first[place : place + 1] + second[place : place + 1]))
    return np.fromiter(found, np.uint32, len(found))
