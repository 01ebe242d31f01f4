"""SIGKILL and Ctrl-C in the middle of a scan in units: what is done is kept, and the end is the plain scan's bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunus.scanning import Scanner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tokenizer and 400 row groups that take the slow path, a few milliseconds each."""
    pq.write_table(
        pa.table({"text": ["the cat sat on a mat " * 40] * 40_000}), tmp_path / "c.parquet", row_group_size=100
    )
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    monkeypatch.chdir(tmp_path)
    Scanner(tokenizer, threads=1).scan("c.parquet").save(tmp_path / "plain.parquet")
    return tmp_path


def start(place: Path) -> subprocess.Popen[str]:
    command = [
        "scan",
        "c.parquet",
        "--tokenizer",
        "tokenizer.json",
        "--resume",
        "work",
        "--unit-size",
        "80kB",
        "-o",
        "out",
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "prunus", *command],
        cwd=place,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def results(place: Path) -> set[Path]:
    return set((place / "work" / "units").glob("*/*.parquet"))


def wait_for(place: Path, process: subprocess.Popen[str], number: int) -> None:
    while process.poll() is None and len(results(place)) < number:
        time.sleep(0.005)


def test_kills_lose_at_most_the_unit_in_flight(place: Path) -> None:
    kept: set[Path] = set()
    for _ in range(3):
        process = start(place)
        wait_for(place, process, len(kept) + 5)
        process.kill()
        process.communicate()
        assert kept < results(place) or process.returncode == 0
        kept = results(place)
    times = {path: path.stat().st_mtime_ns for path in kept}
    process = start(place)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert {path: path.stat().st_mtime_ns for path in kept} == times, "a unit was scanned twice"
    assert (place / "out").read_bytes() == (place / "plain.parquet").read_bytes()


def test_an_interrupt_is_answered_within_a_second(place: Path) -> None:
    process = start(place)
    wait_for(place, process, 3)
    clock = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    if process.returncode != 0:  # it may have been done by then
        assert time.perf_counter() - clock < 1.5
        assert process.returncode == 130, said
        assert not (place / "out").exists()
