"""What the tests of this area run in processes of their own: two that train together, and some that get killed."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import torch
import transformers
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import prunus
from prunus.errors import LiveModelError

from .conftest import TINY, USED, batches, same_bits, twin


def prepare() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()


def tiny():
    torch.manual_seed(0)
    return transformers.BertForSequenceClassification(transformers.BertConfig(**TINY))


def distributed(rank: int, folder: str) -> None:
    """Trains with and without Prunus over two processes; writes what differs to a file of its own."""
    prepare()
    options = {"rank": rank, "world_size": 2, "timeout": timedelta(seconds=60)}
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", **options)
    full = tiny()
    tuned = twin(full)
    want = steps(full, rank)
    with prunus.fine_tuning(tuned, USED):
        got = steps(tuned, rank)
        rows = tuned.get_input_embeddings().weight.shape[0]
    different = same_bits(full.state_dict(), tuned.state_dict())
    refused = [refusal(lambda: DistributedDataParallel(tiny())), refusal(lambda: fully_shard(tiny()))]
    result = {"want": want, "got": got, "rows": rows, "different": different, "refused": refused}
    Path(folder, f"rank{rank}.json").write_text(json.dumps(result))
    torch.distributed.destroy_process_group()


def steps(model, rank: int) -> list[float]:
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(wrapped.parameters(), 1e-2, weight_decay=0.1)
    torch.manual_seed(rank)
    losses = []
    for batch in batches(12, seed=rank):  # either process sees data of its own
        loss = wrapped(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(wrapped.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def refusal(wrap) -> str:
    try:
        prunus.fine_tuning(wrap(), USED).begin()
    except LiveModelError as error:
        return str(error)
    return ""


def trainer_of(model, folder: str) -> transformers.Trainer:
    """A trainer of 8 steps that saves every second one."""
    rows = [
        {"input_ids": ids, "labels": label}
        for batch in batches(8)
        for ids, label in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
    ]
    options = transformers.TrainingArguments(
        folder, max_steps=8, save_steps=2, per_device_train_batch_size=4, use_cpu=True, report_to="none",
        disable_tqdm=True, weight_decay=0.1, seed=5, logging_strategy="no",
    )  # fmt: skip
    return transformers.Trainer(model, options, collated, rows)


def collated(rows: list[dict]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    ids = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]
    return {"input_ids": torch.tensor(ids), "labels": torch.tensor([row["labels"] for row in rows])}


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesInTraining(transformers.TrainerCallback):
    """Kills the process in the middle of step 6: the gradients are there, the optimizer has not stepped."""

    def on_pre_optimizer_step(self, args, state, control, **kwargs) -> None:
        if state.global_step == 5:
            die()


def killed(where: str, folder: str) -> None:
    """Trains in the block and is killed in step 6, or while the third checkpoint is written."""
    prepare()
    model = tiny()
    with prunus.fine_tuning(model, USED, spill_dir=f"{folder}/spill"):
        trainer = trainer_of(model, f"{folder}/run")
        if where == "training":
            trainer.add_callback(DiesInTraining())
            trainer.train()
        else:
            write = torch.save

            def dying(thing, path, *args, **kwargs):
                if "checkpoint-6" in str(path):
                    Path(path).write_bytes(b"half of it")
                    die()
                return write(thing, path, *args, **kwargs)

            with patch("torch.save", dying):
                trainer.train()
