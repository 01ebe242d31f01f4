"""An output directory that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.checkpoint.copying import writing
from prunus.errors import OutputError

if TYPE_CHECKING:
    from types import TracebackType

_MARK = ".prunus-tmp-"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_WRITING_FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}


class Staging:
    """A temporary sibling of the output that `publish` renames into place; a context manager.

    On any exception, Ctrl-C included, the sibling is removed; a disk that is full, read-only or failing, whoever
    noticed it, becomes an OutputError. After SIGKILL the sibling stays, recognisable by its name
    `.{name}.prunus-tmp-{pid}-{random}`; `leftovers` finds it.

    Args:
        out: The directory to create; must not exist, and its parent must.
        source: The model directory, which `out` may neither contain nor lie in.

    Attributes:
        target: The directory to create, absolute.
        path: The sibling to write to, inside the `with` block.

    Example:
        >>> with Staging(Path("out"), Path("model")) as staging:  # doctest: +SKIP
        ...     (staging.path / "config.json").write_text("{}")
        ...     staging.publish()
    """

    def __init__(self, out: str | Path, source: str | Path) -> None:
        self.target = Path(out).absolute()
        self.path = self.target
        self._source = Path(source).resolve()
        self._published = False

    def __enter__(self) -> Staging:
        self.check()
        name = f".{self.target.name}{_MARK}{os.getpid()}-{secrets.token_hex(4)}"
        path = self.target.parent / name
        with writing(self.target, 0):
            path.mkdir()
        self.path = path
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._published:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, OutputError) and self._failed(error):
            with writing(self.target, 0):
                raise error

    def _failed(self, error: OSError) -> bool:
        """Whether it was this output that could not be written."""
        named = error.filename is None or str(self.path) in str(error.filename)  # pyarrow names no file
        return named and error.errno in _WRITING_FAILED

    def check(self) -> None:
        """Refuses a target that cannot become the output; worth asking before a long computation.

        Raises:
            OutputError: It exists, lies in or around the source, or its parent is no directory.
        """
        out = self.target.parent.resolve() / self.target.name
        if out == self._source or self._source in out.parents or out in self._source.parents:
            raise OutputError(
                f"{self.target}: lies inside the model directory {self._source}, contains it, or is it",
                hint="Write to a directory beside the model.",
                file=str(self.target),
            )
        if os.path.lexists(self.target):
            raise self._exists()
        if not self.target.parent.is_dir():
            raise OutputError(
                f"{self.target.parent}: is not a directory", hint="Create it first.", file=str(self.target.parent)
            )

    def publish(self) -> None:
        """Makes the output appear under its name, with everything in it on disk for good.

        A file or a directory with content that appeared under the name meanwhile is left alone; an empty directory,
        which holds nothing to lose, is replaced.

        Files are flushed here, after everything is written, so that the disk works while later files are written and
        verified.

        Raises:
            OutputError: Something appeared under the name, or flushing or renaming failed.
        """
        with writing(self.target, 0):
            for folder, _, files in os.walk(self.path):
                for path in (*(Path(folder, name) for name in files), Path(folder)):
                    _sync(path)
            try:
                self.path.rename(self.target)
            except OSError as error:
                if error.errno in _TAKEN:
                    raise self._exists() from error
                raise
            self._published = True
            _sync(self.target.parent)

    def _exists(self) -> OutputError:
        return OutputError(
            f"{self.target}: exists already",
            hint="Name another directory, or move this one away.",
            file=str(self.target),
        )


def _sync(path: Path) -> None:
    """Flushes a file, or a directory's entries where the platform allows opening one."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def leftovers(parent: str | Path) -> tuple[Path, ...]:
    """Directories that killed runs left in `parent`; each can be removed once its process is gone.

    Example:
        >>> leftovers("/nowhere")
        ()
    """
    return tuple(sorted(path for path in Path(parent).glob(f".*{_MARK}*-*") if path.is_dir() and not path.is_symlink()))
