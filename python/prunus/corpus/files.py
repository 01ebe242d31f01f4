"""A corpus of files, or of standard input."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.corpus.base import Corpus
from prunus.corpus.batches import Batch
from prunus.corpus.columns import resolve
from prunus.corpus.discover import STDIN, SourceFile, discover
from prunus.corpus.formats import FORMATS, sniffed_compression, sniffed_format
from prunus.corpus.reader import Reader, open_reader
from prunus.corpus.remote import is_url, version
from prunus.corpus.streams import Pipe
from prunus.errors import CorpusError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Their schema is read without reading their rows, so every file is checked before the first is scanned.
_CHEAP = ("parquet", "arrow", "text")


class FileCorpus(Corpus):
    """Files in the order named, directories and globs expanded and sorted.

    Args:
        sources: Files, directories, globs, or `-` alone for standard input.
        columns: Dotted names, or None.
        format_: Format of all files, or None to go by their names.
        text_rows: `line` or `file`.

    Attributes:
        files: The files, in order.
        text_rows: As given.
    """

    def __init__(
        self, sources: Sequence[str], columns: Sequence[str] | None, format_: str | None, text_rows: str
    ) -> None:
        self.text_rows = text_rows
        self._pipe: Pipe | None = None
        self._done = 0
        self._reader: Reader | None = None
        # A pipe is opened once: from the look at its columns until its rows are read.
        self._pipes: dict[str, tuple[ExitStack, Reader]] = {}
        self._opened_pipes: set[str] = set()
        self.files = self._discovered(sources, format_)
        if text_rows == "file" and not any(file.format == "text" for file in self.files):
            raise UsageError("text_rows 'file' (--text-rows) is for text, and no file is text", hint="Leave it out.")
        self.columns = self._resolved(columns)
        self.sources = tuple(file.record for file in self.files)
        sizes = [file.size for file in self.files if file.size is not None]
        self.total_bytes = sum(sizes) if len(sizes) == len(self.files) else None

    def _discovered(self, sources: Sequence[str], format_: str | None) -> tuple[SourceFile, ...]:
        if STDIN not in sources:
            return discover(sources, format_)
        if len(sources) > 1:
            raise UsageError("standard input (-) cannot be mixed with files", hint="Scan twice and merge the counts.")
        self._pipe = Pipe(sys.stdin.buffer)
        return (_sniffed(self._pipe, format_),)

    def _resolved(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        """The columns, by the first file that has any; all files that are cheap to check are checked against them."""
        chosen = columns
        known = False
        for file in self.files:
            if known and (file.size is None or file.compression or file.format not in _CHEAP):
                continue
            with ExitStack() as stack:
                reader = stack.enter_context(open_reader(file, chosen, self.text_rows, self._pipe))
                if reader.schema is not None:
                    chosen = resolve(reader.schema, chosen, file.path)
                    known = True
                if file.size is None:
                    self._opened_pipes.add(file.path)
                    self._pipes[file.path] = (stack.pop_all(), reader)
        return tuple(chosen or ())

    def bytes_read(self) -> int:
        """Bytes of the files consumed so far, as they lie on disk."""
        return self._done + (self._reader.consumed() if self._reader else 0)

    def batches(self) -> Iterator[Batch]:
        """All rows, file by file.

        Raises:
            CorpusError: A file cannot be read, changed while it was read, or is a pipe that was already consumed.
            ColumnError: A file lacks a column, or holds another type.
        """
        self._done = 0
        for file in self.files:
            with ExitStack() as stack:
                self._reader = self._opened(file, stack)
                try:
                    if self._reader.schema is not None:
                        resolve(self._reader.schema, self.columns, file.path)
                        for data, row in self._reader.batches(self.columns):
                            yield Batch(data, file.path, row)
                    consumed = self._reader.consumed()
                except CorpusError:
                    check_unchanged(file)  # whatever else is wrong then follows from it
                    raise
                finally:
                    self._reader = None
            check_unchanged(file)
            self._done += consumed if file.size is None else file.size

    def _opened(self, file: SourceFile, stack: ExitStack) -> Reader:
        kept = self._pipes.pop(file.path, None)
        if kept:
            stack.push(kept[0])
            return kept[1]
        if file.size is None and file.path in self._opened_pipes:
            raise CorpusError(f"{file.path}: a pipe is read only once", hint="Save it to a file.", file=file.path)
        self._opened_pipes.add(file.path)
        return stack.enter_context(open_reader(file, self.columns, self.text_rows, self._pipe))


def _sniffed(pipe: Pipe, format_: str | None) -> SourceFile:
    """Standard input as a source, its compression and format told by its first bytes."""
    compression = sniffed_compression(pipe.peek())
    if compression and not format_:
        raise UsageError(
            f"standard input is compressed ({compression}): its format cannot be told",
            hint=f"Say it with format=/--format: {', '.join(FORMATS)}.",
        )
    kind = format_ or sniffed_format(pipe.peek())
    if kind is None:
        raise UsageError(
            "standard input starts with '{': it may be JSONL or text",
            hint="Say it with --format jsonl or --format text.",
        )
    return SourceFile(STDIN, kind, compression, None, 0)


def _is_changed(file: SourceFile) -> bool:
    if is_url(file.path):
        return version(file.path) != file.etag
    status = Path(file.path).stat()
    return (status.st_size, status.st_mtime_ns) != (file.size, file.modified)


def check_unchanged(file: SourceFile) -> None:
    """Refuse a file that is no longer the one whose size and columns were looked at.

    Raises:
        CorpusError: It changed, or is gone.
    """
    if file.size is None:
        return
    try:
        changed = _is_changed(file)
    except OSError:
        changed = True
    if changed:
        raise CorpusError(
            f"{file.path}: the file changed while it was read",
            hint="Scan again when nothing writes to it.",
            file=file.path,
        )
