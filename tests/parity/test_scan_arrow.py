"""Every Arrow encoding of text gives the same counts; ready ids; nested columns; what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from prunus.errors import ColumnError, InvalidTextError, UsageError

TEXTS = ["to be", None, "or not", "", "to to to", "be" * 30, "not\x00be", None, "to be", "or"]


@pytest.fixture(scope="module")
def case(case_of):
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return case_of(tokenizer)


def run_ends(texts):
    values = pa.array(texts, pa.string())
    ends = pa.array(range(2, 2 * len(texts) + 2, 2), pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, values)


def dictionary(texts):
    """Values that no row uses, a value that is null, keys that are null."""
    values = ["unused", *texts, "unused too"]
    keys = [None if t is None and i % 2 else values.index(t) for i, t in enumerate(texts)]
    return pa.DictionaryArray.from_arrays(pa.array(keys, pa.int8()), pa.array(values, pa.large_string()))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
)
def test_flat(kind, case, run_scan, histogram_of):
    array = pa.array(TEXTS, pa.string()).cast(kind)
    sliced = pa.concat_arrays([array, array, array]).slice(7, 17)
    expected = [t for t in (TEXTS * 3)[7:24] if t is not None]
    for threads in (1, 2):
        raw = run_scan(case.engine(), pa.record_batch({"text": sliced}), threads=threads)
        assert histogram_of(raw) == case.expected(expected)
        assert (raw.rows, raw.nulls) == (len(expected), 17 - len(expected))
        assert raw.text_bytes == sum(len(t.encode()) for t in expected)


@pytest.mark.parametrize("encode", [dictionary, run_ends])
def test_indirect(encode, case, run_scan, histogram_of, path):
    array = encode(TEXTS)
    for start, length in [(0, len(array)), (1, len(array) - 3), (3, 1), (4, 0)]:
        part = array.slice(start, length)
        texts = [t for t in part.to_pylist() if t is not None]
        raw = run_scan(case.engine(path), pa.record_batch({"text": part}))
        assert histogram_of(raw) == case.expected(texts)
        assert (raw.rows, raw.nulls) == (len(texts), length - len(texts))


def test_nested(case, run_scan, histogram_of):
    rows = [
        {"messages": [{"content": "to be", "n": 1}, {"content": None, "n": 2}, None]},
        {"messages": None},
        {"messages": []},
        {"messages": [{"content": "or not", "n": 3}]},
        None,
    ]
    table = pa.table({"chat": pa.array(rows), "dotted.name": pa.array(["be"] * 5)}).slice(0, 5)
    raw = run_scan(case.engine(), table, ("chat.messages.content",), batch_rows=2)
    assert histogram_of(raw) == case.expected(["to be", "or not"])
    assert (raw.rows, raw.nulls) == (2, 4)  # a null text, a null message, a null list, a null row
    assert run_scan(case.engine(), table, ("dotted.name",)).rows == 5


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.string()), pa.large_list(pa.string()), pa.list_(pa.list_(pa.string())), pa.list_(pa.string(), 2)],
)
def test_lists_of_texts(kind, case, run_scan, histogram_of):
    two = [["to", "be"], None, ["or", None]]
    array = pa.array([[row] if row else None for row in two] if pa.types.is_nested(kind.value_type) else two, kind)
    raw = run_scan(case.engine(), pa.record_batch({"text": array}))
    assert histogram_of(raw) == case.expected(["to", "be", "or"])
    assert (raw.rows, raw.nulls) == (3, 2)


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()])
def test_ready_ids(kind, case, run_scan, histogram_of):
    ignored = [] if pa.types.is_unsigned_integer(kind) else [-100]
    array = pa.array([[1, 2, *ignored, 2], None, [], [7]], pa.list_(kind)).slice(0, 4)
    raw = run_scan(case.engine(), pa.record_batch({"ids": array}), ("ids",))
    assert histogram_of(raw) == {1: 1, 2: 2, 7: 1}
    assert (raw.rows, raw.nulls, raw.text_bytes) == (3, 1, 0)


@pytest.mark.parametrize("bad", [-1, -99, 256, 2**40])
def test_a_value_that_is_no_id_names_its_row(bad, case, run_scan):
    table = pa.table({"ids": pa.array([[1]] * 5 + [[2, bad]], pa.list_(pa.int64()))})
    with pytest.raises(
        InvalidTextError, match=rf"memory: row 5 \(from 0\) of column \"ids\" holds {bad}, .* 256 ids"
    ) as error:
        run_scan(case.engine(), table, ("ids",), batch_rows=2)
    assert error.value.details["row"] == 5
    assert error.value.hint


def test_invalid_utf8(case, run_scan, histogram_of):
    column = pa.array([b"to", b"b\xffe", None, "é".encode(), b"\xc3"])
    # Nobody validates string columns either: this one holds the same bytes.
    text = pa.Array.from_buffers(pa.string(), len(column), column.buffers(), column.null_count)
    for array in (column, text):
        batch = pa.record_batch({"text": array})
        with pytest.raises(InvalidTextError, match=r'row 1 \(from 0\) of column "text" is not valid UTF-8 \(byte 1'):
            run_scan(case.engine(), batch)
        replaced = run_scan(case.engine(), batch, invalid_utf8="replace")
        assert histogram_of(replaced) == case.expected(["to", "b\ufffde", "é", "\ufffd"])
        skipped = run_scan(case.engine(), batch, invalid_utf8="skip")
        assert histogram_of(skipped) == case.expected(["to", "é"])
        assert (skipped.rows, skipped.nulls, skipped.invalid_rows) == (2, 1, 2)


def test_errors_name_what_there_is(case, run_scan):
    batch = pa.record_batch({"n": pa.array([1]), "s": pa.array([{"a": "x"}])})
    with pytest.raises(ColumnError, match='no column "text"; there are n, s'):
        run_scan(case.engine(), batch)
    with pytest.raises(ColumnError, match='"n" is Int64, which holds neither text nor token ids'):
        run_scan(case.engine(), batch, ("n",))
    with pytest.raises(ColumnError, match="there are a"):
        run_scan(case.engine(), batch, ("s.b",))
    with pytest.raises(UsageError, match="exactly two columns"):
        run_scan(case.engine(), batch, ("s.a",), pair=True)


def test_pairs_with_a_null_are_null_rows(case, run_scan, histogram_of):
    table = pa.table(
        {"a": pa.array(["to", None, "be", ""]), "b": pa.array(["or", "x", None, "to"]).dictionary_encode()}
    )
    raw = run_scan(case.engine(), table, ("a", "b"), pair=True)
    assert histogram_of(raw) == case.expected(["to", "or", "to"])
    assert (raw.rows, raw.nulls) == (2, 2)


def test_many_batches_of_any_size(case, run_scan, histogram_of):
    texts = [f"{i} {i % 7} to be" for i in range(3000)]
    table = pa.table({"text": texts, "copy": texts})
    expected = case.expected(texts + texts)
    for batch_rows, threads in [(1, 3), (64, 2), (5000, 3)]:
        raw = run_scan(case.engine(), table, ("text", "copy"), batch_rows=batch_rows, threads=threads)
        assert histogram_of(raw) == expected
        assert raw.rows == 6000
    assert pc.sum(pa.array(np.fromiter(expected.values(), np.int64))).as_py() == raw.tokens
