"""Parquet: one row group after the other, only the wanted leaves, batches sized by the bytes of a row."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from prunus.corpus.batches import BATCH_ROWS, BLOCK_BYTES, bounded
from prunus.corpus.columns import inner, names_of
from prunus.corpus.remote import is_url
from prunus.corpus.streams import open_bytes, open_file, reading, spooled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import Span
    from prunus.corpus.streams import Pipe

_BUFFER_BYTES = 1 << 20


class ParquetReader:
    """An open Parquet file."""

    def __init__(self, file: SourceFile, parquet: pq.ParquetFile, size: int, span: Span | None = None) -> None:
        self._file = file
        self._parquet = parquet
        self._size = span.weight if span else size
        self._groups = range(span.start, span.stop) if span else range(parquet.metadata.num_row_groups)
        self._first = self._rows = self._rows_in(range(self._groups.start))
        self._all_rows = self._rows_in(self._groups)
        self.schema: pa.Schema = parquet.schema_arrow

    def _rows_in(self, groups: range) -> int:
        return sum(self._parquet.metadata.row_group(group).num_rows for group in groups)

    def weights(self, columns: Sequence[str]) -> list[int]:
        """Bytes that each row group holds of the wanted columns, decompressed."""
        leaves = _leaves(self._parquet, columns)
        return [_size(self._parquet.metadata.row_group(group), leaves) for group in self._groups]

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Bounded batches of the wanted columns, each with its first row's number."""
        leaves = _leaves(self._parquet, columns)
        names = [self._parquet.schema.column(leaf).path for leaf in leaves]
        for group in self._groups:
            with reading(self._file.path, f"row group {group}"):
                step = _rows_per_batch(self._parquet.metadata.row_group(group), leaves)
                for read in self._parquet.iter_batches(step, row_groups=[group], columns=names, use_threads=False):
                    for batch in bounded(read):
                        yield batch, self._rows
                        self._rows += batch.num_rows

    def consumed(self) -> int:
        """Bytes of the file read so far, by its rows."""
        return self._size * (self._rows - self._first) // max(self._all_rows, 1)


@contextmanager
def open_parquet(file: SourceFile, pipe: Pipe | None, span: Span | None = None) -> Iterator[ParquetReader]:
    """Open a Parquet file, or some of its row groups; a compressed one or a pipe goes through a temporary file."""
    with ExitStack() as stack:
        if pipe is None and file.size is not None and not file.compression:
            source = stack.enter_context(open_file(file.path))
            size = file.size
        else:
            stream, consumed = stack.enter_context(open_bytes(file, pipe))
            source = stack.enter_context(spooled(stream))
            size = consumed()
        # No memory map: a file that shrinks while it is mapped kills the process. Buffered, or a whole column chunk
        # would be held at once; but over a network each buffer is a round trip, so there the chunks come in few, ahead.
        how = {"pre_buffer": True} if is_url(file.path) else {"buffer_size": _BUFFER_BYTES}
        parquet = stack.enter_context(pq.ParquetFile(source, page_checksum_verification=True, **how))
        yield ParquetReader(file, parquet, size, span)


def _rows_per_batch(group: pq.RowGroupMetaData, leaves: Sequence[int]) -> int:
    rows: int = group.num_rows
    return max(1, min(BATCH_ROWS, BLOCK_BYTES * rows // max(_size(group, leaves), 1)))


def _size(group: pq.RowGroupMetaData, leaves: Sequence[int]) -> int:
    return sum(group.column(leaf).total_uncompressed_size for leaf in leaves)


def _leaves(parquet: pq.ParquetFile, columns: Sequence[str]) -> list[int]:
    """Numbers of the Parquet columns below the wanted ones: Parquet stores each leaf of a nested column apart."""
    root = pa.struct(list(parquet.schema_arrow))
    chosen: set[int] = set()
    for column in columns:
        start, kind = 0, root
        for name in names_of(parquet.schema_arrow, column):
            start, kind = _child(start, kind, name)
        chosen.update(range(start, start + _leaf_count(kind)))
    return sorted(chosen)


def _child(start: int, kind: pa.DataType, name: str) -> tuple[int, pa.DataType]:
    struct, _ = inner(kind)
    index = struct.get_field_index(name)
    return start + sum(_leaf_count(struct.field(i).type) for i in range(index)), struct.field(index).type


def _leaf_count(kind: pa.DataType) -> int:
    kind, _ = inner(kind)
    if pt.is_struct(kind):
        return sum(_leaf_count(field.type) for field in kind)
    return _leaf_count(kind.key_type) + _leaf_count(kind.item_type) if pt.is_map(kind) else 1
