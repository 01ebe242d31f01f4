"""Text that only exists in a pipeline: batches become keys and counts, which anything can add, and then one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from prunus.corpus import open_corpus
from prunus.engine.job import loaded
from prunus.errors import UsageError
from prunus.scanning import TALLIES, refuse_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from prunus.counts import TokenCounts
    from prunus.engine.job import Job

SCHEMA = pa.schema([("key", pa.int64()), ("count", pa.int64())])
_LARGEST = np.int64(2**63 - 1)


def count_batches(job: Job, columns: Sequence[str], batches: Iterable[pa.RecordBatch], *, pair: bool) -> pa.RecordBatch:
    """What some batches of rows count: keys and their counts, which add up in any order.

    A key from 0 is a token id; -1, -2 ... are the tallies (rows, nulls, bytes and so on).

    Args:
        job: The job.
        columns: Columns to count.
        batches: Of one schema; none is allowed.
        pair: Encode two columns together.

    Raises:
        PrunusError: As `Scanner.scan` says; rows are numbered within these batches.
    """
    rows = iter(batches)
    first = next(rows, None)
    if first is None:
        return pa.RecordBatch.from_pylist([], schema=SCHEMA)
    reader = pa.RecordBatchReader.from_batches(first.schema, _again(first, rows))
    raw = loaded(job, 1).raw(open_corpus(reader, columns, pair=pair), pair=pair)
    keys = np.concatenate([-1 - np.arange(len(TALLIES)), np.frombuffer(raw.ids, "<u4").astype(np.int64)])
    tallies = np.array([getattr(raw, name) for name in TALLIES], np.int64)
    counts = np.concatenate([tallies, np.frombuffer(raw.counts, "<u8").astype(np.int64)])
    return pa.record_batch([keys, counts], schema=SCHEMA)


def _again(first: pa.RecordBatch, others: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield first
    yield from others


class Total:
    """The sum of what `count_batches` gave.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self._scanner = job.scanner(1)
        self._counts = np.zeros(len(TALLIES) + self._scanner.engine.size, np.int64)

    def add(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Add keys, each of them once, with their counts.

        Raises:
            UsageError: A sum does not fit a signed 64-bit integer.
        """
        at = keys + len(TALLIES)
        if bool(np.any(counts > _LARGEST - self._counts[at])):
            raise UsageError("the sum of two counts does not fit a signed 64-bit integer")
        self._counts[at] += counts

    def result(self, columns: Sequence[str], source: str, *, pair: bool) -> TokenCounts:
        """The sum as a value.

        Args:
            columns: The columns that were counted.
            source: What was read.
            pair: Whether two columns were encoded together.

        Raises:
            CorpusError: There was nothing to count.
        """
        sources: tuple[dict[str, Any], ...] = ({"object": source},)
        number = len(TALLIES)
        tallies = {name: int(self._counts[number - 1 - at]) for at, name in enumerate(TALLIES)}
        ids = np.flatnonzero(self._counts[number:])
        counts = self._scanner.labelled(ids, self._counts[number:][ids], tallies, sources, pair=pair)
        refuse_nothing(counts.info, columns, sources, counts.info.options.get("sample"))
        return counts
