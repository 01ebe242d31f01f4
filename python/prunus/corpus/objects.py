"""Live objects as a corpus: Arrow streams, data sets of `datasets`, and iterables of strings."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from prunus.corpus.base import Corpus
from prunus.corpus.batches import BATCH_ROWS, BLOCK_BYTES, Batch, bounded
from prunus.corpus.columns import resolve, top_level
from prunus.corpus.streams import reading
from prunus.corpus.text import TEXT_COLUMN
from prunus.errors import ColumnError, CorpusError, InvalidTextError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def type_name(value: object) -> str:
    """The type of a live object with the package it comes from, for example `polars.DataFrame`."""
    kind = type(value)
    package = kind.__module__.split(".")[0]
    return kind.__qualname__ if package == "builtins" else f"{package}.{kind.__qualname__}"


def is_dataset(value: object) -> bool:
    """Whether this is a `datasets.Dataset` or `IterableDataset`, which export no Arrow stream themselves."""
    return type_name(value).startswith("datasets.") and hasattr(value, "with_format") and hasattr(value, "iter")


class ArrowCorpus(Corpus):
    """Rows of anything that gives an Arrow stream: pyarrow, polars, duckdb, pandas, `datasets`.

    Args:
        source: The object.
        columns: Dotted names, or None.
    """

    def __init__(self, source: object, columns: Sequence[str] | None) -> None:
        self._source = source
        self._name = type_name(source)
        self._once = isinstance(source, pa.RecordBatchReader)
        self._consumed = False
        # The first reader tells the schema and is then read: opening another one may run a query again.
        self._reader: pa.RecordBatchReader | None = self._open()
        self._schema: pa.Schema = self._reader.schema
        self.columns = resolve(self._schema, columns, self._name)
        self.sources = ({"object": self._name},)

    def _open(self) -> pa.RecordBatchReader:
        with reading(self._name):
            if is_dataset(self._source):
                return _dataset_reader(self._source)
            if isinstance(self._source, pa.RecordBatchReader):
                return self._source
            if isinstance(self._source, pa.Array):
                return pa.table({TEXT_COLUMN: self._source}).to_reader()
            try:
                return pa.RecordBatchReader.from_stream(self._source)
            except pa.ArrowInvalid:
                # A stream of one column, as a Series or a ChunkedArray gives it, is in memory already.
                return pa.table({TEXT_COLUMN: pa.chunked_array(self._source)}).to_reader()

    def batches(self) -> Iterator[Batch]:
        """All rows.

        Raises:
            CorpusError: The stream fails, or can be read only once and was.
        """
        if self._once and self._consumed:
            raise CorpusError(f"{self._name}: the stream was already consumed", hint="Pass a table, or a new reader.")
        self._consumed = True
        reader = self._reader or self._open()
        self._reader = None
        names = top_level(self._schema, self.columns)
        row = 0
        with reading(self._name):
            for read in reader:
                for data in bounded(read.select(names)):
                    yield Batch(data, self._name, row)
                    row += data.num_rows


def _dataset_reader(dataset: Any) -> pa.RecordBatchReader:
    """A data set in its own order, indices of a shuffle or selection included."""
    tables = dataset.with_format("arrow").iter(batch_size=BATCH_ROWS)
    first = next(tables, None)
    if first is None:
        schema = dataset.features.arrow_schema if dataset.features else pa.schema([])
        return pa.RecordBatchReader.from_batches(schema, [])
    rest = (batch for table in tables for batch in table.cast(first.schema).to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, _chained(first.to_batches(), rest))


def _chained(*parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from part


class TextCorpus(Corpus):
    """Rows of an iterable of strings, None being null; a generator is read in bounded batches, once.

    Args:
        source: The iterable.
        columns: None, or the one name `text`.
    """

    def __init__(self, source: Iterable[str | None], columns: Sequence[str] | None) -> None:
        self._source = source
        self._name = type_name(source)
        self._once = iter(source) is source
        self._consumed = False
        self.columns = resolve(pa.schema([(TEXT_COLUMN, pa.string())]), columns, self._name)
        self.sources = ({"object": self._name},)

    def batches(self) -> Iterator[Batch]:
        """All rows.

        Raises:
            CorpusError: The iterator was already consumed.
            ColumnError: An item is no string.
            InvalidTextError: A string holds half of a surrogate pair.
        """
        if self._once and self._consumed:
            raise CorpusError(
                f"{self._name}: the iterator was already consumed", hint="Pass a list, or a new iterator."
            )
        self._consumed = True
        texts = iter(self._source)
        row = 0
        while block := self._block(texts, row):
            batch = pa.RecordBatch.from_arrays([self._array(block, row)], [TEXT_COLUMN])
            for data in bounded(batch):
                yield Batch(data, self._name, row)
                row += data.num_rows

    def _block(self, texts: Iterator[str | None], row: int) -> list[str | None]:
        block: list[str | None] = []
        size = 0
        for text in islice(texts, BATCH_ROWS):
            if not (text is None or isinstance(text, str)):
                raise ColumnError(
                    f"{self._name}: item {row + len(block)} is a {type_name(text)}, not a str or None",
                    hint="Pass an iterable of strings, or a table and the names of its columns.",
                    row=row + len(block),
                )
            block.append(text)
            size += len(text or "")
            if size >= BLOCK_BYTES:
                break
        return block

    def _array(self, block: list[str | None], row: int) -> pa.Array:
        try:
            return pa.array(block, pa.large_string())
        except UnicodeEncodeError as error:
            position = row + next(i for i, text in enumerate(block) if text and not _is_unicode(text))
            raise InvalidTextError(
                f"{self._name}: item {position} holds a surrogate that is not half of a pair",
                hint="Such a string is no Unicode text; it often comes from errors='surrogateescape'.",
                row=position,
            ) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
