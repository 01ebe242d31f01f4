"""Bytes of a file or pipe, decompressed as they are read, with the bytes consumed on disk."""

from __future__ import annotations

import io
import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from prunus.corpus.batches import BLOCK_BYTES
from prunus.corpus.remote import BUFFER_BYTES, is_url, open_url
from prunus.errors import CorpusError, InvalidTextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import ByteRange

HEAD_BYTES = 64
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Pipe(io.RawIOBase):
    """A stream that cannot seek, whose first bytes can be looked at before they are read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._head = b""
        self.consumed = 0

    def peek(self) -> bytes:
        """The first bytes, fewer if the stream is shorter."""
        self._head += self._raw.read(HEAD_BYTES - len(self._head))
        return self._head

    def readable(self) -> bool:
        """True: pyarrow asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer than asked only at the end."""
        head = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(head) :]
        data = head + self._raw.read(size if size < 0 else size - len(head))
        self.consumed += len(data)
        return data


@contextmanager
def open_bytes(file: SourceFile, pipe: Pipe | None) -> Iterator[tuple[pa.NativeFile, Callable[[], int]]]:
    """The decompressed bytes of a file, and a function that says how many were consumed on disk.

    Args:
        file: What to read.
        pipe: The stream to read instead of the file's path.
    """
    with ExitStack() as stack:
        if pipe is None and file.size is not None:
            raw = stack.enter_context(open_file(file.path))
            consumed = raw.tell
        else:
            pipe = pipe or Pipe(stack.enter_context(Path(file.path).open("rb")))
            raw = stack.enter_context(pa.PythonFile(pipe, mode="r"))
            consumed = partial(getattr, pipe, "consumed")
        if file.compression and is_url(file.path):  # the decompressor asks for little at a time
            raw = stack.enter_context(pa.BufferedInputStream(raw, BUFFER_BYTES))
        stream = stack.enter_context(pa.CompressedInputStream(raw, file.compression)) if file.compression else raw
        yield stream, consumed


def open_file(path: str) -> pa.NativeFile:
    """A local file or one behind a URL, readable at any place."""
    return open_url(path) if is_url(path) else pa.OSFile(path)


@contextmanager
def spooled(stream: pa.NativeFile | Pipe) -> Iterator[pa.NativeFile]:
    """A temporary copy of a stream, which can be read at any place."""
    with tempfile.TemporaryFile() as copy:
        while block := stream.read(BLOCK_BYTES):
            copy.write(block)
        copy.seek(0)
        with pa.PythonFile(copy, mode="r") as seekable:
            yield seekable


@contextmanager
def reading(path: str, what: str = "") -> Iterator[None]:
    """Failures of the operating system and of pyarrow, as errors that name the file.

    Args:
        path: The file.
        what: Which part of it, for example `row group 3`.

    Raises:
        CorpusError: The block failed so.
    """
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        place = f"{path}, {what}" if what else path
        raise CorpusError(
            f"{place}: cannot be read: {(str(error) or repr(error)).splitlines()[0]}",
            hint="Is the file complete, and of the format its extension says?",
            file=path,
        ) from error


def line_blocks(
    stream: pa.NativeFile | ByteRange, size: int = BLOCK_BYTES, *, at_start: bool = True
) -> Iterator[bytes]:
    """Blocks of about `size` bytes that end at a line feed, but the last; a longer line is a block of its own.

    A byte order mark `at_start` of a file is no text and is left out.
    """
    parts: list[bytes] = []
    start = stream.read(len(_BYTE_ORDER_MARK))
    block = (start.removeprefix(_BYTE_ORDER_MARK) if at_start else start) + stream.read(size)
    while block:
        # The parts hold no line feed, so a line of a gigabyte is searched once and joined once.
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*parts, block[:end]])
            parts = []
        if end < len(block):
            parts.append(block[end:])
        block = stream.read(size)
    if parts:
        yield b"".join(parts)


def checked_encoding(block: bytes, path: str) -> bytes:
    """The first block of a text, unless it says that it is no UTF-8.

    Raises:
        InvalidTextError: It starts with the byte order mark of UTF-16.
    """
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidTextError(
            f"{path}: the text is UTF-16, not UTF-8",
            hint="Convert it: iconv -f UTF-16 -t UTF-8.",
            file=path,
        )
    return block
