"""Sums of counts, one after the other in bounded memory, whatever their number and order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.counts import ScanInfo, TokenCounts
from prunus.errors import TokenizerMismatchError, UsageError
from prunus.knowntokens import KnownTokens
from prunus.parts import Part, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from prunus.storedcounts import StoredCounts

# Reasons hold semicolons of their own, but no bars.
_SEPARATOR = " | "
_PARTS_KEPT = 1000
_ADDED = ("rows", "nulls", "text_bytes", "tokens", "fallback_rows", "invalid_rows")
_JOINED = ("path", "path_reason", "version")


class CountsSum:
    """A sum that grows by one counts value at a time; holds one histogram of the tokenizer's size.

    Example:
        >>> info = ScanInfo(fingerprint="3fa2", size=9, rows=2, nulls=0, text_bytes=8, tokens=5, options={},
        ...                 oracle="tokenizers 0.23.2", path="row", path_reason="asked", fallback_rows=0)
        >>> total = CountsSum()
        >>> for _ in range(3):
        ...     total.add(TokenCounts([2, 7], [4, 1], ("a", "b"), info))
        >>> total.result().counts.tolist()
        [12, 3]
    """

    def __init__(self) -> None:
        self._first: TokenCounts | StoredCounts | None = None
        self._number = 0
        self._histogram: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._known = KnownTokens(0)
        self._added = dict.fromkeys(_ADDED, 0)
        self._joined: dict[str, set[str]] = {name: set() for name in _JOINED}
        self._parts: list[Part | None] = []
        self._sources: list[Mapping[str, Any]] = []
        self._files: dict[int, Mapping[str, Any]] = {}

    def add(self, counts: TokenCounts | StoredCounts) -> None:
        """Add one more; the tokens of stored counts are read only if an id is new or their mark differs.

        Raises:
            TokenizerMismatchError: It was counted with another tokenizer or by another oracle.
            UsageError: It was counted with other options, or the sum does not fit 64 bits.
        """
        if self._first is None:
            self._first = counts
            self._histogram = np.zeros(counts.info.size, np.uint64)
            self._known = KnownTokens(counts.info.size)
        check_same(self._first.info, counts.info)
        self._add_histogram(counts)
        self._add_info(counts.info)

    def _add_histogram(self, counts: TokenCounts | StoredCounts) -> None:
        ids = counts.ids.astype(np.intp)  # what numpy would do for each of the accesses
        before = self._histogram.take(ids)
        after = before + counts.counts
        if bool((after < before).any()):
            raise UsageError("the sum of two counts does not fit an unsigned 64-bit integer")
        if isinstance(counts, TokenCounts) or not counts.agrees(self._known, ids):
            self._known.learn(ids, counts.tokens)
        self._histogram[ids] = after

    def _add_info(self, info: ScanInfo) -> None:
        for name in _ADDED:
            self._added[name] += getattr(info, name)
        for name in _JOINED:
            self._joined[name].update(getattr(info, name).split(_SEPARATOR))
        self._number += 1
        self._parts.append(info.part)
        if len(self._parts) > max(_PARTS_KEPT, 2 * len(self._files)):
            self._parts = [joined(self._parts)]
        if info.part is None:
            self._sources.extend(info.sources)
        else:
            self._files.update(zip(info.part.files, info.sources, strict=True))

    def result(self) -> TokenCounts:
        """The sum; parts that together are a whole scan give what that scan would have given, to the byte.

        Raises:
            UsageError: Nothing was added, or the parts do not belong together.
        """
        if self._first is None:
            raise UsageError("nothing to merge", hint="Name at least one counts.parquet.")
        part = joined(self._parts)
        if part is None and self._number == 1:
            return self._first if isinstance(self._first, TokenCounts) else self._first.whole()
        changes: dict[str, Any] = {name: _SEPARATOR.join(sorted(values)) for name, values in self._joined.items()}
        changes |= self._added
        changes["sources"] = self._merged_sources(part)
        changes["part"] = None if part is None or part.complete else part
        info = replace(self._first.info, **changes)
        ids = np.flatnonzero(self._histogram)
        return TokenCounts(ids, self._histogram[ids], self._known.tokens(ids), info)

    def _merged_sources(self, part: Part | None) -> tuple[Mapping[str, Any], ...]:
        if part is not None:
            return tuple(self._files[file] for file in part.files)
        return tuple(sorted(self._sources, key=lambda source: json.dumps(source, sort_keys=True)))


def summed(counts: Iterable[TokenCounts | StoredCounts]) -> TokenCounts:
    """The sum of an iterable that is consumed one by one; raises as `CountsSum` does."""
    total = CountsSum()
    for one in counts:
        total.add(one)
    return total.result()


def check_same(a: ScanInfo, b: ScanInfo) -> None:
    """Refuse counts that do not add up.

    Raises:
        TokenizerMismatchError: Different tokenizers or oracles.
        UsageError: Different options.
    """
    if (a.fingerprint, a.size) != (b.fingerprint, b.size):
        raise TokenizerMismatchError(
            f"counts of different tokenizers do not add up: {a.fingerprint} ({a.size:,} ids) "
            f"and {b.fingerprint} ({b.size:,} ids)",
            hint="Scan both corpora with the same tokenizer.",
        )
    if a.oracle != b.oracle:
        raise TokenizerMismatchError(
            f"counts of different oracles do not add up: {a.oracle} and {b.oracle}",
            hint="Scan both corpora with the same version of Prunus.",
        )
    differing = sorted(k for k in {*a.options, *b.options} if a.options.get(k) != b.options.get(k))
    if differing:
        pairs = ", ".join(f"{k} {a.options.get(k)!r} and {b.options.get(k)!r}" for k in differing)
        raise UsageError(f"counts of different options do not add up: {pairs}", hint="Scan both with the same options.")
