"""What a corpus is to the scanner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunus.corpus.batches import Batch
    from prunus.parts import Part


class Corpus(ABC):
    """Rows of text from one or more sources, as Arrow batches of bounded size.

    Attributes:
        columns: Dotted names of the columns to count.
        sources: What is read, for the result: `{"path", "bytes", "format"}` of a file, `{"object"}` of a live object.
        total_bytes: Bytes of all sources on disk; None if unknown.
        part: Which units of a planned scan these rows are; None of a whole corpus.
    """

    columns: tuple[str, ...]
    sources: tuple[Mapping[str, Any], ...]
    total_bytes: int | None = None
    part: Part | None = None

    def bytes_read(self) -> int:
        """Bytes of the sources consumed so far, as they lie on disk; 0 where `total_bytes` is unknown."""
        return 0

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """All rows, from the start; what can be read only once gives them only once.

        Raises:
            CorpusError: A source cannot be read, changed while it was read, or was already consumed.
            ColumnError: A source lacks a column, or holds another type.
        """
