"""Plain text: each line a row, or each file one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from prunus.corpus.batches import bounded
from prunus.corpus.spans import ByteRange
from prunus.corpus.streams import checked_encoding, line_blocks, open_bytes
from prunus.errors import InvalidTextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import Span
    from prunus.corpus.streams import Pipe

TEXT_COLUMN = "text"


class TextReader:
    """An open text file."""

    schema: pa.Schema = pa.schema([(TEXT_COLUMN, pa.large_string())])

    def __init__(
        self,
        file: SourceFile,
        rows: str,
        stream: pa.NativeFile | ByteRange,
        consumed: Callable[[], int],
        span: Span | None = None,
    ) -> None:
        self._file = file
        self._rows = rows
        self._stream = stream
        self._rows_before = span.rows_before if span else 0
        self._at_start = span is None or span.start == 0
        self.consumed = consumed

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:  # noqa: ARG002 - a text has one
        """Bounded batches of lines, each with the number of lines before it."""
        row = self._rows_before
        for array in self._whole() if self._rows == "file" else self._lines():
            for batch in bounded(pa.RecordBatch.from_arrays([array], [TEXT_COLUMN])):
                yield batch, row
                row += batch.num_rows

    def _lines(self) -> Iterator[pa.Array]:
        from prunus._engine import lines

        for number, block in enumerate(line_blocks(self._stream, at_start=self._at_start)):
            if number == 0 and self._at_start:
                checked_encoding(block, self._file.path)
            try:
                yield pa.array(lines(block))
            except InvalidTextError:
                # As bytes, the scan names the row, or treats it as `invalid_utf8` says.
                yield pa.array(_split(block), pa.large_binary())

    def _whole(self) -> Iterator[pa.Array]:
        content = b"".join(line_blocks(self._stream))
        yield pa.array([checked_encoding(content, self._file.path)], pa.large_binary())


@contextmanager
def open_text(file: SourceFile, rows: str, pipe: Pipe | None, span: Span | None = None) -> Iterator[TextReader]:
    """Open a text file.

    Args:
        file: The file.
        rows: `line` for a row a line, `file` for one row.
        pipe: A stream to read instead of the file's path.
        span: The bytes to read of a file that is not compressed; None for all.
    """
    with open_bytes(file, pipe) as (stream, consumed):
        if span is None:
            yield TextReader(file, rows, stream, consumed)
        else:
            part = ByteRange(stream, span.start, span.stop)
            yield TextReader(file, rows, part, part.consumed, span)


def _split(block: bytes) -> list[bytes]:
    """Lines of a block as `prunus._engine.lines` cuts them."""
    lines = block.split(b"\n")
    last = lines.pop()
    return [line.removesuffix(b"\r") for line in lines] + ([last] if last else [])
