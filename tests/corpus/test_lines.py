"""Text and JSONL: wherever the blocks end, the rows are those of a naive reader."""

from __future__ import annotations

import io
import json
import tracemalloc

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunus.corpus.jsonl
import prunus.corpus.text
from prunus.corpus import open_corpus, streams
from prunus.errors import ColumnError, CorpusError, InvalidTextError

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def blocks_of(monkeypatch):
    """Sets the size of a block."""
    whole = streams.line_blocks

    def set_size(size):
        def cut(stream, **options):
            return whole(stream, size, **options)

        for module in (prunus.corpus.jsonl, prunus.corpus.text):
            monkeypatch.setattr(module, "line_blocks", cut)

    return set_size


def naive_lines(data):
    rows = data.removeprefix(BOM).split(b"\n")
    last = rows.pop()
    return [row.removesuffix(b"\r").decode() for row in rows] + ([last.decode()] if last else [])


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"a", b"\n", b"\r", BOM, b"bc"])).map(b"".join),
    st.integers(1, 9),
)
def test_blocks_join_to_the_data_and_end_at_line_feeds(data, size):
    blocks = list(streams.line_blocks(pa.BufferReader(data), size))
    assert b"".join(blocks) == data.removeprefix(BOM)
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert all(blocks)


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\ufeffa"), max_size=20)


@given(texts, st.integers(1, 16))
def test_text_in_blocks_of_any_size(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            prunus.corpus.text, "line_blocks", lambda stream, **options: streams.line_blocks(stream, size, **options)
        )
        found = [
            (batch.first_row + i, row.as_py())
            for batch in open_corpus(path).batches()
            for i, row in enumerate(batch.data["text"])
        ]
    assert found == list(enumerate(naive_lines(text.encode())))


values = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
objects = st.fixed_dictionaries({}, optional={"text": values, "other": values | st.integers() | st.lists(values)})


@given(st.lists(objects, max_size=12), st.integers(1, 200), st.booleans(), st.sampled_from(["\n", "\r\n", "\n \n"]))
def test_jsonl_in_blocks_of_any_size(tmp_path_factory, rows, size, ascii_only, end):
    rows = [{"text": "first"}, *rows]
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_bytes(end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            prunus.corpus.jsonl, "line_blocks", lambda stream, **options: streams.line_blocks(stream, size, **options)
        )
        found = [row for batch in open_corpus(path, "text").batches() for row in batch.data["text"].to_pylist()]
    assert found == [row.get("text") for row in rows]


@given(
    st.lists(st.lists(st.none() | st.fixed_dictionaries({"role": values, "content": values}), max_size=3), max_size=5)
)
def test_jsonl_nested_columns_equal_the_naive_ones(tmp_path_factory, rows):
    rows = [[{"role": "user", "content": "first"}], *rows]
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("".join(json.dumps({"messages": row, "n": 1}) + "\n" for row in rows), encoding="utf-8")
    found = [row for b in open_corpus(path, "messages.content").batches() for row in b.data["messages"].to_pylist()]
    assert found == [[m and {"content": m["content"]} for m in row] for row in rows]


def write(path, *lines, end=b"\n"):
    path.write_bytes(b"".join(line + end for line in lines))
    return path


def test_one_huge_line_is_one_row_and_costs_linear_memory(tmp_path, read, blocks_of):
    blocks_of(1 << 16)
    size = 40 << 20
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * size + b"\nshort\n")
    tracemalloc.start()
    assert [len(row) for row in read(path)] == [size, 5]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * size
    path = write(tmp_path / "a.jsonl", b'{"text": "' + b"x" * size + b'"}', b'{"text": "short"}')
    assert [len(row) for row in read(path)] == [size, 5]


def test_many_lines_cost_bounded_memory(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"some words in a line\n" * 4_000_000)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    rows = most = 0
    for batch in open_corpus(path).batches():
        rows += batch.data.num_rows
        assert batch.data.num_rows <= 8192
        most = max(most, pa.total_allocated_bytes() - before)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 4_000_000
    assert peak + most < 60 << 20


def test_a_column_whose_type_shows_late(tmp_path, read, blocks_of):
    blocks_of(64)
    path = write(tmp_path / "a.jsonl", *[b'{"t": null}'] * 50, *[b'{"t": []}'] * 50, b'{"t": [5, 6]}', b'{"t": null}')
    assert read(path, "t") == [None] * 50 + [[]] * 50 + [[5, 6], None]
    path = write(tmp_path / "b.jsonl", *[b'{"t": null}'] * 50, b'{"t": {"x": 1}}')
    with pytest.raises(ColumnError, match="struct"):
        read(path, "t")


def test_dates_stay_text_and_numbers_are_refused(tmp_path, read):
    assert read(write(tmp_path / "a.jsonl", b'{"t": "2020-01-01", "n": 1}')) == ["2020-01-01"]
    with pytest.raises(ColumnError, match=r"column 'n' is of type int64"):
        read(tmp_path / "a.jsonl", "n")
    with pytest.raises(ColumnError, match=r"'n' is of type list<item: double>"):
        read(write(tmp_path / "b.jsonl", b'{"n": [1.5]}'), "n")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        (b'{"text": "x"', CorpusError, "broken JSON"),
        (b'{"text": "x",}', CorpusError, "broken JSON"),
        (b"{'text': 'x'}", CorpusError, "broken JSON"),
        (b'{"text": "x"} {"text": "y"}', CorpusError, "broken JSON"),
        (b'["x"]', CorpusError, "a list, not an object"),
        (b'"x"', CorpusError, "a str, not an object"),
        (b'{"text": "x", "text": "y"}', CorpusError, "'text' occurs twice"),
        (b'{"text": 3}', ColumnError, "column 'text' holds a number where string"),
        (b'{"text": true}', ColumnError, "column 'text' holds a boolean"),
        (b'{"text": ["x"]}', ColumnError, "column 'text' holds a list"),
        (b'{"text": {"x": "y"}}', ColumnError, "column 'text' holds an object"),
        (b'{"text": "\\ud800"}', InvalidTextError, "column 'text' holds a surrogate"),
        (b'{"text": "\\udc00x"}', InvalidTextError, "column 'text' holds a surrogate"),
        (b'{"text": "x\xff"}', InvalidTextError, "invalid UTF-8 at byte 11"),
        (b'{"text": "x\xed\xa0\x80"}', InvalidTextError, "invalid UTF-8"),
    ],
)
def test_a_bad_line_of_jsonl_is_named(tmp_path, read, blocks_of, line, error, said, late):
    if late:
        blocks_of(256)
    before = [b'{"text": "fine"}', b"", b'{"text": "fine", "more": [1, "a"]}'] * (20 if late else 1)
    path = write(tmp_path / "a.jsonl", *before, line, b'{"text": "fine"}')
    with pytest.raises(error) as caught:
        read(path, "text")
    assert str(caught.value).startswith(f"{path}, line {len(before) + 1}: ")
    assert said in str(caught.value)
    assert caught.value.details["line"] == len(before) + 1


def test_a_row_over_several_lines_is_named(tmp_path, read):
    path = write(tmp_path / "a.jsonl", b'{"text": "x"}', b"{", b'"text": "y"', b"}")
    with pytest.raises(CorpusError, match="line 2: broken JSON"):
        read(path, "text")


def test_a_truncated_last_line_says_so(tmp_path, read):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "x"}\n{"text": "y')
    with pytest.raises(CorpusError, match="line 2: broken JSON") as caught:
        read(tmp_path / "a.jsonl", "text")
    assert "truncated" in caught.value.hint


def test_duplicate_names_of_no_interest_do_no_harm(tmp_path, read):
    assert read(write(tmp_path / "a.jsonl", b'{"text": "x", "n": 1, "n": 2}'), "text") == ["x"]


def test_ids_beyond_64_bits_are_named(tmp_path, read):
    path = write(tmp_path / "a.jsonl", b'{"input_ids": [1, 2]}', b'{"input_ids": [99999999999999999999]}')
    with pytest.raises(ColumnError, match=r"line 2: column 'input_ids' holds the number 99999999999999999999"):
        read(path, "input_ids")


def test_a_byte_order_mark_is_no_text(tmp_path, read):
    assert read(write(tmp_path / "a.jsonl", BOM + b'{"text": "x"}')) == ["x"]
    assert read(write(tmp_path / "a.txt", BOM + b"x", BOM + b"y")) == ["x", "\ufeffy"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(tmp_path, read, name, encoding):
    (tmp_path / name).write_bytes('\ufeff{"text": "x"}\n'.encode(encoding))
    for rows in ("line", "file") if name == "a.txt" else ("line",):
        with pytest.raises(InvalidTextError, match="UTF-16"):
            read(tmp_path / name, text_rows=rows)


def test_invalid_utf8_in_text_is_handed_on_as_bytes_with_its_row(tmp_path):
    path = write(tmp_path / "a.txt", b"fine", b"bad \xff\r", b"fine")
    (batch,) = open_corpus(path).batches()
    assert batch.data["text"].to_pylist() == [b"fine", b"bad \xff", b"fine"]
    assert batch.first_row == 0


def test_rows_without_a_line_are_none(tmp_path, read):
    for name in ("a.txt", "a.jsonl"):
        (tmp_path / name).write_bytes(b"")
        assert read(tmp_path / name) == []
    write(tmp_path / "b.jsonl", b"", b"  ", b"\r")
    assert read(tmp_path / "b.jsonl", "text") == []
    write(tmp_path / "c.jsonl", b'{"body": "x"}')
    assert read([tmp_path / "a.jsonl", tmp_path / "c.jsonl"]) == ["x"], "the first file with rows names the column"


def test_reading_a_pipe_gives_the_same(tmp_path):
    pipe = streams.Pipe(io.BytesIO(b"0123456789"))
    assert pipe.peek() == b"0123456789"
    assert (pipe.read(3), pipe.read(3), pipe.read()) == (b"012", b"345", b"6789")
    assert pipe.consumed == 10
