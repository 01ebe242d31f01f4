"""One file, or a stretch of it, as a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.corpus.base import Corpus
from prunus.corpus.batches import Batch
from prunus.corpus.columns import resolve
from prunus.corpus.files import check_unchanged
from prunus.corpus.reader import Reader, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import Span
    from prunus.parts import Part


class StretchCorpus(Corpus):
    """The rows of a stretch.

    Args:
        file: The file, as it was when it was planned.
        span: The stretch; None for the whole file.
        columns: Dotted names.
        text_rows: `line` or `file`.
        part: What its counts are labelled with.
        weight: Bytes that stand for all of it in progress.
    """

    def __init__(
        self,
        file: SourceFile,
        span: Span | None,
        *,
        columns: Sequence[str],
        text_rows: str,
        part: Part,
        weight: int,
    ) -> None:
        self._file = file
        self._span = span
        self._text_rows = text_rows
        self._reader: Reader | None = None
        self._done = 0
        self.columns = tuple(columns)
        self.sources = (file.record,)
        self.part = part
        self.total_bytes = weight

    def bytes_read(self) -> int:
        """Bytes consumed so far, of `total_bytes`."""
        return self._reader.consumed() if self._reader else self._done

    def batches(self) -> Iterator[Batch]:
        """All rows.

        Raises:
            CorpusError: The file cannot be read, or is no longer the one that was planned.
            ColumnError: It lacks a column, or holds another type.
        """
        check_unchanged(self._file)
        with open_reader(self._file, self.columns, self._text_rows, span=self._span) as reader:
            if reader.schema is not None:
                resolve(reader.schema, self.columns, self._file.path)
                self._reader = reader
                for data, row in reader.batches(self.columns):
                    yield Batch(data, self._file.path, row)
                self._reader = None
        check_unchanged(self._file)
        self._done = self.total_bytes or 0
