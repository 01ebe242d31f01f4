"""Tokens of ids as counts after counts names them, and a mark by which they are compared without being read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import TokenizerMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class KnownTokens:
    """The token of each id that was named so far.

    Args:
        size: Ids of the tokenizer.

    Example:
        >>> known = KnownTokens(9)
        >>> known.learn(np.array([2, 7]), ["a", "b"])
        >>> known.tokens(np.array([7])), known.mark(np.array([2, 7])) == known.mark(np.array([2, 3]))
        (['b'], False)
    """

    def __init__(self, size: int) -> None:
        self._tokens: NDArray[np.object_] = np.full(size, None, object)
        self._known = np.zeros(size, np.bool_)
        self._marks = np.zeros(size, np.uint64)
        self._unmarked = False

    def learn(self, ids: NDArray[np.integer], tokens: Sequence[str]) -> None:
        """Remember the tokens of ids.

        Raises:
            TokenizerMismatchError: An id has another token already.
        """
        named = np.array(tokens, object)
        before = self._tokens[ids]
        differing = (before != named) & self._known[ids]
        if differing.any():
            at = int(np.argmax(differing))
            raise TokenizerMismatchError(
                f"id {ids[at]} is {before[at]!r} in one of the counts and {named[at]!r} in the other", id=int(ids[at])
            )
        self._tokens[ids] = named
        self._known[ids] = True
        self._unmarked = True

    def unknown(self, ids: NDArray[np.integer]) -> NDArray[np.integer]:
        """Those of the ids that were not named yet."""
        unknown: NDArray[np.integer] = ids[~self._known[ids]]
        return unknown

    def tokens(self, ids: NDArray[np.integer]) -> list[str]:
        """The tokens of known ids."""
        tokens: list[str] = self._tokens[ids].tolist()
        return tokens

    def mark(self, ids: NDArray[np.integer]) -> int:
        """A sum of 64 bits made of each id and its token: equal for equal ids with equal tokens.

        An id that is not known adds nothing, so its token goes unnoticed once in 2**64 times.
        """
        if self._unmarked:
            for id_ in np.flatnonzero(self._known & (self._marks == 0)).tolist():
                digest = hashlib.blake2b(self._tokens[id_].encode(), digest_size=8, salt=id_.to_bytes(8, "little"))
                self._marks[id_] = int.from_bytes(digest.digest(), "little")
            self._unmarked = False
        return int(self._marks.take(ids).sum())
