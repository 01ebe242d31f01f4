"""The examples for Slurm, Kubernetes and GNU parallel by local processes; one of them is killed and run again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunus.scanning import Scanner
from prunus.units import WorkDirectory

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "cluster"
SHARDS = 4


@pytest.fixture
def place(tmp_path: Path, tokenizer: Path) -> Path:
    """A folder with a model, a corpus of 80 row groups, the plain scan's counts, and a `prunus` on the path."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    texts = ["the cat sat on a mat " * 40 + str(i % 7) for i in range(24_000)]
    options = {"use_dictionary": False, "compression": "none", "row_group_size": 300}
    pq.write_table(pa.table({"text": texts}), tmp_path / "corpus.parquet", **options)
    Scanner(tokenizer, threads=1).scan(tmp_path / "corpus.parquet", ["text"]).save(tmp_path / "plain.parquet")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "prunus"
    # Small units, that there be something to share; the examples leave the size as it is.
    program.write_text(
        f'#!/bin/sh\nverb=$1; shift\ntest $verb = merge || set -- "$@" --unit-size 250kB --tokenizer-from file\n'
        f'exec {sys.executable} -m prunus $verb "$@"\n'
    )
    program.chmod(0o755)
    return tmp_path


def start(place: Path, command: list[str], **environment: str) -> subprocess.Popen[str]:
    values = {
        "CORPUS": str(place / "corpus.parquet"),
        "MODEL": "model",
        "WORK": "work",
        "OUT": "counts.parquet",
        **environment,
    }
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command, cwd=place, env=os.environ | values | {"PATH": path}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def finish(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def kill_at_work(place: Path, process: subprocess.Popen[str]) -> None:
    """Kills a shard with all that it started, as soon as there are results."""
    while process.poll() is None and not list((place / "work" / "units").glob("*/*.parquet")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def slurm(number: int) -> tuple[list[str], dict[str, str]]:
    ids = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": str(SHARDS)}
    return ["sh", str(EXAMPLES / "slurm.sh"), "scan"], ids


def kubernetes(number: int) -> tuple[list[str], dict[str, str]]:
    text = (EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8")
    (script,) = re.findall(r"^ +- (exec prunus .*)$", text, re.MULTILINE)
    assert f'name: SHARDS, value: "{SHARDS}"' in text
    return ["sh", "-c", script], {"JOB_COMPLETION_INDEX": str(number - 1), "SHARDS": str(SHARDS)}


@pytest.mark.parametrize("scheduler", [slurm, kubernetes])
def test_four_processes_of_which_one_is_killed_and_run_again(place: Path, scheduler: object) -> None:
    shards = [scheduler(number) for number in range(1, SHARDS + 1)]  # type: ignore[operator]
    processes = [start(place, command, **values) for command, values in shards]
    kill_at_work(place, processes[2])
    finish(*processes[:2], processes[3])
    work = WorkDirectory(place / "work")
    missing = set(work.plan.shard(3, SHARDS)) - work.done()
    assert missing == set(range(len(work.plan.units))) - work.done()
    assert missing, "the killed process was done"
    command, values = shards[2]
    finish(start(place, command, **values))
    finish(start(place, ["sh", str(EXAMPLES / "slurm.sh"), "merge"]))
    assert (place / "counts.parquet").read_bytes() == (place / "plain.parquet").read_bytes()


@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_gnu_parallel(place: Path) -> None:
    finish(start(place, ["sh", str(EXAMPLES / "parallel.sh"), "-j2"], SHARDS=str(SHARDS)))
    assert len(list((place / "counts.parquet.parts").iterdir())) == SHARDS
    assert (place / "counts.parquet").read_bytes() == (place / "plain.parquet").read_bytes()
