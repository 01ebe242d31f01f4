"""Which formats and compressions there are, and how a file's name or first bytes tell them."""

from __future__ import annotations

from pathlib import PurePath

from prunus.errors import UsageError

FORMATS = ("parquet", "arrow", "jsonl", "text")

_EXTENSIONS = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "text",
    ".text": "text",
}
# In a directory these are usually about the corpus (dataset_info.json, README.md), so only their own name selects them.
_NAMED_ONLY = {".json": "jsonl", ".md": "text"}
# Data all the same: passing one by in a directory would leave its tokens out of the counts.
_UNREADABLE = frozenset(
    {".csv", ".tsv", ".xlsx", ".xls", ".orc", ".avro", ".html", ".xml", ".pdf", ".docx", ".pkl", ".zip", ".tar", ".tgz"}
)
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
_COMPRESSION_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\x04\x22\x4d\x18": "lz4",
}
ARROW_FILE_MAGIC = b"ARROW1"
ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"


def known_extensions() -> str:
    """The extensions a directory is searched for, for error messages."""
    return f"{' '.join(_EXTENSIONS)}, each also with {' '.join(_COMPRESSIONS)}"


def compression_of(name: str) -> str | None:
    """The compression that a file name tells."""
    return _COMPRESSIONS.get(PurePath(name).suffix.lower())


def format_of(name: str, *, named: bool) -> str | None:
    """The format that a file name tells, compression aside.

    Args:
        name: File name or path.
        named: Whether the file was named by itself, and not found in a directory.
    """
    path = PurePath(name)
    if path.suffix.lower() in _COMPRESSIONS:
        path = path.with_suffix("")
    suffix = path.suffix.lower()
    return _EXTENSIONS.get(suffix) or (_NAMED_ONLY.get(suffix) if named else None)


def is_unreadable_data(name: str) -> bool:
    """Whether a file name tells data of a format that is not read here, compression aside.

    Example:
        >>> is_unreadable_data("a.csv.gz"), is_unreadable_data("README.md")
        (True, False)
    """
    path = PurePath(name)
    if path.suffix.lower() in _COMPRESSIONS:
        path = path.with_suffix("")
    return path.suffix.lower() in _UNREADABLE


def checked_format(name: str | None) -> str | None:
    """An explicit format, if there is such a one.

    Raises:
        UsageError: There is not.
    """
    if name is not None and name not in FORMATS:
        raise UsageError(f"format {name!r} is unknown", hint=f"Choose one of {', '.join(FORMATS)}.")
    return name


def sniffed_compression(head: bytes) -> str | None:
    """The compression that the first bytes tell."""
    return next((name for magic, name in _COMPRESSION_MAGIC.items() if head.startswith(magic)), None)


def sniffed_format(head: bytes) -> str | None:
    """The format that the first bytes tell; text where they tell nothing, None where they may be JSONL or text."""
    if head.startswith((ARROW_STREAM_MAGIC, ARROW_FILE_MAGIC)):
        return "arrow"
    if head.startswith(b"PAR1"):
        return "parquet"
    return None if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "text"
