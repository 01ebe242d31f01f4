"""SIGKILL and Ctrl-C at random moments: the output is absent or whole, the source untouched, leftovers recognisable."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.checkpoint.staging import leftovers
from prunus.cli import main

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 8


def digest(directory: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        total.update(str(path.relative_to(directory)).encode() + path.read_bytes())
    return total.hexdigest()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prunus", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def place(tiny_bert: Path) -> Path:
    pq.write_table(pa.table({"text": ["the cat sat on the mat"] * 50_000}), tiny_bert / "corpus.parquet")
    prunus.scan(tiny_bert / "corpus.parquet", tokenizer=tiny_bert / "model").save(tiny_bert / "counts.parquet")
    return tiny_bert


def test_a_killed_prune_leaves_nothing_or_all(place: Path) -> None:
    command = ("prune", "model", "--counts", "counts.parquet", "-o", "out", "--no-forward")
    before = digest(place / "model")
    clock = time.perf_counter()
    assert start(place, *command).wait(120) == 0
    seconds = time.perf_counter() - clock
    whole = sorted(p.name for p in (place / "out").rglob("*"))
    (place / "out").rename(place / "undisturbed")
    chance = random.Random(0)
    killed = 0
    for number in range(KILLS):
        process = start(place, *command)
        time.sleep(chance.uniform(0.3, 1.0) * seconds)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        if (place / "out").exists():
            assert sorted(p.name for p in (place / "out").rglob("*")) == whole
            (place / "out").rename(place / f"whole-{number}")
        assert digest(place / "model") == before
    assert killed > 0
    known = {"model", "corpus.parquet", "counts.parquet", "undisturbed"} | {f"whole-{n}" for n in range(KILLS)}
    strange = {p.name for p in place.iterdir()} - known - {p.name for p in leftovers(place)}
    assert not strange
    assert start(place, *command).wait(120) == 0


def test_an_interrupted_scan_answers_within_a_second_and_writes_nothing(place: Path) -> None:
    endless = 'import itertools, prunus; prunus.scan(itertools.repeat("the cat sat " * 50), tokenizer="model")'
    process = subprocess.Popen([sys.executable, "-c", endless], cwd=place, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    clock = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert time.perf_counter() - clock < 1.5
    assert "KeyboardInterrupt" in said


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_command_says_so(place: Path, number: int, code: int, word: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "prunus", "scan", "-", "--tokenizer", "model", "-o", "c.parquet"],
        cwd=place, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(3)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert word in said
    assert not (place / "c.parquet").exists()


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_an_interruption_is_machine_readable_and_says_what_is_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: int, word: str
) -> None:
    monkeypatch.chdir(place)

    def stopped(*_: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("prunus.units.running.run_unit", stopped)
    monkeypatch.setattr("prunus.cli.merge.run", stopped)
    scan = ["scan", "corpus.parquet", "--tokenizer", "model", "--tokenizer-from", "file", "--resume", "work", "--json"]
    assert main(scan) in {130, 143}
    shown = capfd.readouterr()
    assert json.loads(shown.out)["error"] == word
    assert f"{word}; finished units are kept in work" in json.loads(shown.out)["message"]
    assert f"{word}; finished units are kept in work\n  The same command" in shown.err
    main(["merge", "counts.parquet", "-o", "sum.parquet"])
    shown = capfd.readouterr()
    assert shown.out == ""
    assert f"{word}; nothing half-written was left behind" in shown.err


def test_a_terminated_prune_clears_its_leftovers(place: Path) -> None:
    """As `docker stop` and Slurm end a command."""
    process = start(place, "prune", "model", "--counts", "counts.parquet", "-o", "out")
    until = time.monotonic() + 60
    while not leftovers(place) and time.monotonic() < until:
        time.sleep(0.002)
    process.terminate()
    assert process.wait(60) == 143
    assert leftovers(place) == ()
    assert not (place / "out").exists()
