"""Random rows of troublesome fragments: every path gives the library's ids, for every real tokenizer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=max(40, settings().max_examples))
@given(data=st.data())
def test_random_rows(data, name, real, rows_like):
    case = real(name)
    rows = data.draw(st.lists(rows_like(case.added_tokens()), min_size=1, max_size=3))
    expected = case.expected(rows)
    for path in ("auto", "generic", "row"):
        assert case.counted(rows, path) == expected, path


@given(data=st.data())
@settings(max_examples=10)
def test_random_rows_without_special_tokens(data, name, real, rows_like):
    case = real(name)
    rows = data.draw(st.lists(rows_like(case.added_tokens()), min_size=1, max_size=3))
    assert case.counted(rows, special=False) == case.expected(rows, special=False)


@given(data=st.data())
@settings(max_examples=10)
def test_random_pairs(data, name, real, rows_like, run_scan, histogram_of):
    import numpy as np
    import pyarrow as pa

    case = real(name)
    text = rows_like(case.added_tokens())
    pairs = data.draw(st.lists(st.tuples(text, text), min_size=1, max_size=3))
    table = pa.table({"a": [a for a, _ in pairs], "b": [b for _, b in pairs]})
    flat = [i for e in case.oracle.encode_batch(pairs) for i in e.ids]
    ids, counts = np.unique(np.asarray(flat, np.int64), return_counts=True)
    for path in ("auto", "generic", "row"):
        raw = run_scan(case.engine(path), table, ("a", "b"), pair=True)
        assert histogram_of(raw) == dict(zip(ids.tolist(), counts.tolist(), strict=True)), path
        assert raw.rows == len(pairs)
