"""Samples: the rows that a slow reference takes, whatever the threads, files and units; and never taken for exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

import prunus
from prunus.errors import CorpusError, UsageError
from prunus.sampling import coverage_band
from prunus.scanning import Scanner

if TYPE_CHECKING:
    from pathlib import Path

MASK = 2**64 - 1


def row_hash(*texts: str) -> int:
    """FNV-1a over the texts, each ended by 0xff, then MurmurHash3's finaliser."""
    value = 0xCBF29CE484222325
    for byte in b"".join(text.encode() + b"\xff" for text in texts):
        value = (value ^ byte) * 0x100000001B3 & MASK
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & MASK
    return value ^ value >> 33


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.WordLevel({"?": 0, "a": 1, "b": 2, "é": 3}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


TEXTS = [f"a {'b ' * (i % 7)}{i % 400}" for i in range(2000)]


@given(st.lists(st.text(st.sampled_from("ab é"), min_size=1), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_the_rows_are_those_of_the_reference(texts: list[str], share: float) -> None:
    taken = [text for text in [*texts, *TEXTS[:400]] if row_hash(text) < int(share * 2**64)]
    sampled = Scanner(tokenizer(), threads=2, sample=share).scan([*texts, *TEXTS[:400]])
    whole = Scanner(tokenizer(), threads=1).scan(taken)
    assert (sampled.ids.tolist(), sampled.counts.tolist()) == (whole.ids.tolist(), whole.counts.tolist())
    assert (sampled.info.rows, sampled.info.text_bytes) == (whole.info.rows, whole.info.text_bytes)
    assert sampled.info.options["sample"] == share


def test_pairs_and_dictionaries_are_sampled_alike() -> None:
    firsts, seconds = TEXTS, TEXTS[::-1]
    taken = [i for i, pair in enumerate(zip(firsts, seconds, strict=True)) if row_hash(*pair) < int(0.3 * 2**64)]
    table = pa.table({"a": firsts, "b": seconds})
    sampled = Scanner(tokenizer(), threads=1, sample=0.3).scan(table, ["a", "b"], pair=True)
    whole = Scanner(tokenizer(), threads=1).scan(table.take(taken), ["a", "b"], pair=True)
    assert sampled.counts.tolist() == whole.counts.tolist()
    plain = Scanner(tokenizer(), threads=1, sample=0.3).scan(TEXTS)
    coded = pa.table({"text": pa.array(TEXTS).dictionary_encode()})
    assert Scanner(tokenizer(), threads=1, sample=0.3).scan(coded).counts.tolist() == plain.counts.tolist()


def test_units_and_shards_take_the_same_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": TEXTS}), tmp_path / "a.parquet", row_group_size=90)
    scanner = Scanner(tokenizer(), threads=1, sample=0.1)
    plain = scanner.scan(tmp_path / "a.parquet")
    shards = [scanner.scan(tmp_path / "a.parquet", shard=(i, 3), unit_bytes=3000) for i in (1, 2, 3)]
    assert prunus.merge(shards) == plain
    with pytest.raises(UsageError, match="sample"):
        Scanner(tokenizer(), threads=1).scan(tmp_path / "a.parquet", resume=_made(scanner, tmp_path), unit_bytes=3000)


def _made(scanner: Scanner, folder: Path) -> Path:
    scanner.scan(folder / "a.parquet", resume=folder / "work", unit_bytes=3000)
    return folder / "work"


def test_a_sample_is_never_taken_for_exact(tmp_path: Path) -> None:
    sampled = Scanner(tokenizer(), threads=1, sample=0.25).scan(TEXTS)
    assert "A SAMPLE of 0.25 of the rows, not exact" in sampled.summary()
    sampled.save(tmp_path / "counts.parquet")
    assert prunus.TokenCounts.load(tmp_path / "counts.parquet").info.options["sample"] == 0.25
    exact = Scanner(tokenizer(), threads=1).scan(TEXTS)
    for other in (exact, Scanner(tokenizer(), threads=1, sample=0.5).scan(TEXTS)):
        with pytest.raises(UsageError, match="sample"):
            sampled + other
    with pytest.raises(UsageError, match="allow-sample"):
        prunus.select(sampled)
    assert prunus.select(sampled, allow_sample=True).ids.tolist() == sampled.ids.tolist()
    assert "SAMPLE" not in exact.summary()


def test_a_sample_without_a_row_is_too_small_and_not_of_the_wrong_column(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\n" * 9)
    scanner = Scanner(tokenizer(), threads=1, sample=1e-9)
    for source, options in (
        (tmp_path / "a.txt", {}),
        (tmp_path / "a.txt", {"resume": tmp_path / "work"}),
        (["a b", None], {}),
    ):
        with pytest.raises(CorpusError, match="the sample of 1e-09 took none of the rows") as caught:
            scanner.scan(source, **options)
        assert "Raise sample (--sample)" in caught.value.hint


def test_what_cannot_be_sampled() -> None:
    for wrong in (0.0, 1.0, -1.0, 2.0):
        with pytest.raises(UsageError, match="above 0 and below 1"):
            Scanner(tokenizer(), threads=1, sample=wrong)
    with pytest.raises(UsageError, match="ready ids"):
        Scanner(tokenizer(), threads=1, sample=0.5).scan(pa.table({"input_ids": [[1, 2]]}))


def test_the_band_holds_what_the_whole_says() -> None:
    words = [f"w{i}" for i in range(3000)]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = [" ".join(words[(i * k * k) % (1 + i % 2999)] for k in range(1, 9)) for i in range(20_000)]
    whole = Scanner(made, threads=1).scan(texts)
    sampled = Scanner(made, threads=1, sample=0.2).scan(texts)
    estimate, bound = coverage_band(sampled)
    assert bound <= whole.coverage(sampled.ids.tolist()) <= 1
    assert abs(estimate - whole.coverage(sampled.ids.tolist())) < 0.02
