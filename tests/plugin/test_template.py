"""The template is installed into an environment of its own and does what its README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from prunus.cli import main
from prunus.errors import OutputError, UsageError
from prunus.plugin.newfamily import new_family

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
    """A folder into which pip installed what `prunus new-family` wrote."""
    folder = tmp_path_factory.mktemp("template")
    assert main(["new-family", "toy-bloom", "-o", str(folder / "source")]) == 0
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
    assert result["plugins"]["prunus-toy-bloom"] == ["0.1.0", "active"]


def test_without_it_bloom_is_refused_and_the_message_leads_to_a_new_family(installed):
    code = "from prunus.plugin.manager import family_for; family_for('bloom')"
    done = run(["-c", code], installed, with_plugin=False)
    assert done.returncode == 1
    assert "no family claims model type 'bloom'" in done.stderr
    assert "prunus new-family" in done.stderr


def test_its_own_tests_pass(installed):
    done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "source/tests"], installed)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", ["Toy", "a_b", "", "-x", "1x", "../x"])
def test_a_name_that_would_not_do_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="no name for a family"):
        new_family(name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_nothing_half_is_left(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="exists"):
        new_family("toy", tmp_path / "taken")
    with pytest.raises(OutputError, match="cannot be written"):
        new_family("toy", tmp_path / "taken" / ("x" * 300))
    with pytest.raises(OutputError, match="no such directory"):
        new_family("toy", tmp_path / "nowhere" / "toy")
    assert list((tmp_path / "taken").iterdir()) == []


def test_no_name_of_the_template_is_left(tmp_path):
    made = new_family("my-toy", tmp_path / "made")
    texts = {path: path.read_text(encoding="utf-8") for path in made.rglob("*") if path.is_file()}
    assert {path.name for path in texts} == {"README.md", "prunus_my_toy.py", "pyproject.toml", "test_bloom.py"}
    assert [path for path, text in texts.items() if "template" in text] == []
    assert 'my-toy = "prunus_my_toy"' in texts[made / "pyproject.toml"]
