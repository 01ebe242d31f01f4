"""Arrow IPC, file and stream, told apart by their first bytes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from prunus.corpus.batches import bounded
from prunus.corpus.columns import top_level
from prunus.corpus.formats import ARROW_FILE_MAGIC
from prunus.corpus.streams import Pipe, open_bytes, reading, spooled
from prunus.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunus.corpus.discover import SourceFile


class ArrowReader:
    """An open Arrow IPC file or stream."""

    def __init__(
        self,
        file: SourceFile,
        reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader,
        stream: pa.NativeFile,
        consumed: Callable[[], int],
    ) -> None:
        self._file = file
        self._reader = reader
        self._stream = stream
        self._consumed = consumed
        self._done = 0
        self.schema: pa.Schema = reader.schema

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Bounded batches of the wanted columns, each with its first row's number."""
        names = top_level(self.schema, columns)
        row = 0
        for number, read in enumerate(self._read()):
            with reading(self._file.path, f"record batch {number}"):
                for batch in bounded(read.select(names)):
                    yield batch, row
                    row += batch.num_rows

    def consumed(self) -> int:
        """Bytes of the file read so far; of one that is read at any place, by its record batches."""
        if self._file.size is None or not isinstance(self._reader, pa.RecordBatchFileReader):
            return self._consumed()
        batches: int = self._reader.num_record_batches
        return self._file.size * self._done // max(batches, 1)

    def _read(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._reader, pa.RecordBatchFileReader):
            for number in range(self._reader.num_record_batches):
                with reading(self._file.path, f"record batch {number}"):
                    batch = self._reader.get_batch(number)
                self._done += 1
                yield batch
            return
        yield from self._reader
        if self._stream.read(1):
            raise CorpusError(
                f"{self._file.path}: more bytes follow the end of the Arrow stream",
                hint="Streams that were joined are read only one by one: keep them as files.",
                file=self._file.path,
            )


@contextmanager
def open_arrow(file: SourceFile, pipe: Pipe | None) -> Iterator[ArrowReader]:
    """Open an Arrow IPC file or stream; a file format in a pipe or compressed goes through a temporary file."""
    with ExitStack() as stack:
        stream, consumed = stack.enter_context(open_bytes(file, pipe))
        if pipe is None and file.size is not None and not file.compression:
            head = stream.read(len(ARROW_FILE_MAGIC))
            stream.seek(0)
        else:
            unread = Pipe(stream)
            head = unread.peek()
            is_file = head.startswith(ARROW_FILE_MAGIC)
            stream = stack.enter_context(spooled(unread) if is_file else pa.PythonFile(unread, mode="r"))
        opened = pa.ipc.open_file if head.startswith(ARROW_FILE_MAGIC) else pa.ipc.open_stream
        yield ArrowReader(file, stack.enter_context(opened(stream)), stream, consumed)
