"""Full histograms on slices of real corpora: English, Korean, Chinese, many scripts; every path, 1, 2 and 3 threads."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

CORPORA = {
    "xquad": ("context", 300),
    "kornli": ("sentence1", 60),
    "pawsx-en-zh": ("sentence2", 60),
    "udhr": ("text", 180),
    "tatoeba": ("text", 500),
    "wikitext2": ("text", 60),
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_histogram(corpus, name, real, shared_corpora):
    column, step = CORPORA[corpus]
    texts = pq.read_table(shared_corpora / f"{corpus}.parquet", columns=[column]).column(0).to_pylist()[::step]
    case = real(name)
    expected = case.expected(texts)
    for path, threads in [("auto", 1), ("auto", 2), ("auto", 3), ("generic", 2), ("row", 3)]:
        assert case.counted(texts, path, threads, batch_rows=37) == expected, (path, threads)
    assert case.counted(texts, memory=1 << 14) == expected, "a table that is flushed all the time"
