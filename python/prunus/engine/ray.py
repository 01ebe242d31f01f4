"""Scans on Ray: one task a unit, counts come back, and the sum is the plain scan's to the byte."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from prunus.corpus import open_corpus
from prunus.counts import ScanInfo, TokenCounts
from prunus.engine.batches import Total, count_batches
from prunus.engine.job import Job, loaded
from prunus.errors import PrunusError, UsageError
from prunus.units.running import UnitProgress, run_unit, scan_in_units

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from prunus.scanning import Progress, Scanner
    from prunus.units.plan import UnitPlan
    from prunus.units.running import Results

_TASKS_A_PROCESSOR = 2
_Counted = tuple[Any, Any, str]
_plans: dict[str, tuple[Job, UnitPlan]] = {}


def scan(
    source: object,
    tokenizer: object,
    columns: Sequence[str] | str | None = None,
    *,
    pair: bool = False,
    address: str | None = None,
    threads: int = 1,
    in_flight: int | None = None,
    retries: int = 3,
    unit_bytes: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    tokenizer_from: str | None = None,
    **options: Any,
) -> TokenCounts:
    """Count the tokens of files by tasks of Ray; equal to the byte to `prunus.scan`, whatever fails in between.

    This process plans, hands out units and adds; workers load the tokenizer once each, read the files themselves, and
    return ids and counts. All must see the files under the same paths or URLs, and have the same version of Prunus.

    Args:
        source: Files, as `prunus.scan` takes them.
        tokenizer: As `prunus.Scanner` takes it; only this machine needs it.
        columns: Columns to count.
        pair: Encode two columns together.
        address: The cluster, as `ray.init` takes it; None takes the one that this process is connected to, or that
            `RAY_ADDRESS` names, or starts one here for the time of the scan.
        threads: Threads and processors of a task.
        in_flight: Most units handed out at a time; None for twice as many as run at once.
        retries: How often Ray runs a unit again whose worker died.
        unit_bytes: Bytes of text a unit, about; None for 128 MiB.
        resume: A work directory of this machine, as in `prunus.scan`.
        progress: Told whenever a unit is done.
        tokenizer_from: As `prunus.Scanner` takes it.
        **options: Further options of `prunus.Scanner`.

    Raises:
        UsageError: Ray is not installed, the source is no list of files, or the options contradict each other.
        PrunusError: As `prunus.scan` says; the error of a worker is raised here.
        ray.exceptions.RayError: The cluster fails more often than `retries`.

    Example:
        >>> scan("corpus/*.parquet", "MODEL", ["text"], address="auto")  # doctest: +SKIP
    """
    job = Job.of(tokenizer, tokenizer_from=tokenizer_from, **options)
    corpus = open_corpus(source, columns, pair=pair)
    with _connected(address):
        return scan_in_units(
            job.scanner(threads),
            corpus,
            pair=pair,
            resume=resume,
            unit_bytes=unit_bytes,
            progress=progress,
            runner=_Cluster(job, threads, in_flight, retries).run,
        )


def scan_dataset(
    dataset: Any, columns: Sequence[str] | str, tokenizer: object, *, pair: bool = False, **options: Any
) -> TokenCounts:
    """Count the tokens of a `ray.data.Dataset`: text that only exists in a pipeline, by `map_batches`.

    Args:
        dataset: The data set; it is carried out.
        columns: Columns to count.
        tokenizer: As `prunus.Scanner` takes it; only this machine needs it.
        pair: Encode two columns together.
        **options: Further options of `prunus.Scanner`.

    Returns:
        What `prunus.scan` gives for the same rows; of the source it says only that it was a data set of Ray.

    Raises:
        UsageError: Ray is not installed.
        PrunusError: As `prunus.scan` says, but rows are numbered within a block.

    Example:
        >>> scan_dataset(ray.data.read_parquet("corpus"), "text", "MODEL")  # doctest: +SKIP
    """
    job = Job.of(tokenizer, **options)
    names = [columns] if isinstance(columns, str) else list(columns)
    total = Total(job)
    counting = partial(_count_table, job, names, pair)
    with raised():
        counted = dataset.map_batches(counting, batch_format="pyarrow", batch_size=None)
        for table in counted.iter_batches(batch_format="pyarrow", batch_size=None):
            total.add(table["key"].to_numpy(), table["count"].to_numpy())
    return total.result(names, "ray.data.Dataset", pair=pair)


def _count_table(job: Job, columns: Sequence[str], pair: bool, table: pa.Table) -> pa.Table:  # noqa: FBT001 - partial
    import pyarrow as pa

    return pa.Table.from_batches([count_batches(job, columns, table.to_batches(), pair=pair)])


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("Ray is not installed", hint="pip install 'prunus[ray]'") from error
    return ray


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, include_dashboard=False if address is None else None, logging_level="ERROR")
    except (ConnectionError, ValueError) as error:
        raise UsageError(f"no cluster of Ray at {address!r}: {error}", hint="Name one that runs, or none.") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def raised() -> Iterator[None]:
    """Errors of Prunus in a worker are raised as they were there."""
    import ray

    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(getattr(cause, "cause", cause), PrunusError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is None:
            raise
        raise getattr(cause, "cause", cause) from None


@dataclass(frozen=True)
class _Cluster:
    """Runs units by tasks of Ray; as many are handed out as `in_flight` says."""

    job: Job
    threads: int
    in_flight: int | None
    retries: int

    def run(self, scanner: Scanner, plan: UnitPlan, units: Sequence[int], progress: Progress | None) -> Results:
        told = None if progress is None else UnitProgress(progress, plan, units)
        for unit, (ids, counts, info) in self._counted(plan, units):
            result = TokenCounts(ids, counts, scanner.tokens_of, ScanInfo.from_json(info))
            if told is not None:
                told.advance(unit, result)
                told.update(rows=0, text_bytes=0, bytes_read=0, total_bytes=0)
            yield unit, result

    def _counted(self, plan: UnitPlan, units: Sequence[int]) -> Iterator[tuple[int, _Counted]]:
        ray = _ray()
        task = ray.remote(num_cpus=self.threads, max_retries=self.retries)(_count_unit)
        held = [ray.put((self.job, plan))]  # in a list, so that workers fetch it once and not with every task
        room, running = self._room(), dict[Any, int]()
        waiting = list(reversed(units))
        try:
            while waiting or running:
                while waiting and len(running) < room:
                    unit = waiting.pop()
                    running[task.remote(held, f"{plan.fingerprint} {self.job.key}", unit, self.threads)] = unit
                (done,), _ = ray.wait(list(running), num_returns=1)
                with raised():
                    yield running.pop(done), ray.get(done)
        finally:
            for reference in running:
                ray.cancel(reference)

    def _room(self) -> int:
        processors = int(_ray().cluster_resources().get("CPU", 1))
        return self.in_flight or max(1, processors // self.threads) * _TASKS_A_PROCESSOR


def _count_unit(held: Sequence[Any], key: str, unit: int, threads: int) -> _Counted:
    """A task: ids, counts and metadata of a unit; no tokens, and never text."""
    if key not in _plans:
        import ray

        _plans.clear()
        _plans[key] = ray.get(held[0])
    job, plan = _plans[key]
    counts = run_unit(loaded(job, threads), plan, unit)
    return counts.ids, counts.counts, counts.info.to_json()
