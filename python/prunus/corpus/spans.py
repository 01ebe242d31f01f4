"""A stretch of one file: a range of its row groups or of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Span:
    """What to read of a file.

    Attributes:
        start: First row group, or first byte, which starts a line.
        stop: End, exclusive; the byte range ends behind a line feed or at the end of the file.
        weight: Bytes that stand for the whole stretch in progress.
        rows_before: Rows of the file before it where that is known, for errors; Parquet's footer says it by itself.
    """

    start: int
    stop: int
    weight: int
    rows_before: int = 0


class ByteRange:
    """A range of a seekable file, read like a stream.

    Args:
        stream: The file.
        start: First byte.
        stop: End, exclusive.
    """

    def __init__(self, stream: pa.NativeFile, start: int, stop: int) -> None:
        self._stream = stream
        self._start = start
        self._left = max(stop - start, 0)
        stream.seek(start)

    def read(self, size: int) -> bytes:
        """The next bytes of the range; fewer than asked only at its end."""
        data: bytes = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data

    def consumed(self) -> int:
        """Bytes of the range read so far."""
        position: int = self._stream.tell()
        return position - self._start
