"""What the counts of a sample say of the whole corpus, and how surely."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from prunus.counts import TokenCounts

_DOUBT = 0.05
# McAllester & Schapire (2000), theorem 1: with probability 1 - d the share of the unseen is below the Good-Turing
# estimate by at most this times sqrt(ln(3 / d) / n).
_WIDTH = 2 * math.sqrt(2) + math.sqrt(3)


def coverage_band(counts: TokenCounts) -> tuple[float, float]:
    """Share of the whole corpus's tokens that the ids seen in a sample cover: the estimate, and a lower bound of 95 %.

    The estimate is Good and Turing's: as much is unseen as is seen once. The bound holds for independent draws; tokens
    of one row are not, so each row counts as one draw, which widens the band. Where the rows come from very different
    sources it remains a rule of thumb.

    Example:
        >>> from prunus.counts import ScanInfo, TokenCounts
        >>> info = ScanInfo(fingerprint="3fa2", size=9, rows=90_000, nulls=0, text_bytes=8, tokens=100_001, options={},
        ...                 oracle="tokenizers 0.23.2", path="row", path_reason="asked", fallback_rows=0)
        >>> estimate, bound = coverage_band(TokenCounts([2, 7], [100_000, 1], ("a", "b"), info))
        >>> round(estimate, 5), round(bound, 3)
        (0.99999, 0.969)
    """
    info = counts.info
    if not info.tokens or not info.rows:
        return 0.0, 0.0
    once = int(np.count_nonzero(counts.counts == 1)) / info.tokens
    width = _WIDTH * math.sqrt(math.log(3 / _DOUBT) / min(info.rows, info.tokens))
    return 1 - once, max(0.0, 1 - once - width)


def sampled_summary(counts: TokenCounts) -> str:
    """The line that says that counts are a sample's, and what they cover."""
    estimate, bound = coverage_band(counts)
    return (
        f"A SAMPLE of {counts.info.options['sample']:.6g} of the rows, not exact: the ids seen cover "
        f"about {estimate:.4%} of the corpus's tokens (at least {bound:.2%} at 95 % confidence)"
    )
