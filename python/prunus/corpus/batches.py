"""The batches a corpus gives, and how large ones are cut into bounded ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

BLOCK_BYTES = 8 << 20
BATCH_ROWS = 8192


@dataclass(frozen=True)
class Batch:
    """Some rows of one source.

    Attributes:
        data: The top-level columns that hold the wanted ones, as the source has them.
        source: Name of the source: a path as it was given or found, or the type of a live object.
        first_row: Rows of this source before these, from 0. In text every line is a row, so a row's line number is one
            more than its row number; in JSONL rows are numbered by line too, except behind a blank line of one block.
    """

    data: pa.RecordBatch
    source: str
    first_row: int


def bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in slices of bounded rows and bytes, without copying; nothing of an empty one."""
    rows = batch.num_rows
    if not rows:
        return
    step = max(1, min(BATCH_ROWS, rows * BLOCK_BYTES // max(batch.nbytes, 1)))
    for start in range(0, rows, step):
        yield batch.slice(start, step)
