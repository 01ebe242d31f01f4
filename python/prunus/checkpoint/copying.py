"""Bytes from file to file, inside the kernel where it can, in pieces small enough that Ctrl-C is answered at once."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from prunus.errors import CheckpointError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECE = 16 * 2**20
_SMALL = 1 * 2**20


@contextmanager
def writing(path: Path, needed: int) -> Iterator[None]:
    """Turns what the operating system says about writing `path` into an OutputError that names path and bytes."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        hints = {
            errno.ENOSPC: "The disk is full: free space, or write to another disk.",
            errno.EDQUOT: "The disk quota is used up: free space, or write to another disk.",
            errno.EROFS: "The file system is mounted read-only: write to another place.",
            errno.EACCES: "Permission is missing: write to another place.",
        }
        reason = error.strerror or str(error)
        size = f" ({needed:,} bytes)" if needed else ""
        raise OutputError(
            f"{path}: cannot be written{size}: {reason}",
            hint=hints.get(error.errno or 0, ""),
            file=str(path),
            bytes=needed,
        ) from error


@contextmanager
def new_file(path: Path, needed: int) -> Iterator[BinaryIO]:
    """A new file for writing, unbuffered.

    Raises:
        OutputError: It exists or cannot be written.
    """
    with writing(path, needed), path.open("xb", buffering=0) as file:
        yield file


def write_new(path: Path, data: bytes) -> None:
    """Writes a new small file.

    Raises:
        OutputError: It exists or cannot be written.
    """
    with new_file(path, len(data)) as file:
        write_all(file, data)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Writes every byte to an unbuffered file."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def copy_range(
    source: BinaryIO, start: int, length: int, target: BinaryIO, on_bytes: Callable[[int], None] | None = None
) -> None:
    """Appends `length` bytes of `source` from `start` on to `target`; both are unbuffered.

    Args:
        source: Open for reading.
        start: First byte.
        length: Number of bytes.
        target: Open for writing, at its end.
        on_bytes: Called with the length of each piece.

    Raises:
        CheckpointError: `source` ends before, or cannot be read.
        OSError: Writing failed.
    """
    end = start + length
    step = _copy_in_kernel if hasattr(os, "copy_file_range") else _copy_in_user_space
    while start < end:
        count = step(source, start, min(PIECE, end - start), target)
        if count < 0 or (count == 0 and step is not _copy_in_user_space):
            step = _copy_in_user_space
            continue
        if count == 0:
            raise CheckpointError(f"{source.name}: became shorter while it was copied", file=str(source.name))
        start += count
        if on_bytes:
            on_bytes(count)


def _copy_in_kernel(source: BinaryIO, start: int, length: int, target: BinaryIO) -> int:
    """Bytes copied, −1 where the file systems cannot do it, or where one of the files fails: which one, is not said."""
    try:
        return os.copy_file_range(source.fileno(), target.fileno(), length, offset_src=start)
    except OSError:
        return -1


def _copy_in_user_space(source: BinaryIO, start: int, length: int, target: BinaryIO) -> int:
    try:
        source.seek(start)
        data = source.read(min(length, _SMALL))
    except OSError as error:
        raise CheckpointError(f"{source.name}: cannot be read: {error.strerror}", file=str(source.name)) from error
    write_all(target, data)
    return len(data)


def copy_file(source: Path, target: Path) -> int:
    """Copies the content of a file, following links, to a new one; the number of bytes.

    Raises:
        CheckpointError: The source cannot be read or becomes shorter.
        OutputError: The target exists or cannot be written.
    """
    try:
        file = source.open("rb", buffering=0)
    except OSError as error:
        raise CheckpointError(f"{source}: cannot be read: {error.strerror}", file=str(source)) from error
    with file:
        length = os.fstat(file.fileno()).st_size
        with new_file(target, length) as out:
            copy_range(file, 0, length, out)
    return length
