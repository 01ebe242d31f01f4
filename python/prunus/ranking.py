"""Counted tokens in the order in which they are worth keeping, and how far down the order to go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import UsageError
from prunus.given import at_least_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from prunus.counts import TokenCounts

SCALE = 2**40
"""Parts into which the occurrences of one weighted corpus are divided, so that weighted sums stay integers."""


def amounts_of(counts: TokenCounts, parts: Sequence[TokenCounts], weights: Sequence[float]) -> NDArray[np.uint64]:
    """How much each counted id is worth `(ids,)`: its occurrences, or the weighted sum of its shares in the parts.

    Args:
        counts: The sum of the parts.
        parts: Counts of several corpora.
        weights: A weight for each part; none of them for plain occurrences.

    Raises:
        UsageError: There is not one weight for each part, or one is no positive number.
    """
    if not weights:
        return counts.counts
    if len(weights) != len(parts):
        raise UsageError(f"{len(weights)} weights for {len(parts)} counts", hint="Give one weight a counts file.")
    if not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise UsageError(f"weights must be positive numbers, not {list(weights)}")
    amounts = np.zeros(len(counts.ids), np.uint64)
    for part, weight in zip(parts, weights, strict=True):
        share = weight / math.fsum(weights) * SCALE / max(1, sum(part.counts.tolist()))
        worth = np.maximum(np.floor(part.counts.astype(np.float64) * share), 1)
        amounts[np.searchsorted(counts.ids, part.ids)] += worth.astype(np.uint64)
    return amounts


def by_count(
    counts: TokenCounts, amounts: NDArray[np.uint64], min_count: int, top_k: int | None, coverage: float | None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], str]:
    """All counted ids, most worth keeping first; those that the limits leave, in that order; the limits in words.

    Raises:
        UsageError: A limit is out of range.
    """
    at_least_one("min_count", min_count)
    if top_k is not None:
        at_least_one("top_k", top_k)
    if coverage is not None and not 0 < coverage <= 1:
        raise UsageError(f"coverage must be above 0 and at most 1, not {coverage}", hint="99 % is 0.99.")
    order = np.lexsort((counts.ids, -amounts.astype(np.int64)))
    left = order
    said = ["seen" if min_count == 1 else f"seen at least {min_count:,} times"]
    if coverage is not None:
        left = order[: _covering(amounts[order], coverage)]
        said.append(f"covering {coverage:.10g} of all occurrences")
    left = left[counts.counts[left] >= min_count]
    if top_k is not None:
        left = left[:top_k]
        said.append(f"the {top_k:,} most frequent")
    return counts.ids[order], counts.ids[left], ", ".join(said)


def _covering(amounts: NDArray[np.uint64], coverage: float) -> int:
    """How many of the descending `amounts` reach the share; in integers, for a float is an exact ratio of two."""
    numerator, denominator = coverage.as_integer_ratio()
    total = sum(amounts.tolist())
    reached = 0
    for position, amount in enumerate(amounts.tolist()):
        if reached * denominator >= total * numerator:
            return position
        reached += amount
    return len(amounts)
