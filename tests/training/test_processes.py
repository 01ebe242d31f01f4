"""Two processes that train together, and SIGKILL in the middle of training and of saving."""

from __future__ import annotations

import json
import multiprocessing
import signal
from typing import TYPE_CHECKING

import pytest

import prunus

from . import children
from .conftest import USED, same_bits, torch

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("accelerate")
CONTEXT = multiprocessing.get_context("forkserver")  # the libraries are imported once for all of them
CONTEXT.set_forkserver_preload(["torch", "transformers", "accelerate"])


@pytest.fixture(autouse=True)
def _one_thread():
    """As in the children: how a sum over a batch is split among threads changes its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def start(target, *arguments):
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def test_two_processes_train_as_without_prunus(tmp_path: Path) -> None:
    """Real gloo; a model that is wrapped already, or sharded by FSDP, is refused by name with what to do instead."""
    processes = [start(children.distributed, rank, str(tmp_path)) for rank in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    results = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    for result in results:
        assert result["got"] == result["want"]
        assert result["different"] == []
        assert result["rows"] == len(USED)
        wrapped, sharded = result["refused"]
        assert "DistributedDataParallel" in wrapped
        assert "inside it" in wrapped
        assert "FSDP" in sharded
    assert results[0]["want"] != results[1]["want"]


@pytest.mark.parametrize("where", ["training", "saving"])
def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path: Path, where: str) -> None:
    (tmp_path / "spill").mkdir()
    process = start(children.killed, where, str(tmp_path))
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert list((tmp_path / "spill").iterdir()) == []
    checkpoints = {int(p.name.split("-")[1]): p for p in (tmp_path / "run").glob("checkpoint-*")}
    assert max(checkpoints) == (4 if where == "training" else 6)
    whole = max(step for step, folder in checkpoints.items() if (folder / "trainer_state.json").exists())
    assert whole == 4
    full, tuned = children.tiny(), children.tiny()
    children.trainer_of(full, str(tmp_path / "full")).train()
    with prunus.fine_tuning(tuned, USED):
        children.trainer_of(tuned, str(tmp_path / "run")).train(resume_from_checkpoint=str(checkpoints[whole]))
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
