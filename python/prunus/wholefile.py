"""A file that appears whole or not at all; what was there before stays until then."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from prunus.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[BinaryIO]:
    """A temporary sibling that is flushed and renamed at the end; a link's target is what is replaced.

    A device or a pipe (`/dev/null`, `/dev/stdout`) is written itself: a rename would put a file in its place.

    Raises:
        OutputError: The file cannot be written; whatever was there before is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with whole_file(f"{folder}/plan.json") as file:
        ...         _ = file.write(b"{}")
        ...     os.listdir(folder)
        ['plan.json']
    """
    try:
        target = Path(path)  # not resolved: where /dev/stdout is a pipe, it leads to no name of the file system
        special = target.exists() and not target.is_file()
        with target.open("wb") if special else _renamed(target.resolve()) as file:
            yield file
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="Name a file in a writable directory with enough space.",
            file=str(path),
        ) from error


@contextmanager
def _renamed(target: Path) -> Iterator[BinaryIO]:
    temporary = target.with_name(f"{target.name}.prunus-tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        with suppress(OSError):  # it may never have been made: on a read-only disk even removing nothing is an error
            temporary.unlink(missing_ok=True)


def write_whole(path: str | PathLike[str], text: str) -> None:
    """Writes text as UTF-8, whole or not at all.

    Raises:
        OutputError: The file cannot be written; whatever was there before is untouched.
    """
    with whole_file(path) as file:
        file.write(text.encode())
