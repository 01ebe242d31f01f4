"""docs/write-a-family.md is carried out as it stands, and its plugin passes the contract."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prunus.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "write-a-family.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package as the reader has it in the end, with the metadata that an installation would write."""
    folder = tmp_path_factory.mktemp("tutorial") / "prunus-xglm"
    assert main(["new-family", "xglm", "-o", str(folder)]) == 0
    module, test = (block for block in BLOCKS if block.startswith('"""'))
    (folder / "prunus_xglm.py").write_text(module, encoding="utf-8")
    (folder / "tests" / "test_bloom.py").rename(folder / "tests" / "test_xglm.py").write_text(test, encoding="utf-8")
    metadata = folder / "prunus_xglm-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: prunus-xglm\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[prunus]\nxglm = prunus_xglm\n")
    return folder


def run(package, *command):
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *command], cwd=package, env=env, text=True, capture_output=True, check=False)


@pytest.mark.slow
def test_the_tutorial_ends_with_a_plugin_that_passes(package):
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.slow
def test_what_it_claims_on_the_way_is_so(package):
    claims = "".join(block for block in BLOCKS if not block.startswith('"""'))
    assert claims.count("assert") == 5
    unpinned = """
import prunus_xglm
from dataclasses import replace
from prunus.errors import FamilyError
from prunus.testing import FamilyContract, check_declared
try:
    check_declared(replace(prunus_xglm.XGLM, tensors=prunus_xglm.XGLM.tensors[:1]), "xglm", "XGLMForCausalLM")
except FamilyError as error:
    assert "lm_head.weight" in str(error) and "family 'xglm' does not know it" in str(error), error
else:
    raise SystemExit("a missing head was not noticed")
contract = type("Unpinned", (FamilyContract,), {"model_type": "xglm"})()
contract.family = lambda: replace(prunus_xglm.XGLM, pinned_fields=())
try:
    contract.test_position_rule_is_declared()
except AssertionError as error:
    assert "positions are counted from pad_token_id" in str(error)
else:
    raise SystemExit("a moving pad id was not noticed")
"""
    done = run(package, "-c", claims + unpinned)
    assert done.returncode == 0, done.stderr
