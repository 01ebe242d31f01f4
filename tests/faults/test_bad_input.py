"""Bad input through the command line: one clear error, its exit code, and nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = ["the cat sat", "the mat", "a cat"]


def prunus(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prunus", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def refused(folder: Path, *arguments: str, code: int = 1) -> str:
    """Runs a command that must fail in the documented way; returns what it said."""
    before = sorted(str(p) for p in folder.rglob("*"))
    run = prunus(folder, *arguments)
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    assert "Traceback" not in run.stderr, run.stderr
    assert sorted(str(p) for p in folder.rglob("*")) == before, "something was written"
    return run.stderr


def table(folder: Path, name: str = "corpus.parquet", **columns: object) -> str:
    pq.write_table(pa.table(columns or {"text": TEXTS}), folder / name)
    return name


SCAN = ("--tokenizer", "model", "-o", "counts.parquet")


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def _truncated(folder: Path) -> str:
    name = table(folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    return name


def _written(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name


def _folder(folder: Path) -> str:
    (folder / "folder").mkdir()
    return "folder"


CORPORA: dict[str, tuple[Callable[[Path], str], str]] = {
    "no rows": (lambda f: table(f, text=pa.array([], pa.string())), "no "),
    "all nulls": (lambda f: table(f, text=pa.array([None, None], pa.string())), "null"),
    "no text column": (lambda f: table(f, label=[1, 2]), "label"),
    "two text columns": (lambda f: table(f, a=["x"], b=["y"]), "a"),
    "truncated parquet": (_truncated, "corpus.parquet"),
    "broken JSON line": (lambda f: _written(f, "c.jsonl", b'{"text": "a"}\n{"text": \n'), "line 2"),
    "JSON of another type": (lambda f: _written(f, "c.jsonl", b'{"text": "a"}\n{"text": 3}\n'), "line 2"),
    "invalid UTF-8": (lambda f: _written(f, "c.txt", b"the cat\nthe \xff mat\n"), "c.txt"),
    "missing file": (lambda f: "nowhere.parquet", "nowhere.parquet"),
    "unknown extension": (lambda f: _written(f, "c.xyz", b"abc"), "c.xyz"),
    "empty directory": (_folder, "folder"),
}


@pytest.mark.parametrize("case", CORPORA)
def test_bad_corpora(tiny_bert: Path, case: str) -> None:
    make, says = CORPORA[case]
    assert says in refused(tiny_bert, "scan", make(tiny_bert), *SCAN)


def test_a_wrong_column_is_answered_with_the_right_ones(tiny_bert: Path) -> None:
    said = refused(tiny_bert, "scan", table(tiny_bert, text=TEXTS, label=[1, 2, 3]), "--column", "txt", *SCAN)
    assert "txt" in said
    assert "text" in said
    assert "label" in refused(tiny_bert, "scan", "corpus.parquet", "--column", "label", *SCAN)


@pytest.fixture
def counted(tiny_bert: Path) -> Path:
    table(tiny_bert)
    run = prunus(tiny_bert, "scan", "corpus.parquet", *SCAN)
    assert run.returncode == 0, run.stderr
    return tiny_bert


PRUNE = ("prune", "model", "--counts", "counts.parquet", "-o", "out", "--no-forward")


def test_the_undisturbed_command_works(counted: Path) -> None:
    run = prunus(counted, *PRUNE, "--corpus", "corpus.parquet")
    assert run.returncode == 0, run.stderr
    assert (counted / "out" / "model.safetensors").is_file()


def _add_token(model: Path) -> None:
    def change(values: dict[str, object]) -> None:
        values["added_tokens"].append(values["added_tokens"][0] | {"id": 35, "content": "[NEW]"})  # type: ignore[attr-defined, index]

    edit(model / "tokenizer.json", change)


def _other_tokenizer(model: Path) -> None:
    edit(model / "tokenizer.json", lambda v: v["normalizer"].update(lowercase=False))  # type: ignore[attr-defined]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _sharded(model: Path) -> None:
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    (model / "model.safetensors").rename(model / first)
    weights = {"bert.embeddings.word_embeddings.weight": first, "cls.predictions.bias": second}
    index = {"metadata": {"total_size": 1}, "weight_map": weights}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


MODELS: dict[str, tuple[Callable[[Path], object], str]] = {
    "broken tokenizer.json": (lambda m: (m / "tokenizer.json").write_text("{"), "tokenizer.json"),
    "no tokenizer.json": (lambda m: (m / "tokenizer.json").unlink(), "tokenizer"),
    "tokenizer larger than the rows": (_add_token, "rows"),
    "another tokenizer": (_other_tokenizer, "fingerprint"),
    "missing checkpoint": (lambda m: (m / "model.safetensors").unlink(), "safetensors"),
    "pickle checkpoint": (lambda m: (m / "model.safetensors").rename(m / "pytorch_model.bin"), "pytorch_model.bin"),
    "truncated checkpoint": (lambda m: _cut(m / "model.safetensors"), "model.safetensors"),
    "missing shard": (_sharded, "model-00002-of-00002.safetensors"),
    "unknown model type": (lambda m: edit(m / "config.json", lambda c: c.update(model_type="zebra")), "zebra"),
    "config without a type": (lambda m: edit(m / "config.json", lambda c: c.pop("model_type")), "model_type"),
    "dangling id": (lambda m: edit(m / "config.json", lambda c: c.update(eos_token_id=999)), "eos_token_id"),
    "id of another type": (lambda m: edit(m / "config.json", lambda c: c.update(eos_token_id="x")), "eos_token_id"),
    "size that is not the rows": (lambda m: edit(m / "config.json", lambda c: c.update(vocab_size=7)), "vocab_size"),
    "a file of unknown content": (lambda m: (m / "model.onnx").write_bytes(b"x"), "model.onnx"),
}


@pytest.mark.parametrize("case", MODELS)
def test_bad_models(counted: Path, case: str) -> None:
    change, says = MODELS[case]
    change(counted / "model")
    said = refused(counted, *PRUNE)
    if case in {"tokenizer larger than the rows", "another tokenizer"}:  # the counts are refused first
        assert "tokenizer" in said
    else:
        assert says in said


def test_outputs_that_cannot_be(counted: Path) -> None:
    (counted / "out").mkdir()
    assert "exists" in refused(counted, *PRUNE)
    inside = ("prune", "model", "--counts", "counts.parquet", "-o", "model/out")
    assert "inside" in refused(counted, *inside)
    nowhere = ("prune", "model", "--counts", "counts.parquet", "-o", "no/such/out")
    assert "no/such" in refused(counted, *nowhere)


def test_wrong_usage_has_its_own_exit_code(counted: Path) -> None:
    refused(counted, "prune", "model", "-o", "out", code=2)
    refused(counted, "plan", "model", "--counts", "counts.parquet", "--coverage", "99", code=2)
    refused(counted, "prune", "model", "--counts", "counts.parquet", code=2)


def test_an_error_is_machine_readable_on_request(counted: Path) -> None:
    run = prunus(
        counted, "plan", "model", "--counts", "counts.parquet", "--keep-tokens", _written(counted, "k", b"zz"), "--json"
    )
    assert run.returncode == 1
    assert json.loads(run.stdout)["error"] == "selection"


def test_a_file_that_cannot_be_rewritten_may_be_left_out(counted: Path) -> None:
    (counted / "model" / "model.onnx").write_bytes(b"x")
    run = prunus(counted, *PRUNE, "--drop-file", "model.onnx")
    assert run.returncode == 0, run.stderr
    assert not (counted / "out" / "model.onnx").exists()
