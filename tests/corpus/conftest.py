"""Naive readers, against which the streaming ones are held."""

from __future__ import annotations

import pytest

from prunus.corpus import open_corpus


def rows_of(corpus):
    """All rows of a corpus of one column, and the checks that hold for any corpus."""
    rows, next_row = [], {}
    for batch in corpus.batches():
        assert batch.data.num_rows > 0
        assert batch.first_row >= next_row.get(batch.source, 0)
        next_row[batch.source] = batch.first_row + batch.data.num_rows
        assert batch.data.num_columns == 1
        rows.extend(batch.data.column(0).to_pylist())
    return [row.decode() if isinstance(row, bytes) else row for row in rows]


@pytest.fixture
def read():
    """Rows of a source, by `open_corpus`."""

    def reader(source, columns=None, **options):
        return rows_of(open_corpus(source, columns, **options))

    return reader
