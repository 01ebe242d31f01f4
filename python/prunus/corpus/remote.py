"""Files behind URLs: `s3://`, `gs://`, `abfs://` and `hdfs://` through pyarrow, any other scheme through fsspec.

Credentials, regions and endpoints come from where these libraries look for them: the environment, their usual files,
and the query of the URL (`s3://bucket/key?endpoint_override=...`).
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from prunus.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow.fs import FileInfo, FileSystem

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s]+")
_OF_ARROW = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
_WEB = ("http", "https")
BUFFER_BYTES = 1 << 22


class Url(os.PathLike[str]):
    """A URL where paths are told from texts by their type, as `pathlib.Path` is for local files."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __fspath__(self) -> str:
        return self._url


def is_url(source: str) -> bool:
    """Whether a string is a URL, and not a path or a sentence with one.

    Example:
        >>> is_url("s3://bucket/a.parquet"), is_url("a.parquet"), is_url("see https://example.org for more")
        (True, False, False)
    """
    return _URL.fullmatch(source) is not None


def open_url(url: str) -> pa.NativeFile:
    """The file, readable at any place; only what is read travels."""
    filesystem, path, _ = _located(url)
    return filesystem.open_input_file(path)


def version(url: str) -> str:
    """What changes when the file does: its entity tag where the store has one, else its size and time.

    Raises:
        OSError: The file is gone or cannot be reached.
    """
    filesystem, path, _ = _located(url)
    info = filesystem.get_file_info(path)
    if info.mtime_ns is None and info.size is None:
        raise FileNotFoundError(url)
    with filesystem.open_input_stream(path, compression=None) as stream:
        tag = _tag(stream)
    return tag or f"{info.size} {info.mtime_ns}"


def expand(url: str) -> Iterator[tuple[str, int | None, bool]]:
    """The files behind a URL of a file, a directory or a glob: their URLs, sizes, and whether each was named.

    Raises:
        CorpusError: There is none, or the store cannot be reached or does not know the caller.
    """
    try:
        filesystem, path, prefix = _located(url)
        found = [(prefix.format(info.path), info.size, named) for info, named in _found(filesystem, path)]
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        raise CorpusError(
            f"{url}: cannot be reached: {str(error).splitlines()[0] if str(error) else repr(error)}",
            hint="Check the URL and the credentials. Schemes other than s3, gs, abfs, hdfs need their fsspec package.",
            file=url,
        ) from error
    if not found:
        raise CorpusError(f"{url}: no such file or directory, and no file matches it", file=url)
    yield from sorted(found)


def _found(filesystem: FileSystem, path: str) -> Iterator[tuple[FileInfo, bool]]:
    from pyarrow.fs import FileSelector, FileType

    pattern = re.search(r"[*?\[]", path)
    if pattern:
        base = path[: path.rfind("/", 0, pattern.start())]
        fits = re.compile(_regex(path))
        selector = FileSelector(base, recursive=True, allow_not_found=True)
        yield from ((i, True) for i in filesystem.get_file_info(selector) if i.is_file and fits.fullmatch(i.path))
        return
    info = filesystem.get_file_info(path)
    if info.type == FileType.Directory:
        yield from ((i, False) for i in filesystem.get_file_info(FileSelector(path, recursive=True)) if i.is_file)
    elif info.is_file:
        yield info, True


def _regex(pattern: str) -> str:
    """A glob as a regular expression: `**` crosses directories, the others do not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]*\]|.", pattern, re.DOTALL)
    return "".join(parts.get(w) or (w if w.startswith("[") and len(w) > 1 else re.escape(w)) for w in words)


def _located(url: str) -> tuple[FileSystem, str, str]:
    """The file system, the path in it, and a format that makes URLs of such paths."""
    scheme, _, rest = url.partition("://")
    if scheme in _OF_ARROW:
        place, mark, query = rest.partition("?")
        host, _, path = place.partition("/")
        filesystem, root = _arrow(f"{scheme}://{host}/{mark if _is_query(query) else ''}{query}")
        if mark and not _is_query(query):  # a question mark of a glob
            path += mark + query
            filesystem, root = _arrow(f"{scheme}://{host}/")
        tail = f"?{query}" if _is_query(query) else ""
        return filesystem, f"{root.rstrip('/')}/{path}".rstrip("/"), f"{scheme}://{{}}{tail}"
    return _fsspec(scheme, url)


def _is_query(text: str) -> bool:
    return re.fullmatch(r"(?:\w+=[^&/]*)(?:&\w+=[^&/]*)*", text) is not None


@lru_cache(maxsize=16)
def _arrow(root: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import FileSystem

    filesystem, path = FileSystem.from_uri(root)
    return filesystem, path


def _fsspec(scheme: str, url: str) -> tuple[FileSystem, str, str]:
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ImportError(f'{scheme}:// needs fsspec: pip install "prunus[remote]"') from error
    filesystem, path = url_to_fs(url)
    prefix = "{}" if scheme in _WEB else f"{scheme}://{{}}"
    return PyFileSystem(FSSpecHandler(filesystem)), path, prefix


def _tag(stream: pa.NativeFile) -> str:
    try:
        tags = stream.metadata()
    except (NotImplementedError, OSError):
        return ""
    return str((tags or {}).get("ETag", b"").decode())
