"""Scans of Spark data frames: every partition becomes counts by `mapInArrow`, Spark adds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.engine.batches import Total, count_batches
from prunus.engine.job import Job
from prunus.errors import ColumnError, UsageError
from prunus.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from prunus.counts import TokenCounts

_SCHEMA = "key long, count long"


def scan(
    dataframe: Any, columns: Sequence[str] | str, tokenizer: object, *, pair: bool = False, **options: Any
) -> TokenCounts:
    """Count the tokens of a `pyspark.sql.DataFrame`; it is carried out, and only ids and counts leave its executors.

    The tokenizer is broadcast and loaded once in each Python worker; executors need `prunus`, in the same version, and
    no files. Partitions may be repeated and come in any order.

    Args:
        dataframe: The frame, of Spark 3.5 or 4.
        columns: Columns to count, dotted for nested fields.
        tokenizer: As `prunus.Scanner` takes it; only the driver needs it.
        pair: Encode two columns together.
        **options: Further options of `prunus.Scanner`.

    Returns:
        What `prunus.scan` gives for the same rows; of the source it says only that it was a data frame of Spark.

    Raises:
        ColumnError: The frame has no such column.
        UsageError: A sum does not fit 63 bits, or the options contradict each other.
        CorpusError: There was nothing to count.
        pyspark.errors.PythonException: A worker failed, as at text that is not UTF-8; it holds what Prunus said.

    Example:
        >>> scan(spark.read.parquet("corpus"), "text", "MODEL")  # doctest: +SKIP
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    job = Job.of(tokenizer, **options)
    counted = _selected(dataframe, names).mapInArrow(_counting(_held(dataframe, job), names, pair=pair), _SCHEMA)
    rows = counted.groupBy("key").sum("count").collect()
    total = Total(job)
    total.add(np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64))
    return total.result(names, "pyspark.sql.DataFrame", pair=pair)


def _selected(dataframe: Any, names: Sequence[str]) -> Any:
    """The columns that are counted, so that Spark reads no others."""
    wanted = []
    for name in names:
        column = name if name in dataframe.columns else name.split(".")[0]
        if column not in dataframe.columns:
            raise ColumnError(f"the data frame has no column {name!r}", hint=did_you_mean(name, dataframe.columns))
        wanted.append(f"`{column}`")
    return dataframe.select(*dict.fromkeys(wanted))


def _held(dataframe: Any, job: Job) -> Callable[[], Job]:
    """The job, broadcast where there is a context to do it, which Spark Connect does not have."""
    try:
        context = dataframe.sparkSession.sparkContext
    except Exception as error:  # each kind of session has its own
        if "CONNECT" not in str(error).upper():
            raise UsageError(f"the session of the data frame cannot be used: {error}") from error
        return lambda: job
    sent = context.broadcast(job)
    return lambda: sent.value


def _counting(
    held: Callable[[], Job], names: Sequence[str], *, pair: bool
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield count_batches(held(), names, batches, pair=pair)

    return count
