"""The template is installed into an environment of its own and does what its README says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "plugins" / "template"
PRUNE = """
import json, sys
from pathlib import Path
import prunus
from prunus.plugin.manager import plugin_report
from prunus.testing import TinyCheckpoint, build_checkpoint, compare_models, tiny_tokenizer

source, out = Path(sys.argv[1]), Path(sys.argv[2])
build_checkpoint(TinyCheckpoint("bloom", "BloomForCausalLM", tiny_tokenizer("byte-bpe")), source)
report = prunus.prune(source, prunus.select(tokenizer=source, keep_ids=range(0, 300, 3)), out)
found = compare_models(source, out, "BloomForCausalLM", report.plan.remap)
statuses = {record.distribution: [record.version, record.status] for record in plugin_report()}
print(json.dumps({"wrong": found.wrong, "looked": found.looked, "family": report.plan.family, "plugins": statuses}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip installed the template."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copytree(TEMPLATE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    subprocess.run([*pip, *options, str(folder / "source")], check=True, capture_output=True)
    return folder


def run(command, folder, *, with_plugin=True):
    path = [str(folder / "site")] if with_plugin else []
    # One thread: tiny models only wait for more.
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    return subprocess.run([sys.executable, *command], env=env, cwd=folder, text=True, capture_output=True, check=False)


def test_it_prunes_a_bloom(installed):
    done = run(["-c", PRUNE, str(installed / "model"), str(installed / "out")], installed)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["looked"] > 10
    assert result["family"] == "bloom"
    assert result["plugins"]["prunus-template"] == ["0.1.0", "active"]


def test_without_it_bloom_is_refused_and_the_message_leads_to_the_template(installed):
    code = "from prunus.plugin.manager import family_for; family_for('bloom')"
    done = run(["-c", code], installed, with_plugin=False)
    assert done.returncode == 1
    assert "no family claims model type 'bloom'" in done.stderr
    assert "plugins/template" in done.stderr


def test_its_own_tests_pass(installed):
    done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "source/tests"], installed)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
