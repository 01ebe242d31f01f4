"""Columns of every Arrow kind are found, projected and named in errors."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunus.corpus import open_corpus
from prunus.errors import ColumnError, CorpusError, UsageError

TEXTS = ["one", None, "", "three é"]
MESSAGES = [[{"role": "user", "content": "one", "n": 1}, {"role": "bot", "content": None, "n": 2}], [], None, [None]]
KINDS = {
    "string": pa.array(TEXTS),
    "large": pa.array(TEXTS, pa.large_string()),
    "view": pa.array(TEXTS, pa.string_view()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "list": pa.array([["one"], None, [], ["two", None]]),
    "large list": pa.array([["one"], None, [], ["two", None]], pa.large_list(pa.string())),
    "fixed list": pa.array([["one", "two"], None, ["a", "b"], ["two", None]], pa.list_(pa.string(), 2)),
    "list of lists": pa.array([[["one"], []], None, [], [["two", None]]]),
}
BINARY = {
    "binary": pa.array([b"a", None, b"\xff", b""]),
    "large binary": pa.array([b"a", None, b"\xff", b""], pa.large_binary()),
    "binary view": pa.array([b"a", None, b"\xff", b""], pa.binary_view()),
    "fixed": pa.array([b"ab", None, b"cd", b"ef"], pa.binary(2)),
    "ids": pa.array([[1, 2], None, [], [-100]]),
    "small ids": pa.array([[1, 2], None, [], [7]], pa.list_(pa.uint8())),
    "null": pa.nulls(4),
}


def first_batch(source, columns=None):
    (batch,) = open_corpus(source, columns).batches()
    return batch.data


def parquet(path, table):
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_only_column_of_text_is_taken(kind):
    table = pa.table({"label": range(4), "body": KINDS[kind], "raw": BINARY["binary"], "m": pa.array(MESSAGES)})
    data = first_batch(table)
    assert data.schema.names == ["body"]
    assert data.schema.field("body").type == KINDS[kind].type, "nothing is cast"
    assert data.column(0).to_pylist() == KINDS[kind].to_pylist()


@pytest.mark.parametrize("kind", KINDS | BINARY)
def test_every_kind_can_be_named(kind, tmp_path):
    array = (KINDS | BINARY)[kind]
    table = pa.table({"other": ["x"] * 4, "body": array})
    assert first_batch(table, "body").column(0).to_pylist() == array.to_pylist()
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    assert first_batch(tmp_path / "a.arrow", ["body"]).column(0).to_pylist() == array.to_pylist()
    read = first_batch(parquet(tmp_path / "a.parquet", table), ["body"])
    assert read.schema.names == ["body"]
    assert read.column(0).to_pylist() == array.to_pylist()


@pytest.mark.parametrize("ends", [pa.int16(), pa.int32(), pa.int64()])
def test_runs(ends):
    array = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], ends), pa.array(["a", None]))
    assert first_batch(pa.table({"body": array})).column(0).to_pylist() == ["a", "a", None]


def test_extension_types_count_as_what_they_hold():
    array = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}']))
    assert open_corpus(pa.table({"body": array})).columns == ("body",)


def test_input_ids_are_taken_where_there_is_no_text():
    ids = pa.array([[1, 2]])
    assert open_corpus(pa.table({"input_ids": ids, "attention_mask": ids})).columns == ("input_ids",)
    with pytest.raises(ColumnError, match="no column holds text"):
        open_corpus(pa.table({"labels": ids}))
    assert open_corpus(pa.table({"labels": ids}), "labels").columns == ("labels",)
    assert open_corpus(pa.table({"input_ids": ids, "text": ["a"]})).columns == ("text",)


def nested_tables():
    yield pa.table({"n": range(4), "messages": pa.array(MESSAGES), "z": ["x"] * 4})
    yield pa.table({"meta": pa.array([{"a": {"b": t, "c": 1}, "d": "x"} for t in TEXTS]), "z": ["x"] * 4})


def test_nested_columns_are_projected_to_their_leaf(tmp_path):
    messages, meta = nested_tables()
    path = parquet(tmp_path / "a.parquet", messages)
    data = first_batch(path, "messages.content")
    assert data.to_pydict() == {"messages": [[{"content": "one"}, {"content": None}], [], None, [None]]}, (
        "roles and numbers are not read"
    )
    assert first_batch(messages, "messages.content").schema.names == ["messages"]
    data = first_batch(parquet(tmp_path / "b.parquet", meta), "meta.a.b")
    assert data.to_pydict() == {"meta": [{"a": {"b": text}} for text in TEXTS]}
    both = first_batch(path, ["messages.role", "messages.content"])
    assert both.schema.names == ["messages"]
    assert both.column(0)[0].as_py()[0] == {"role": "user", "content": "one"}


def test_leaves_are_found_behind_maps_structs_and_dictionaries(tmp_path):
    table = pa.table(
        {
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "cat": pa.array(["x"]).dictionary_encode(),
            "deep": pa.array([{"a": [{"b": "no", "c": [["yes"]]}], "d": 1}]),
            "last": ["end"],
        }
    )
    path = parquet(tmp_path / "a.parquet", table)
    assert first_batch(path, "deep.a.c").to_pydict() == {"deep": [{"a": [{"c": [["yes"]]}]}]}
    assert first_batch(path, "last").to_pydict() == {"last": ["end"]}
    assert first_batch(path, ["cat", "last"]).to_pydict() == {"cat": ["x"], "last": ["end"]}


def test_a_name_with_dots_goes_before_a_path(tmp_path):
    table = pa.table({"a": pa.array([{"b": "inner", "c.d": "deep"}]), "a.b": ["outer"]})
    path = parquet(tmp_path / "a.parquet", table)
    assert "a.b" in first_batch(path, "a.b").schema.names
    assert first_batch(table, "a.b").to_pydict() == {"a.b": ["outer"]}
    assert first_batch(table, "a.c.d").schema.names == ["a"]
    (tmp_path / "a.jsonl").write_text('{"a": {"b": "inner", "c.d": "deep"}, "a.b": "outer"}\n')
    assert first_batch(tmp_path / "a.jsonl", "a.b").to_pydict() == {"a.b": ["outer"]}
    assert first_batch(tmp_path / "a.jsonl", "a.c.d").to_pydict() == {"a": [{"c.d": "deep"}]}


SCHEMA = pa.table(
    {"title": ["x"], "content": ["y"], "label": [1], "meta": pa.array([{"lang": "en"}]), "score": [0.5]}
).append_column("map", pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())))


@pytest.mark.parametrize(
    ("columns", "said", "hint"),
    [
        (None, "2 columns hold text (title, content)", "--column"),
        ("contents", "no column 'contents'", "'content'"),
        ("meta.long", "no column 'meta.long'", "'meta.lang'"),
        ("zzz", "no column 'zzz'", "outer.inner"),
        ("content.x", "no column 'content.x'", "'content'"),
        ("label", "type int64", "title (string)"),
        ("score", "type double", ""),
        ("meta", "type struct<lang: string>", ""),
        ("map", "type map<string, string", ""),
    ],
)
def test_errors_name_the_columns_there_are(tmp_path, columns, said, hint):
    path = parquet(tmp_path / "a.parquet", SCHEMA)
    for source, name in ((path, str(path)), (SCHEMA, "pyarrow.Table")):
        with pytest.raises(ColumnError) as caught:
            open_corpus(source, columns)
        assert str(caught.value).startswith(f"{name}: ")
        assert said in str(caught.value)
        assert hint in caught.value.hint
        assert "content (string)" in str(caught.value)


def test_a_name_that_occurs_twice():
    table = pa.table([["x"], ["y"]], names=["text", "text"])
    with pytest.raises(ColumnError, match="'text' occurs twice"):
        open_corpus(table, "text")


def test_a_column_missing_in_one_of_several_files(tmp_path, read):
    parquet(tmp_path / "a.parquet", pa.table({"text": ["x"], "n": [1]}))
    parquet(tmp_path / "b.parquet", pa.table({"more": ["y"], "text": pa.array(["z"], pa.large_string())}))
    assert read(tmp_path) == ["x", "z"], "schemas may differ elsewhere"
    parquet(tmp_path / "c.parquet", pa.table({"body": ["y"]}))
    with pytest.raises(ColumnError, match=r"c\.parquet: no column 'text'; its columns: body"):
        open_corpus(tmp_path)
    (tmp_path / "c.parquet").unlink()
    (tmp_path / "d.jsonl").write_text('{"body": "y"}\n')
    with pytest.raises(ColumnError, match=r"d\.jsonl: no column 'text'; its columns: body"):
        read(tmp_path)
    (tmp_path / "d.jsonl").unlink()
    parquet(tmp_path / "e.parquet", pa.table({"text": [1]}))
    with pytest.raises(ColumnError, match=r"e\.parquet: column 'text' is of type int64"):
        open_corpus(tmp_path)


@pytest.mark.parametrize(("column", "said"), [("body", "no column 'text'"), ("text", "type int64")])
def test_a_compressed_file_is_checked_when_its_turn_comes(tmp_path, read, column, said):
    parquet(tmp_path / "a.parquet", pa.table({"text": ["x"]}))
    parquet(tmp_path / "raw", pa.table({column: [1]}))
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress((tmp_path / "raw").read_bytes()))
    with pytest.raises(ColumnError, match=rf"b\.parquet\.gz: .*{said}"):
        read([tmp_path / "a.parquet", tmp_path / "b.parquet.gz"])


def test_options_of_columns(read):
    table = pa.table({"a": ["x"], "b": ["y"]})
    assert open_corpus(table, ["b", "a"], pair=True).columns == ("b", "a")
    for columns in (None, ["a"], ["a", "b", "c"]):
        with pytest.raises(UsageError, match="a pair takes 2 columns"):
            open_corpus(table, columns, pair=True)
    with pytest.raises(UsageError, match="'a' is named twice"):
        open_corpus(table, ["a", "b", "a"])
    corpus = open_corpus(table, ["b", "a"], pair=True)
    assert open_corpus(corpus, pair=True) is corpus
    corpus = open_corpus(table, "a")
    with pytest.raises(UsageError, match="a pair takes 2 columns, not 1"):
        open_corpus(corpus, pair=True)
    assert open_corpus(corpus) is corpus
    assert open_corpus(corpus, "a") is corpus
    with pytest.raises(UsageError, match="open with the columns a"):
        open_corpus(corpus, "b")


@pytest.mark.parametrize("part", ["footer", "pages", "empty", "start"])
def test_damaged_parquet_is_named(tmp_path, read, part):
    path = parquet(tmp_path / "a.parquet", pa.table({"text": [f"row {i}" for i in range(50_000)]}))
    whole = path.read_bytes()
    damaged = {
        "footer": whole[:-20],
        "pages": whole[:1000] + b"\xff" * 3000 + whole[4000:],
        "empty": b"",
        "start": whole[:100],
    }
    path.write_bytes(damaged[part])
    with pytest.raises(CorpusError, match=r"a\.parquet.*: cannot be read") as caught:
        read(path)
    assert ("row group 0" in str(caught.value)) == (part == "pages")


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "arrow", "parquet"])
@pytest.mark.parametrize("codec", ["gz", "zst"])
def test_truncated_compression_is_named(tmp_path, read, suffix, codec):
    table = pa.table({"text": [f"row {i * i}" for i in range(50_000)]})
    if suffix == "parquet":
        pq.write_table(table, tmp_path / "raw")
    elif suffix == "arrow":
        with pa.ipc.new_stream(str(tmp_path / "raw"), table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
    else:
        row = '{{"text": "{}"}}\n' if suffix == "jsonl" else "{}\n"
        (tmp_path / "raw").write_text("".join(row.format(text) for text in table["text"].to_pylist()))
    path = tmp_path / f"a.{suffix}.{codec}"
    with pa.CompressedOutputStream(str(path), "gzip" if codec == "gz" else "zstd") as stream:
        stream.write((tmp_path / "raw").read_bytes())
    assert read(path) == table["text"].to_pylist()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorpusError, match=rf"a\.{suffix}\.{codec}.*: cannot be read: Truncated"):
        read(path)


@pytest.mark.parametrize("kind", ["file", "stream", "garbage", "empty"])
def test_damaged_arrow_is_named(tmp_path, read, kind):
    table = pa.table({"text": [f"row {i}" for i in range(50_000)]})
    path = tmp_path / "a.arrow"
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=10_000)
    path.write_bytes({"garbage": b"no arrow at all, but text", "empty": b""}.get(kind, path.read_bytes()[:-1000]))
    with pytest.raises(CorpusError, match=r"a\.arrow.*: cannot be read"):
        read(path)


def test_joined_arrow_streams_are_not_cut_off_in_silence(tmp_path, read):
    with pa.ipc.new_stream(str(tmp_path / "one"), pa.schema([("text", pa.string())])) as writer:
        writer.write_table(pa.table({"text": ["x"]}))
    one = (tmp_path / "one").read_bytes()
    for name, data in (("a.arrow", one * 2), ("a.arrow.gz", gzip.compress(one * 2))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorpusError, match="more bytes follow"):
            read(tmp_path / name)


def test_files_of_no_rows(tmp_path, read):
    empty = pa.table({"text": pa.array([], pa.string())})
    parquet(tmp_path / "a.parquet", empty)
    parquet(tmp_path / "b.parquet", pa.table({"text": ["x"]}))
    with pa.ipc.new_file(str(tmp_path / "c.arrow"), empty.schema) as writer:
        writer.write_table(empty)
    (tmp_path / "d.txt").write_bytes(b"")
    assert read(tmp_path) == ["x"]


def test_batches_are_bounded_in_rows_and_bytes(tmp_path):
    long = pa.table({"text": ["x" * 100_000 + str(i) for i in range(300)]})
    short = pa.table({"text": [str(i) for i in range(30_000)]})
    for table, name in ((long, "long"), (short, "short")):
        for source in (parquet(tmp_path / f"{name}.parquet", table), table):
            batches = list(open_corpus(source).batches())
            assert max(batch.data.num_rows for batch in batches) <= 8192
            assert max(batch.data.nbytes for batch in batches) <= 9 << 20
            assert [batch.first_row for batch in batches][:2] == [0, batches[0].data.num_rows]
            assert sum(batch.data.num_rows for batch in batches) == table.num_rows


def test_a_row_group_of_long_rows_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "a.parquet"
    # A page is read whole: left to itself, pyarrow writes a thousand rows into one, however long they are.
    pq.write_table(pa.table({"text": [f"{i}" * 20_000 for i in range(2000)]}), path, write_batch_size=16)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    before = pa.total_allocated_bytes()
    most = 0
    for _ in open_corpus(path).batches():
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 40 << 20, "the row group holds 140 MB"
