"""What every format's reader offers, and the choice between them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from prunus.corpus.arrow import open_arrow
from prunus.corpus.jsonl import open_jsonl
from prunus.corpus.parquet import open_parquet
from prunus.corpus.streams import reading
from prunus.corpus.text import open_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import Span
    from prunus.corpus.streams import Pipe


class Reader(Protocol):
    """An open file."""

    @property
    def schema(self) -> pa.Schema | None:
        """The columns; None of a JSONL file without rows, which says nothing about its columns."""
        ...

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Bounded batches of the top-level columns that hold the wanted ones, each with its first row's number."""
        ...

    def consumed(self) -> int:
        """Bytes of the file read so far, as they lie on disk."""
        ...


@contextmanager
def open_reader(
    file: SourceFile,
    columns: Sequence[str] | None,
    text_rows: str,
    pipe: Pipe | None = None,
    span: Span | None = None,
) -> Iterator[Reader]:
    """Open a file with its format's reader.

    Args:
        file: The file.
        columns: The columns that will be wanted, if known, so that JSONL looks for their types.
        text_rows: `line` or `file`.
        pipe: A stream to read instead of the file's path.
        span: The stretch to read of a file that can be divided; None for all of it.

    Raises:
        CorpusError: It cannot be opened as what it is said to be.
    """
    opened: AbstractContextManager[Reader]
    if file.format == "parquet":
        opened = open_parquet(file, pipe, span)
    elif file.format == "arrow":
        opened = open_arrow(file, pipe)
    elif file.format == "jsonl":
        opened = open_jsonl(file, columns, pipe, span)
    else:
        opened = open_text(file, text_rows, pipe, span)
    with reading(file.path), opened as reader:
        yield reader
