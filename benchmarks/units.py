"""What planning and merging cost when the units are very many: synthetic units, real plans and real result files.

    python benchmarks/units.py [--units 1000000] [--results 2000] [--ids 30000]

Plans: a plan of that many units over a tenth as many files is made, serialised, read and divided into 1,000 shards.
Merges: result files with that many ids each are written to a work directory, listed and added. Nothing is scanned.
Prints and writes `benchmarks/results/units.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from prunus.corpus.discover import SourceFile
from prunus.counts import ScanInfo, TokenCounts
from prunus.units import Unit, UnitPlan, WorkDirectory

RESULTS = Path(__file__).resolve().parent / "results"
SIZE = 50_257
SCAN = {"fingerprint": "3fa2" * 16, "size": SIZE, "oracle": "none", "version": "0", "options": {}, "columns": ["text"]}


def plan_of(units: int) -> UnitPlan:
    files = tuple(
        SourceFile(f"s3://bucket/corpus/part-{number:08}.parquet", "parquet", None, 1 << 30, number)
        for number in range(-(-units // 10))
    )
    made = tuple(Unit(unit // 10, unit % 10, unit % 10 + 1, 10_000_000 + unit % 977) for unit in range(units))
    return UnitPlan(SCAN, 1 << 27, files, made)


@cache
def columns(number: int, ids: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    chance = np.random.default_rng(number)
    seen = np.sort(chance.choice(SIZE, ids, replace=False))
    counts = chance.zipf(1.3, ids).astype(np.uint64) % np.uint64(1 << 40) + np.uint64(1)
    return seen, counts, tuple(f"token{i}" for i in seen.tolist())


def counts_of(plan: UnitPlan, unit: int, ids: int) -> TokenCounts:
    seen, counts, tokens = columns(unit % 50, ids)
    info = ScanInfo(
        fingerprint=SCAN["fingerprint"], size=SIZE, rows=1, nulls=0, text_bytes=1, tokens=int(counts.sum()),
        options={}, oracle="none", path="none", path_reason="synthetic", fallback_rows=0, version="0",
        sources=({"path": plan.files[plan.units[unit].file].path},), part=plan.part([unit]),
    )  # fmt: skip
    return TokenCounts(seen, counts, tokens, info)


def timed(record: dict[str, object], name: str, start: float) -> None:
    record[f"{name}_seconds"] = round(time.perf_counter() - start, 2)


def planning(units: int, record: dict[str, object]) -> None:
    start = time.perf_counter()
    plan = plan_of(units)
    text = plan.to_json()
    timed(record, "plan_made_and_serialised", start)
    record["plan_bytes_a_unit"] = round(len(text) / units, 1)
    start = time.perf_counter()
    plan = UnitPlan.from_json(text)
    timed(record, "plan_read", start)
    start = time.perf_counter()
    mine = plan.shard(1, 1000)
    timed(record, "one_shard_of_1000", start)
    record["units_of_that_shard"] = len(mine)


def merging(results: int, ids: int, record: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        plan = plan_of(results)
        work = WorkDirectory(Path(scratch) / "work")
        work.adopt(plan)
        for unit in range(results):
            work.save(unit, counts_of(plan, unit, ids))
        sizes = [path.stat().st_size for path in work.path.rglob("*.parquet")]
        start = time.perf_counter()
        done = WorkDirectory(work.path).done()
        timed(record, "results_listed", start)
        start, processor = time.perf_counter(), time.process_time()
        merged = WorkDirectory(work.path).merged()
        seconds, busy = time.perf_counter() - start, time.process_time() - processor
    assert merged.info.part is None
    assert len(done) == merged.info.rows == results
    record |= {
        "results": results, "ids_a_result": ids, "bytes_a_result": round(sum(sizes) / len(sizes)),
        "results_merged_a_second": round(results / seconds),
        "results_merged_a_processor_second": round(results / busy),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--results", type=int, default=2000)
    parser.add_argument("--ids", type=int, default=30_000)
    arguments = parser.parse_args()
    record: dict[str, object] = {"units": arguments.units}
    merging(arguments.results, arguments.ids, record)
    record["peak_rss_mb_after_merging"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    planning(arguments.units, record)
    record["peak_rss_mb_after_planning"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "units.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
