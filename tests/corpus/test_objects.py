"""Live objects: Arrow streams of several libraries, data sets, and iterables of strings."""

from __future__ import annotations

import io

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from prunus.corpus import open_corpus
from prunus.errors import ColumnError, CorpusError, InvalidTextError, UsageError

TEXTS = ["one", None, "", "three é", "한국어"] * 4000
DATA = {"text": TEXTS, "n": list(range(len(TEXTS)))}
SOURCES = {
    "pyarrow.Table": lambda: pa.table(DATA),
    "pyarrow.RecordBatch": lambda: pa.record_batch(DATA),
    "pyarrow.RecordBatchReader": lambda: pa.table(DATA).to_reader(),
    "pyarrow.ChunkedArray": lambda: pa.chunked_array([TEXTS[:7], TEXTS[7:]]),
    "pyarrow.StringArray": lambda: pa.array(TEXTS),
    "polars.DataFrame": lambda: pl.DataFrame(DATA),
    "polars.Series": lambda: pl.Series(TEXTS),
    "pandas.DataFrame": lambda: pd.DataFrame(DATA),
    "duckdb.DuckDBPyRelation": lambda: duckdb.from_arrow(pa.table(DATA)),
    "datasets.Dataset": lambda: datasets.Dataset.from_dict(DATA),
    "datasets.IterableDataset": lambda: datasets.Dataset.from_dict(DATA).to_iterable_dataset(num_shards=3),
    "datasets.Column": lambda: datasets.Dataset.from_dict(DATA)["text"],
    "list": lambda: list(TEXTS),
    "tuple": lambda: tuple(TEXTS),
    "generator": lambda: (text for text in TEXTS),
    "numpy.ndarray": lambda: np.array(TEXTS, object),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_its_rows(name, read):
    source = SOURCES[name]()
    corpus = open_corpus(source)
    assert corpus.columns == ("text",)
    assert corpus.sources == ({"object": name},)
    assert (corpus.total_bytes, corpus.bytes_read()) == (None, 0)
    batches = list(corpus.batches())
    rows = [row for batch in batches for row in batch.data.column(0).to_pylist()]
    assert rows == TEXTS
    assert all(batch.source == name and batch.data.num_rows <= 8192 for batch in batches)
    assert [batch.first_row for batch in batches] == np.cumsum([0, *[b.data.num_rows for b in batches]])[:-1].tolist()
    if name in ("generator", "pyarrow.RecordBatchReader"):
        with pytest.raises(CorpusError, match="already consumed"):
            read(corpus)
    else:
        assert read(corpus) == TEXTS


def test_a_query_runs_once_and_streams(read):
    relation = duckdb.sql("select 'row ' || i as text from range(300000) t(i)")
    assert read(relation) == [f"row {i}" for i in range(300_000)]


def test_kinds_that_other_libraries_make(read):
    frame = pl.DataFrame({"c": pl.Series(["a", None, "a"], dtype=pl.Categorical), "l": [["x"], [], None]})
    assert read(frame, "c") == ["a", None, "a"]
    assert read(frame, "l") == [["x"], [], None]
    assert read(pl.DataFrame({"e": pl.Series(["a"], dtype=pl.Enum(["a", "b"]))})) == ["a"]
    assert read(pl.DataFrame({"m": [[{"content": "a", "n": 1}]]}), "m.content") == [[{"content": "a", "n": 1}]]
    assert read(duckdb.sql("select ['a', null] as t")) == [["a", None]]


def test_a_selected_dataset_gives_its_selection(read):
    data = datasets.Dataset.from_dict({"text": [f"row {i}" for i in range(100)], "n": range(100)})
    for view in (
        data.shuffle(seed=3),
        data.select([5, 3, 99]),
        data.filter(lambda row: row["n"] % 7 == 0),
        data.shard(4, 1),
    ):
        assert read(view) == view["text"][:]
        assert read(view.with_format("numpy", columns=["n"]), "text") == view["text"][:]


def test_a_dataset_without_rows(read):
    data = datasets.Dataset.from_dict({"text": ["x"]})
    assert read(data.select([])) == []
    assert read(data.to_iterable_dataset().skip(5)) == []


def test_a_stream_that_fails_is_named():
    def broken():
        yield pa.record_batch({"text": ["x"]})
        raise OSError("connection lost")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("text", pa.string())]), broken())
    with pytest.raises(CorpusError, match=r"pyarrow.RecordBatchReader: cannot be read: .*connection lost"):
        list(open_corpus(reader).batches())


def test_a_generator_is_read_in_bounded_pieces():
    taken = []

    def texts():
        for i in range(100_000):
            taken.append(i)
            yield "x" * 5000

    batches = open_corpus(texts()).batches()
    assert taken == []
    next(batches)
    assert len(taken) * 5000 <= 9 << 20


@pytest.mark.parametrize(
    ("items", "error", "said"),
    [
        (["a", 3], ColumnError, "item 1 is a int"),
        (["a", b"b"], ColumnError, "item 1 is a bytes"),
        ([["a"]], ColumnError, "item 0 is a list"),
        ([{"text": "a"}], ColumnError, "item 0 is a dict"),
        (["a"] * 9000 + [1.5], ColumnError, "item 9000 is a float"),
        (["a"] * 9000 + ["x\ud800"], InvalidTextError, "item 9000 holds a surrogate"),
    ],
)
def test_items_that_are_no_text_are_named(items, error, said, read):
    for source in (items, iter(items)):
        with pytest.raises(error, match=said):
            read(source)


def test_errors_of_a_generator_are_its_own(read):
    def broken():
        yield "a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read(broken())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"abc", "a bytes is no corpus"),
        (io.StringIO("a\nb\n"), "a _io.StringIO is no corpus"),
        (3, "a int is no corpus"),
        (None, "a NoneType is no corpus"),
        ({"train": ["a"]}, "a dict is no corpus"),
        (
            datasets.DatasetDict(train=datasets.Dataset.from_dict({"text": ["a"]})),
            "a datasets.DatasetDict is no corpus",
        ),
        (pl.LazyFrame({"a": ["x"]}), "a polars.LazyFrame is no corpus"),
    ],
)
def test_objects_that_are_no_corpus(source, said):
    with pytest.raises(UsageError, match=said) as caught:
        open_corpus(source)
    assert "'train'" in caught.value.hint if "ict" in said else "__arrow_c_stream__" in caught.value.hint


def test_no_texts_are_no_rows(read):
    assert read([]) == []
    assert read(iter([])) == []
    assert read([None, None]) == [None, None]


def test_texts_have_one_column(read):
    assert read(["a b"], "text") == ["a b"]
    with pytest.raises(ColumnError, match="no column 'body'"):
        read(["a b"], "body")
