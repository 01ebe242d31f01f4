"""Several at a time: prunes of one source, scans into one work directory, forks and threads: nothing mixes or hangs."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.checkpoint.staging import Staging, leftovers
from prunus.errors import OutputError, PrunusError, UsageError
from prunus.scanning import Scanner
from prunus.units.workdir import WorkDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = ["the cat sat on the mat"] * 4000
ROWS = 400


@pytest.fixture
def place(tiny_bert: Path) -> Path:
    table = pa.table({"text": TEXTS})
    pq.write_table(table, tiny_bert / "corpus.parquet", ROWS, compression="none", use_dictionary=False)
    return tiny_bert


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of all files but the report, which holds times."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "report.json")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What calls returned that ran at the same time, each in a thread; an error of Prunus is a value here."""

    def answer(call: Callable[[], object]) -> object:
        try:
            return call()
        except PrunusError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(90) for future in [pool.submit(answer, call) for call in calls]]


def together(monkeypatch: pytest.MonkeyPatch, threads: int, owner: type, name: str) -> None:
    """Lets threads go into a method only when all are there."""
    barrier, method = threading.Barrier(threads, timeout=60), getattr(owner, name)

    def waiting(*arguments: object) -> object:
        barrier.wait()
        return method(*arguments)

    monkeypatch.setattr(owner, name, waiting)


def counted(place: Path, *, special: bool = True) -> Scanner:
    return Scanner(place / "model", add_special_tokens=special, threads=2, tokenizer_from="file")


def prune(place: Path, out: str) -> Callable[[], object]:
    kept = prunus.select(keep_ids=(6, 20, 33))
    return lambda: prunus.prune(place / "model", kept, place / out, forward=False, tokenizer_from="file")


def test_prunes_of_one_source_do_not_mix_and_of_two_into_one_output_one_wins_whole(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(place / "model")
    together(monkeypatch, 4, Staging, "publish")
    results = at_once(*(prune(place, out) for out in ("one", "other", "contested", "contested")))
    (error,) = (result for result in results if isinstance(result, PrunusError))
    assert isinstance(error, OutputError)
    assert "contested: exists already" in str(error)
    assert content(place / "one") == content(place / "other") == content(place / "contested")
    assert content(place / "model") == before
    assert leftovers(place) == ()


def test_two_scans_into_one_work_directory_both_end_right(place: Path) -> None:
    counted(place).scan(place / "corpus.parquet").save(place / "plain")
    command = [sys.executable, "-m", "prunus", "scan", str(place / "corpus.parquet"), "--tokenizer", "model"]
    options = ["--tokenizer-from", "file", "--resume", "work", "--unit-size", "9kB", "-q", "-o"]
    runs = [subprocess.Popen([*command, *options, out], cwd=place, stderr=subprocess.PIPE) for out in ("one", "other")]
    assert [(run.communicate(timeout=60)[1], run.returncode) for run in runs] == [(b"", 0)] * 2
    assert (place / "one").read_bytes() == (place / "other").read_bytes() == (place / "plain").read_bytes()
    assert len(WorkDirectory(place / "work").done()) == len(TEXTS) // ROWS


def test_of_two_different_scans_into_one_work_directory_one_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together(monkeypatch, 2, WorkDirectory, "_create")
    scanners = [counted(place, special=special) for special in (True, False)]
    results = at_once(*(lambda s=s: s.scan(place / "corpus.parquet", resume=place / "work") for s in scanners))
    (winner,) = (number for number, result in enumerate(results) if isinstance(result, prunus.TokenCounts))
    assert isinstance(results[1 - winner], UsageError)
    assert results[winner].counts.tolist() == scanners[winner].scan(place / "corpus.parquet").counts.tolist()


def test_threads_share_a_scanner(place: Path) -> None:
    scanner = counted(place)
    alone = scanner.scan(place / "corpus.parquet").counts.tolist()
    results = at_once(*[lambda: scanner.scan(place / "corpus.parquet")] * 6)
    assert [result.counts.tolist() for result in results] == [alone] * 6  # type: ignore[attr-defined]


def forked(work: Callable[[], object]) -> object:
    """What a child made by fork answers; an error if it hangs."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=lambda: send.send(work()))
    child.start()
    try:
        assert receive.poll(30), "the child hangs, or ended without an answer"
        return receive.recv()
    finally:
        child.kill()
        child.join()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_a_fork_scans_before_after_and_during_scans_of_its_parent(place: Path) -> None:
    scanner = counted(place)

    def work() -> object:
        scans = (scanner.scan(place / "corpus.parquet"), scanner.scan(TEXTS), counted(place).scan(TEXTS))
        return [scan.counts.tolist() for scan in scans]

    before = forked(work)
    alone = work()
    assert before == alone
    assert forked(work) == alone
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [scanner.scan(place / "corpus.parquet") for _ in range(30)])
        assert [forked(work) for _ in range(3)] == [alone] * 3
        running.result(60)
