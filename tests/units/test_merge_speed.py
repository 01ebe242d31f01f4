"""Adding results without reading their tokens notices all that reading them would."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from prunus.counts import TokenCounts
from prunus.errors import CorpusError, TokenizerMismatchError
from prunus.knowntokens import KnownTokens
from prunus.merging import merge_files
from prunus.scanning import Scanner
from prunus.storedcounts import StoredCounts
from prunus.summing import CountsSum
from prunus.units import WorkDirectory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def work(tokenizer: Path, corpus: Path, tmp_path: Path) -> WorkDirectory:
    Scanner(tokenizer, threads=1).scan(corpus, ["text"], resume=tmp_path / "work", unit_bytes=2000)
    return WorkDirectory(tmp_path / "work")


def renamed(counts: TokenCounts, at: int) -> TokenCounts:
    tokens = [*counts.tokens]
    tokens[at] = "another"
    return TokenCounts(counts.ids, counts.counts, tokens, counts.info)


def test_tokens_are_read_only_while_ids_are_new(work: WorkDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = StoredCounts._columns
    monkeypatch.setattr(StoredCounts, "_columns", lambda self, names: (read.append(names), real(self, names))[1])
    whole = work.merged()
    units = len(work.plan.units)
    assert read.count(["id", "count"]) == units
    assert 1 <= read.count(["token"]) < units / 2
    slow = CountsSum()
    for unit in range(units):
        slow.add(work.load(unit))
    assert slow.result() == whole


def test_other_tokens_are_noticed_without_reading_them_all(work: WorkDirectory) -> None:
    last = len(work.plan.units) - 1
    sound = work.load(last)
    WorkDirectory(work.path).save(last, renamed(sound, 0))  # with a mark of its own
    with pytest.raises(TokenizerMismatchError, match="'another'"):
        work.merged()
    saving = WorkDirectory(work.path)
    saving.save(last, sound)
    with pytest.raises(TokenizerMismatchError, match="'another'"):
        saving.save(last, renamed(sound, 0))
    sound.save(work.file_of(last))  # an ordinary counts file, without a mark
    whole = work.merged()
    renamed(sound, 0).save(work.file_of(last))
    with pytest.raises(TokenizerMismatchError, match="'another'"):
        work.merged()
    sound.save(work.file_of(last))
    assert merge_files([work.path]) == whole


def test_a_stored_result_is_checked_as_it_is_when_loaded(work: WorkDirectory) -> None:
    file = work.file_of(0)
    table = pq.read_table(file)
    assert StoredCounts(file).whole() == TokenCounts.load(file)
    count = table.schema.get_field_index("count")
    one_more = np.array(table["count"]) + np.uint64(1)
    for change, says in (
        (table.set_column(count, table.schema.field("count"), [one_more]), "sum to"),
        (table.take(list(range(len(table)))[::-1]), "ascending"),
        (table.replace_schema_metadata({}), "no metadata"),
        (table.select(["id", "count"]), "not counts"),
    ):
        pq.write_table(change, file)
        for read in (StoredCounts, TokenCounts.load):
            with pytest.raises(CorpusError, match=says):
                read(file)


def test_marks_tell_swapped_tokens_apart() -> None:
    marks = set()
    for tokens in (["a", "b"], ["b", "a"], ["a", "a"], ["", "ab"]):
        known = KnownTokens(9)
        known.learn(np.array([2, 7]), tokens)
        marks.add(known.mark(np.array([2, 7])))
    assert len(marks) == 4


def test_sums_of_sums_say_how_they_were_made_as_one_sum_does(tokenizer: Path) -> None:
    one = Scanner(tokenizer, threads=1).scan(["the cat"])
    a, b, c = (
        TokenCounts(one.ids, one.counts, one.tokens, dataclasses.replace(one.info, path_reason=reason))
        for reason in ("z; a", "m", "a")
    )
    assert (a + a).info.path_reason == "z; a"
    assert ((a + b) + c).info == (a + (b + c)).info == ((c + a) + b).info
    assert (a + b).info.path_reason == "m | z; a"
