"""TokenCounts: values that add up, and one file that is written whole and read with suspicion."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunus.counts import ScanInfo, TokenCounts, merge
from prunus.errors import CorpusError, OutputError, TokenizerMismatchError, UsageError

SIZE = 40
OPTIONS = {"add_special_tokens": True, "truncate": None, "pair": False, "invalid_utf8": "error"}
TOKENS = [f"t{i}" if i % 3 else chr(0x1F600 + i) for i in range(SIZE)]


def info(**changes):
    values = {
        "fingerprint": "3fa2" * 16, "size": SIZE, "rows": 3, "nulls": 1, "text_bytes": 10, "tokens": 0,
        "options": OPTIONS,
        "oracle": "tokenizers 0.23.2", "path": "native:gpt2", "path_reason": "literal regex", "fallback_rows": 0,
        "sources": ({"path": "a.parquet", "bytes": 5, "format": "parquet"},), "version": "0.1.0",
    }  # fmt: skip
    return ScanInfo(**{**values, **changes})


def counts_of(histogram, **changes):
    ids = sorted(histogram)
    total = sum(histogram.values())
    return TokenCounts(ids, [histogram[i] for i in ids], (TOKENS[i] for i in ids), info(tokens=total, **changes))


histograms = st.dictionaries(st.integers(0, SIZE - 1), st.integers(1, 2**60))
parts = st.builds(
    counts_of,
    histograms,
    rows=st.integers(0, 2**40),
    path=st.sampled_from(["row", "generic", "native:gpt2"]),
    path_reason=st.sampled_from(["asked", "one; two", "two"]),
    version=st.sampled_from(["0.1.0", "0.2.0"]),
    sources=st.lists(
        st.fixed_dictionaries({"path": st.text(max_size=3), "bytes": st.none() | st.integers(0, 9)}), max_size=3
    ).map(tuple),
)


@given(parts, parts)
def test_adding_commutes_and_is_the_sum_of_histograms(a, b):
    assert a + b == b + a
    expected = Counter(dict(zip(a.ids.tolist(), a.counts.tolist(), strict=True)))
    expected.update(dict(zip(b.ids.tolist(), b.counts.tolist(), strict=True)))
    assert dict(zip((a + b).ids.tolist(), (a + b).counts.tolist(), strict=True)) == dict(expected)
    assert (a + b).info.rows == a.info.rows + b.info.rows


@given(parts, parts, parts)
def test_adding_is_associative(a, b, c):
    assert (a + b) + c == a + (b + c) == merge([c, a, b])


@given(parts)
def test_file_gives_back_the_counts_and_equal_counts_give_equal_bytes(tmp_path_factory, part):
    folder = tmp_path_factory.mktemp("counts")
    part.save(folder / "a.parquet")
    TokenCounts.load(folder / "a.parquet").save(folder / "b.parquet")
    assert TokenCounts.load(folder / "a.parquet") == part
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["a.parquet", "b.parquet"]


def test_bytes_do_not_depend_on_the_process(tmp_path):
    part = counts_of({1: 5, 2: 9, 39: 2**63})
    part.save(tmp_path / "a.parquet")
    code = "import sys; from prunus.counts import TokenCounts as T; T.load(sys.argv[1]).save(sys.argv[2])"
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = tmp_path / f"{seed}.parquet"
        subprocess.run([sys.executable, "-c", code, tmp_path / "a.parquet", out], check=True, env=environment)
        assert out.read_bytes() == (tmp_path / "a.parquet").read_bytes()


def test_file_has_the_published_schema(tmp_path):
    part = counts_of({3: 7, 1: 2})
    part.save(tmp_path / "counts.parquet")
    table = pq.read_table(tmp_path / "counts.parquet")
    assert [(f.name, str(f.type)) for f in table.schema] == [("id", "uint32"), ("token", "string"), ("count", "uint64")]
    assert table.to_pydict() == {"id": [1, 3], "token": [TOKENS[1], TOKENS[3]], "count": [2, 7]}
    record = json.loads(table.schema.metadata[b"prunus"])
    assert record.pop("format") == 1
    assert ScanInfo(**{**record, "sources": tuple(record["sources"])}) == part.info


def test_strange_tokens_survive_the_file(tmp_path):
    tokens = ["", "\x00", "Ġ\u2028", "\ufeff▁", "👩‍👩‍👧", '"\\']
    total = len(tokens)
    part = TokenCounts(range(total), [1] * total, tokens, info(tokens=total))
    part.save(tmp_path / "counts.parquet")
    assert TokenCounts.load(tmp_path / "counts.parquet").tokens == tuple(tokens)


def test_empty_counts_are_values_too(tmp_path):
    part = counts_of({})
    part.save(tmp_path / "counts.parquet")
    loaded = TokenCounts.load(tmp_path / "counts.parquet")
    assert loaded == part
    assert (len(loaded), loaded.coverage(3), loaded.most_common(), loaded.to_numpy().sum()) == (0, 1.0, [], 0)
    assert loaded + counts_of({1: 1}) == counts_of({1: 1}) + loaded


def test_most_common_and_coverage_follow_a_plain_sort():
    histogram = {5: 10, 2: 10, 9: 70, 0: 1, 7: 9}
    part = counts_of(histogram)
    ranked = sorted(histogram.items(), key=lambda item: (-item[1], item[0]))
    assert part.most_common() == [(TOKENS[i], i, n) for i, n in ranked]
    assert part.most_common(2) == part.most_common()[:2]
    for k in range(7):
        assert part.coverage(k) == sum(n for _, n in ranked[:k]) / 100
    assert part.coverage([2, 9, 30]) == 0.8
    assert part.coverage(np.array([2, 9], np.uint32)) == 0.8
    with pytest.raises(UsageError, match="negative"):
        part.coverage(-1)


def test_sums_beyond_64_bits_are_exact_or_refused():
    big = counts_of({1: 2**63, 2: 2**64 - 1})
    assert big.info.tokens == 2**63 + 2**64 - 1
    assert big.coverage([2]) == (2**64 - 1) / big.info.tokens
    with pytest.raises(UsageError, match="64-bit"):
        big + counts_of({2: 1})
    with pytest.raises(UsageError, match="64-bit"):
        big + big
    assert (big + counts_of({1: 2**63 - 1})).counts.tolist() == [2**64 - 1, 2**64 - 1]


def test_counts_are_read_only_and_their_own():
    ids, numbers = np.array([1, 2], np.uint32), np.array([3, 4], np.uint64)
    part = TokenCounts(ids, numbers, ("a", "b"), info(tokens=7))
    numbers[0] = 99
    assert part.counts.tolist() == [3, 4]
    with pytest.raises(ValueError, match="read-only"):
        part.counts[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.ids = ids
    assert hash(part) == hash(TokenCounts(ids, [3, 4], ("a", "b"), info(tokens=7)))
    assert part != TokenCounts(ids, [3, 4], ("a", "c"), info(tokens=7))


def test_a_function_of_the_ids_is_asked_once_and_when_tokens_are_looked_at():
    asked = []

    def spell(ids):
        asked.append(ids.tolist())
        return [TOKENS[i] for i in ids.tolist()]

    late = TokenCounts([1, 3], [2, 4], spell, info(tokens=6))
    assert late.summary()
    assert not asked
    now = counts_of({1: 2, 3: 4})
    assert late == now == pickle.loads(pickle.dumps(late))
    assert late.tokens == now.tokens
    assert asked == [[1, 3]]
    with pytest.raises(CorpusError, match="2 ids, 1 counts"):
        TokenCounts([1, 3], [6], spell, info(tokens=6))


def test_views():
    part = counts_of({1: 2, 3: 4})
    assert part.to_arrow().column_names == ["id", "token", "count"]
    assert TokenCounts.from_arrow(part.to_arrow()) == part
    assert part.to_pandas().to_dict("list") == {"id": [1, 3], "token": [TOKENS[1], TOKENS[3]], "count": [2, 4]}
    assert part.to_numpy().tolist() == [0, 2, 0, 4] + [0] * (SIZE - 4)
    assert repr(part) == "TokenCounts(2 ids seen of 40, 6 tokens in 3 rows, tokenizer 3fa23fa2)"
    assert "6 tokens in 3 texts" in part.summary()
    assert "replace" in counts_of({1: 2}, invalid_rows=2, options={"invalid_utf8": "replace"}).summary()


@pytest.mark.parametrize(
    ("changes", "error", "named"),
    [
        ({"fingerprint": "b" * 64}, TokenizerMismatchError, ["3fa2" * 16, "b" * 64]),
        ({"size": SIZE + 1}, TokenizerMismatchError, ["40", "41"]),
        ({"oracle": "tokenizers 1.0"}, TokenizerMismatchError, ["tokenizers 0.23.2", "tokenizers 1.0"]),
        ({"options": {**OPTIONS, "pair": True}}, UsageError, ["pair False and True"]),
        ({"options": {**OPTIONS, "more": 1}}, UsageError, ["more None and 1"]),
    ],
)
def test_counts_of_another_kind_do_not_add_up(changes, error, named):
    with pytest.raises(error) as caught:
        counts_of({1: 1}) + counts_of({1: 1}, **changes)
    assert all(name in str(caught.value) for name in named)


def test_an_id_with_two_names_is_refused():
    other = TokenCounts([1], [1], ("other",), info(tokens=1))
    with pytest.raises(TokenizerMismatchError, match=r"id 1 is 't1' .* 'other'"):
        counts_of({1: 1}) + other


def test_merging_nothing_is_an_error():
    with pytest.raises(UsageError, match="nothing to merge"):
        merge([])
    part = counts_of({1: 1})
    assert merge(part for _ in range(3)) == reduce(TokenCounts.__add__, [part] * 3)


@pytest.mark.parametrize(
    ("ids", "numbers", "total", "message"),
    [
        ([2, 1], [1, 1], 2, "ascending"),
        ([1, 1], [1, 1], 2, "ascending"),
        ([1, 2], [1, 0], 1, "id 2 has a count of zero"),
        ([1, SIZE], [1, 1], 2, "not below"),
        ([1, 2], [1, 1], 3, "sum to 2"),
        ([1], [1, 1], 2, "align"),
        ([1, -2], [1, 1], 2, "do not fit uint32"),
        ([1, 2], [1.5, 1], 2, "do not fit uint64"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(ids, numbers, total, message):
    with pytest.raises(CorpusError, match=message):
        TokenCounts(ids, numbers, ["a", "b"], info(tokens=total))


def test_every_truncation_of_the_file_is_noticed(tmp_path):
    path = tmp_path / "counts.parquet"
    counts_of({i: i + 1 for i in range(SIZE)}).save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(CorpusError, match="cannot be read"):
            TokenCounts.load(path)


def _rewritten(path, change_table=lambda table: table, change_record=lambda record: record):
    table = counts_of({1: 2, 3: 4}).to_arrow()
    record = change_record(json.loads(table.schema.metadata[b"prunus"]))
    pq.write_table(change_table(table.replace_schema_metadata({"prunus": json.dumps(record)})), path)


@pytest.mark.parametrize(
    ("change_table", "change_record", "message"),
    [
        (lambda t: t.replace_schema_metadata(None), lambda r: r, "not counts of Prunus"),
        (lambda t: t.drop(["token"]), lambda r: r, "not counts of Prunus"),
        (lambda t: t.set_column(0, "id", t["id"].cast(pa.int64())), lambda r: r, "id int64"),
        (lambda t: t.set_column(1, "token", pa.array(["a", None])), lambda r: r, "nulls"),
        (lambda t: t.slice(0, 1), lambda r: r, "sum to 2"),
        (lambda t: t.take([1, 0]), lambda r: r, "ascending"),
        (lambda t: t, lambda r: {**r, "format": 2}, "format 2"),
        (lambda t: t, lambda r: {k: v for k, v in r.items() if k != "rows"}, "damaged"),
        (lambda t: t, lambda r: {**r, "unknown": 1}, "damaged"),
        (lambda t: t, lambda r: [], "damaged"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, change_table, change_record, message):
    path = tmp_path / "counts.parquet"
    _rewritten(path)
    assert TokenCounts.load(path).counts.tolist() == [2, 4]
    _rewritten(path, change_table, change_record)
    with pytest.raises(CorpusError, match=message) as caught:
        TokenCounts.load(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_counts(tmp_path):
    (tmp_path / "x").write_text("no parquet")
    for path in (tmp_path / "x", tmp_path):
        with pytest.raises(CorpusError, match="cannot be read as counts"):
            TokenCounts.load(path)
    with pytest.raises(CorpusError, match="absent: no such file"):
        TokenCounts.load(tmp_path / "absent")


def test_a_failed_save_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "counts.parquet"
    counts_of({1: 2}).save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        counts_of({1: 3}).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    with pytest.raises(OutputError, match="absent"):
        counts_of({1: 3}).save(tmp_path / "absent" / "counts.parquet")
