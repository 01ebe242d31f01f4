"""Every k-th row of a corpus held out: one view of it without these rows, one with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from prunus.corpus.base import Corpus
from prunus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunus.corpus.batches import Batch


class HeldOut(Corpus):
    """The rows of a corpus that are held out, or those that are left.

    Args:
        corpus: The corpus.
        every: Every how many-th row is held out, the last of each group of so many.
        held: Whether this is the view of the rows held out.

    Raises:
        UsageError: `every` is below 2, so that no row would be left.

    Example:
        >>> from prunus.corpus import open_corpus
        >>> rows = open_corpus(["a", "b", "c", "d", "e"])
        >>> [batch.data.column(0).to_pylist() for batch in HeldOut(rows, 2, held=True).batches()]
        [['b', 'd']]
    """

    def __init__(self, corpus: Corpus, every: int, *, held: bool) -> None:
        if every < 2:
            raise UsageError(f"holding out every row needs a number of at least 2, not {every}")
        self._corpus, self._every, self._held = corpus, every, held
        self.columns, self.sources, self.total_bytes = corpus.columns, corpus.sources, corpus.total_bytes

    def bytes_read(self) -> int:
        """Bytes of the sources consumed so far."""
        return self._corpus.bytes_read()

    def batches(self) -> Iterator[Batch]:
        """The rows of this view, from the start.

        Raises:
            CorpusError: As of the corpus itself.
            ColumnError: As of the corpus itself.
        """
        import pyarrow as pa

        row = 0
        for batch in self._corpus.batches():
            numbers = np.arange(row + 1, row + 1 + batch.data.num_rows)
            row += batch.data.num_rows
            chosen = batch.data.filter(pa.array((numbers % self._every == 0) == self._held))
            if chosen.num_rows:
                yield replace(batch, data=chosen)
