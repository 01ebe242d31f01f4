"""`select` against a slow plain-Python reference."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunus
from prunus.counts import ScanInfo, TokenCounts
from prunus.errors import SelectionError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def counts_of(histogram: dict[int, int], fingerprint: str = "f" * 64) -> TokenCounts:
    ids = sorted(histogram)
    info = ScanInfo(
        fingerprint=fingerprint, size=max(ids, default=0) + 1, rows=1, nulls=0, text_bytes=1,
        tokens=sum(histogram.values()), options={"add_special_tokens": True}, oracle="tokenizers 0.23.2", path="row",
        path_reason="", fallback_rows=0,
    )  # fmt: skip
    amounts = np.array([histogram[i] for i in ids], dtype=np.uint64)
    return TokenCounts(np.array(ids, dtype=np.uint32), amounts, tuple(f"t{i}" for i in ids), info)


def reference(histogram: dict[int, int], least: int, share: float | None, most: int | None) -> list[int]:
    """Most frequent first, ties by id; every limit cuts the list shorter."""
    order = sorted((i for i in histogram if histogram[i] >= least), key=lambda i: (-histogram[i], i))
    if share is not None:
        wanted, reached, size = Fraction(share) * sum(histogram.values()), 0, 0
        while reached < wanted and size < len(order):
            reached += histogram[order[size]]
            size += 1
        order = order[:size]
    return sorted(order[:most])


histograms = st.dictionaries(st.integers(0, 300), st.integers(1, 12), min_size=1, max_size=50)


@given(histograms, st.integers(1, 8), st.none() | st.floats(0.001, 1), st.none() | st.integers(1, 60))
def test_limits_narrow_like_the_reference(
    histogram: dict[int, int], least: int, share: float | None, most: int | None
) -> None:
    keep = prunus.select(counts_of(histogram), min_count=least, coverage=share, top_k=most)
    assert keep.ids.tolist() == reference(histogram, least, share, most)


@given(histograms)
def test_full_coverage_keeps_all_and_is_exact(histogram: dict[int, int]) -> None:
    keep = prunus.select(counts_of(histogram), coverage=1.0)
    assert keep.ids.tolist() == sorted(histogram)
    assert keep.exact


LIMITS = [
    {"min_count": 0}, {"min_count": 1.5}, {"min_count": "2"}, {"top_k": 0}, {"top_k": 2.0}, {"size": "9"},
    {"coverage": 0.0}, {"coverage": 99.0},
]  # fmt: skip


@pytest.mark.parametrize("limits", LIMITS)
def test_limits_out_of_range_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        prunus.select(counts_of({1: 1}), **limits)


def test_limits_without_counts_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="need counts"):
        prunus.select(min_count=2, keep_ids=[1])
    with pytest.raises(UsageError, match="nothing to keep"):
        prunus.select()
    with pytest.raises(SelectionError, match="both kept and dropped"):
        prunus.select(keep_ids=[1], drop_ids=[1])


def test_a_lone_string_is_one_and_not_its_characters() -> None:
    for verb in ("keep", "drop"):
        keep = prunus.select(counts_of({1: 1}), **{f"{verb}_{kind}": "ab" for kind in ("tokens", "regex", "text")})
        named = getattr(keep, verb)
        assert (named.tokens, named.regex, named.texts) == (("ab",), ("ab",), ("ab",))
    rules = prunus.select(counts_of({1: 1}), scripts="Latin", only_scripts="Greek").rules
    assert (rules.scripts, rules.only_scripts) == (("Latin",), ("Greek",))


@pytest.mark.parametrize("counts", ["counts.parquet", [1, 2], 3, ["a.parquet"]])
def test_what_is_no_counts_is_refused_by_name(counts: object) -> None:
    with pytest.raises(UsageError, match=r"is no counts but a (str|int)") as refused:
        prunus.select(counts)  # type: ignore[arg-type]
    assert "TokenCounts.load" in refused.value.hint


def test_a_selection_says_what_is_named_and_nothing_else() -> None:
    assert repr(prunus.select(counts_of({1: 1}))) == "KeepSet(1 ids by seen)"
    assert "keep by name" in repr(prunus.select(counts_of({1: 1}), keep_ids=[1]))


def test_a_selection_survives_the_file(tmp_path: Path) -> None:
    counts = counts_of({3: 5, 9: 1})
    keep = prunus.select(counts, min_count=2, keep_tokens=["<tool>"], drop_regex=["^x"])
    keep.save(tmp_path / "keep.parquet")
    again = prunus.KeepSet.load(tmp_path / "keep.parquet", counts)
    assert (again.ids.tolist(), again.keep, again.drop) == (keep.ids.tolist(), keep.keep, keep.drop)
    assert (again.policy, again.fingerprint) == (keep.policy, keep.fingerprint)
    with pytest.raises(prunus.errors.TokenizerMismatchError, match="belong to tokenizer"):
        prunus.KeepSet.load(tmp_path / "keep.parquet", counts_of({3: 5}, "e" * 64))
