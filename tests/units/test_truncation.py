"""Truncated scans against the library's own `enable_truncation`, row by row."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from prunus.errors import TokenizerError, UsageError
from prunus.scanning import Scanner

WORDS = "abcdef"
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
lengths = st.integers(3, 9)
sides = st.sampled_from([None, "right", "left"])


@cache
def oracle() -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate(["[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[CLS]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    return tokenizer


def truncated(length: int, side: str | None = None, strategy: str | None = None) -> Tokenizer:
    tokenizer = Tokenizer.from_str(oracle().to_str())
    tokenizer.enable_truncation(length, strategy=strategy or "longest_first", direction=side or "right")
    return tokenizer


def counted(scanner: Scanner, *arguments: object, **options: object) -> dict[int, int]:
    counts = scanner.scan(*arguments, **options)
    return dict(zip(counts.ids.tolist(), counts.counts.tolist(), strict=True))


@given(st.lists(texts, min_size=1), lengths, sides, st.booleans())
def test_single_texts(rows: list[str], length: int, side: str | None, special: bool) -> None:
    rows = [*rows, "a"]
    expected = truncated(length, side)
    want = Counter(i for row in rows for i in expected.encode(row, add_special_tokens=special).ids)
    scanner = Scanner(oracle(), threads=1, truncate=length, truncate_side=side, add_special_tokens=special)
    assert counted(scanner, rows) == want
    assert scanner.engine.fingerprint == Scanner(oracle(), threads=1).engine.fingerprint


@given(st.lists(st.tuples(texts, texts), min_size=1), lengths, sides, st.sampled_from(["longest_first", None]))
def test_pairs(rows: list[tuple[str, str]], length: int, side: str | None, strategy: str | None) -> None:
    import pyarrow as pa

    expected = truncated(length, side, strategy)
    want = Counter(i for row in rows for i in expected.encode(*row).ids)
    table = pa.table({"a": [a for a, _ in rows], "b": [b for _, b in rows]})
    scanner = Scanner(oracle(), threads=1, truncate=length, truncate_side=side, truncate_strategy=strategy)
    assert counted(scanner, table, ["a", "b"], pair=True) == want


@pytest.mark.parametrize("strategy", ["only_first", "only_second"])
def test_one_side_of_pairs(strategy: str) -> None:
    import pyarrow as pa

    rows = [("a b c d e", "f e d c b"), ("a", "b"), ("a b c a b c", "d d d d d d")]
    expected = truncated(10, "right", strategy)
    want = Counter(i for row in rows for i in expected.encode(*row).ids)
    table = pa.table({"a": [a for a, _ in rows], "b": [b for _, b in rows]})
    scanner = Scanner(oracle(), threads=1, truncate=10, truncate_strategy=strategy)
    assert counted(scanner, table, ["a", "b"], pair=True) == want
    short = Scanner(oracle(), threads=1, truncate=4, truncate_strategy=strategy)
    with pytest.raises(TokenizerError, match="row 0"):
        short.scan(table, ["a", "b"], pair=True)


def test_as_the_file_says_is_the_same_as_by_number_and_adds_up() -> None:
    rows = ["a b c d e f"] * 3
    configured = Scanner(truncated(5, "left"), threads=1, truncate="configured").scan(rows)
    asked = Scanner(oracle(), threads=1, truncate=5, truncate_side="left").scan(rows)
    assert configured == asked
    assert (configured + asked).counts.sum() == 2 * configured.counts.sum()
    assert Scanner(truncated(5, "left"), threads=1).scan(rows).counts.sum() == 8 * 3
    with pytest.raises(UsageError, match="truncate"):
        asked + Scanner(oracle(), threads=1).scan(rows)


def test_what_would_not_be_truncated_is_refused() -> None:
    with pytest.raises(UsageError, match="no room for the 2 special tokens"):
        Scanner(oracle(), threads=1, truncate=1).scan(["a b"])
    assert Scanner(oracle(), threads=1, truncate=2).scan(["a b"]).counts.tolist() == [1, 1]
    assert Scanner(oracle(), threads=1, truncate=1, add_special_tokens=False).scan(["a b"]).counts.tolist() == [1]
    with pytest.raises(UsageError, match="no pairs"):
        Scanner(oracle(), threads=1, truncate=9, truncate_strategy="only_second").scan(["a b"])
    for wrong in ({"truncate": 0}, {"truncate": "yes"}, {"truncate_side": "left"}, {"truncate": "configured"}):
        with pytest.raises(UsageError, match="trunca"):
            Scanner(oracle(), threads=1, **wrong)
    with pytest.raises(UsageError, match="'middle' is no way"):
        Scanner(oracle(), threads=1, truncate=9, truncate_side="middle")
    with pytest.raises(UsageError, match="generic"):
        Scanner(oracle(), threads=1, truncate=9, path="generic")
