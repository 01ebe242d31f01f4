"""Paths, directories and globs become a list of files, each of them once."""

from __future__ import annotations

import glob
import json
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.corpus.formats import FORMATS, compression_of, format_of, is_unreadable_data, known_extensions
from prunus.corpus.remote import expand, is_url, version
from prunus.errors import CorpusError
from prunus.given import utf8_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STDIN = "-"
_SHOWN = 10


@dataclass(frozen=True)
class SourceFile:
    """One file to read.

    Attributes:
        path: As it was named or found.
        format: `parquet`, `arrow`, `jsonl` or `text`.
        compression: Name of the codec around it, or None.
        size: Bytes on disk; None for a pipe.
        modified: Modification time in nanoseconds, to notice a change while reading.
        etag: The same of a file behind a URL.
    """

    path: str
    format: str
    compression: str | None
    size: int | None
    modified: int
    etag: str = ""

    @property
    def record(self) -> dict[str, object]:
        """What the result says of it."""
        return {"path": self.path, "bytes": self.size, "format": self.format}


def discover(sources: Iterable[str], format_: str | None) -> tuple[SourceFile, ...]:
    """The files that the sources name, in the order named; those of a directory or glob sorted.

    A file that one glob or directory reaches twice, through a link, is read once. A file that two sources name is an
    error.

    Args:
        sources: Files, directories and globs.
        format_: Format of all of them; None to go by their extensions.

    Raises:
        CorpusError: A source is missing, unreadable, empty of known files, of unknown format, or names a file again.
    """
    found: dict[str, str] = {}
    files: list[SourceFile] = []
    for source in sources:
        own: dict[str, SourceFile] = {}
        if is_url(source):
            own = {file.path: file for file in _remote_files(source, format_)}
        for path, named in () if is_url(source) else _expand(source, format_):
            own.setdefault(os.path.realpath(path), _source_file(path, format_, named=named))
        for identity, file in own.items():
            if identity in found:
                raise CorpusError(
                    f"{file.path}: named twice, by {found[identity]} and by {source}: it would be counted twice",
                    hint="Name each file once.",
                    file=file.path,
                )
            found[identity] = source
        files.extend(own.values())
    return tuple(files)


def exists(source: str) -> bool:
    """Whether a string names a file, a directory, or a glob with matches."""
    if is_url(source):
        return True
    return os.path.lexists(source) or (glob.has_magic(source) and any(_matches(source)))


def _matches(pattern: str) -> Iterator[str]:
    return glob.iglob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _expand(source: str, format_: str | None) -> Iterator[tuple[str, bool]]:
    """Paths behind one source, and whether each was named rather than found in a directory."""
    if _is_directory(Path(source)):
        yield from ((path, False) for path in _directory(source, format_))
    elif os.path.lexists(source):
        yield source, True
    elif glob.has_magic(source):
        yield from _glob(source, format_)
    else:
        raise CorpusError(
            f"{source}: no such file or directory",
            hint="Check the path; a pattern for several files is given in quotes.",
            file=source,
        )


def _is_directory(path: Path | os.DirEntry[str]) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise _unreadable(os.fspath(path), error) from error


def _unreadable(path: str, error: OSError) -> CorpusError:
    return CorpusError(
        f"{path}: cannot be read: {error.strerror}",
        hint="Whoever scans needs permission to read it and to search the directories above it.",
        file=path,
    )


def _glob(pattern: str, format_: str | None) -> Iterator[tuple[str, bool]]:
    _refuse_unreadable(pattern)
    matches = sorted(_matches(pattern))
    if not matches:
        raise CorpusError(f"{pattern}: no file matches", hint="`**` also matches directories in between.", file=pattern)
    # `**` matches each directory and its files: the files are enough, unless the matches are directories only.
    files = [path for path in matches if not _is_directory(Path(path)) and not _ignored_in(pattern, path)]
    if files:
        yield from ((path, True) for path in files)
    else:
        yield from ((path, False) for match in matches for path in _directory(match, format_))


def _refuse_unreadable(pattern: str) -> None:
    """Lists what the pattern lists: `glob` passes over a directory that it may not read, and says nothing."""
    parts = Path(pattern).parts
    fixed = list(takewhile(lambda part: not glob.has_magic(part), parts))
    root = Path(*fixed)
    if _is_directory(root):
        _reach(str(root), parts[len(fixed) :], set())


def _reach(directory: str, parts: Sequence[str], visited: set[tuple[str, int]]) -> None:
    mark = os.path.realpath(directory), len(parts)
    if not parts or mark in visited:
        return
    visited.add(mark)
    part, rest = parts[0], parts[1:]
    for entry in _entries(directory):
        if (_ignored(entry.name) and entry.name != part) or not _is_directory(entry):
            continue
        if part == "**":
            _reach(entry.path, parts, visited)
        elif fnmatch(entry.name, part):
            _reach(entry.path, rest, visited)
    if part == "**":
        _reach(directory, rest, visited)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """What a directory holds, sorted by name."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(directory, error) from error


def _directory(directory: str, format_: str | None) -> list[str]:
    seen = list(_walk(directory, set()))
    chosen = [path for path in seen if format_ or format_of(path, named=False)]
    unread = [os.path.relpath(path, directory) for path in seen if not format_ and is_unreadable_data(path)]
    if chosen and not unread:
        return chosen
    if chosen:
        raise CorpusError(
            f"{directory}: also holds data that is not read here: {', '.join(unread[:_SHOWN])}",
            hint=f"Convert it to Parquet or JSONL, or name what to count: {directory}/*.parquet",
            file=directory,
        )
    names = ", ".join(os.path.relpath(path, directory) for path in seen[:_SHOWN])
    more = f" and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else ""
    raise CorpusError(
        f"{directory}: no corpus file in this directory; it holds {names or 'nothing'}{more}",
        hint=f"Known extensions: {known_extensions()}. Or say the format of all its files with format=/--format.",
        file=directory,
    )


def _walk(directory: str, visited: set[str]) -> Iterator[str]:
    """Files below a directory, sorted by name on each level; links to directories are followed once."""
    identity = os.path.realpath(directory)
    if identity in visited:
        return
    visited.add(identity)
    saved = _saved_dataset(directory)
    if saved is not None:
        yield from saved
        return
    for entry in _entries(directory):
        if _ignored(entry.name):
            continue
        if _is_directory(entry):
            yield from _walk(entry.path, visited)
        else:
            yield entry.path


def _saved_dataset(directory: str) -> list[str] | None:
    """The files of `datasets.save_to_disk`: its list of them counts, since caches of `map` lie beside them."""
    try:
        state = json.loads(Path(directory, "state.json").read_bytes())
        return [str(Path(directory, record["filename"])) for record in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ignored_in(pattern: str, path: str) -> bool:
    named = Path(pattern).parts
    return any(_ignored(part) for part in Path(path).parts if part not in named)


def _ignored(path: str) -> bool:
    return Path(path).name.startswith((".", "_"))


def _remote_files(url: str, format_: str | None) -> list[SourceFile]:
    """Files behind a URL; in a directory only those of known extensions, and no hidden ones."""
    files = []
    for path, size, named in expand(url):
        name = path.partition("?")[0]
        kind = format_ or format_of(name, named=named)
        hidden = any(_ignored(part) for part in Path(name.removeprefix(url.partition("?")[0])).parts)
        if named or (kind and not hidden):
            if kind is None:
                raise _unknown_format(path)
            files.append(SourceFile(path, kind, compression_of(name), size, 0, version(path)))
    if not files:
        raise CorpusError(
            f"{url}: no corpus file in this directory", hint=f"Known extensions: {known_extensions()}.", file=url
        )
    return files


def _unknown_format(path: str) -> CorpusError:
    if is_unreadable_data(path):
        return CorpusError(
            f"{path}: this format is not read here",
            hint="Convert it to Parquet or JSONL, or give its texts from Python: any Arrow table or iterable of str.",
            file=path,
        )
    return CorpusError(
        f"{path}: the extension does not tell the format",
        hint=f"Say it with format=/--format: {', '.join(FORMATS)}.",
        file=path,
    )


def _source_file(path: str, format_: str | None, *, named: bool) -> SourceFile:
    kind = format_ or format_of(path, named=named)
    if kind is None:
        raise _unknown_format(path)
    try:
        status = Path(path).stat()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}", hint="Is it a broken link?", file=path) from error
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    return SourceFile(utf8_name(path), kind, compression_of(path), size, status.st_mtime_ns)
