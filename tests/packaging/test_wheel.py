"""The wheel installs in a clean environment, without Rust and without torch, and does the main job there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["the cat sat", "a cat"]
SCRIPT = """
import json, sys
try:
    import torch
except ImportError:
    pass
else:
    sys.exit("torch is here; this environment is not clean")
import prunus
counts = prunus.scan(json.loads(sys.argv[1]), tokenizer="model")
print(prunus.plan("model", counts))
report = prunus.prune("model", counts, "small", corpus=json.loads(sys.argv[1]))
assert "torch" not in sys.modules
skipped = [check.name for check in report.verification.checks if check.status == "skipped"]
assert "forward" in skipped, skipped
print(json.dumps({"before": report.plan.tokens_before, "after": report.plan.tokens_after}))
"""


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with nothing but the built wheels and what they require."""
    folder = tmp_path_factory.mktemp("clean")
    wheels = folder / "wheels"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    build = [sys.executable, "-m", "maturin", "build", "--release", "--locked", "--quiet", "--out", str(wheels)]
    subprocess.run(build, cwd=ROOT, env=environment, check=True)
    plugin = str(ROOT / "plugins" / "prunus-bert")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), plugin], check=True)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    # No Rust on the path: the wheel must be enough.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CARGO", "RUSTUP", "PYTHON"))}
    bare = kept | {"PATH": "/usr/bin:/bin"}
    install = [str(python), "-m", "pip", "install", "--quiet", "--find-links", str(wheels), "prunus-bert", "prunus"]
    subprocess.run(install, env=bare, check=True)
    return python


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_main_job_in_a_clean_environment(clean_python: Path, tiny_bert: Path) -> None:
    command = [str(clean_python), "-c", SCRIPT, json.dumps(TEXTS)]
    run = subprocess.run(command, cwd=tiny_bert, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    sizes = json.loads(run.stdout.splitlines()[-1])
    assert sizes["after"] < sizes["before"]
    assert (tiny_bert / "small" / "prunus" / "keep.parquet").is_file()
    version = subprocess.run([clean_python.parent / "prunus", "--version"], capture_output=True, text=True, check=True)
    assert "tokenizers" in version.stdout
