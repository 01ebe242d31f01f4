from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunus.errors import CheckpointError
from prunus.plugin.family import Check
from prunus.plugin.hookspecs import hookimpl
from prunus.plugin.manager import PluginManager
from prunus.verification import NAMES, verify


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_sound_pair_passes_every_check(kind, spoiled, corpus):
    model, out = spoiled(kind)
    report = verify(model, out, corpus)
    assert report.passed, str(report)
    assert [check.name for check in report.checks] == list(NAMES)
    assert {check.status for check in report.checks} == {"passed"}
    assert all(check.looked for check in report.checks)
    assert json.loads(json.dumps(report.to_dict()))["passed"] is True
    assert all(name in str(report) for name in NAMES)
    report.raise_if_failed()


def test_without_a_corpus_the_rescan_is_skipped_and_the_rows_say_what_they_took(bert_pair):
    report = verify(*bert_pair, forward=False)
    assert report.passed
    assert report["tokenizer.rescan"].status == "skipped"
    assert "no text of a corpus" in report["tokenizer.rows"].detail
    assert report["forward"].status == "skipped"


def test_rows_with_dropped_tokens_are_counted_and_left_out(bert_pair):
    report = verify(*bert_pair, ["the cat sat", "quick brown foxes jump"], forward=False)
    assert report.passed
    assert "1 of 2 in the sample" in report["tokenizer.rescan"].detail
    assert "left out" in report["tokenizer.rows"].detail


def test_not_a_directory(bert_pair, tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        verify(bert_pair[0], tmp_path / "nowhere")


def test_torch_and_transformers_are_not_needed(bert_pair):
    """In a process where neither can be imported, the rest still runs, and says what was left out."""
    code = """
import sys
from importlib.machinery import PathFinder

class Absent(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in ("torch", "transformers") else super().find_spec(name, path, target)

sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Absent]
from prunus import verify
report = verify(sys.argv[1], sys.argv[2])
assert report.passed, str(report)
assert report["forward"].status == "skipped" and "not installed" in report["forward"].detail
assert "transformers is not installed" in report["tokenizer.rows"].detail
"""
    subprocess.run([sys.executable, "-c", code, *map(str, bert_pair)], check=True)


def test_torch_is_not_imported_before_the_forward_pass(bert_pair):
    code = """
import sys
from prunus import verify
assert verify(sys.argv[1], sys.argv[2], forward=False).passed
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, *map(str, bert_pair)], check=True)


def _with_plugin(monkeypatch, hook):
    manager = PluginManager(points=())
    manager.register(SimpleNamespace(prunus_verify=hookimpl(hook)), "toy")
    monkeypatch.setattr("prunus.plugin.manager.plugin_manager", lambda: manager)


def test_checks_of_plugins_are_part_of_the_report(bert_pair, monkeypatch):
    _with_plugin(monkeypatch, lambda context: [Check("toy", "failed", 1, "toy", (context.config["model_type"],))])
    assert [check.findings for check in verify(*bert_pair, forward=False).failed] == [("bert",)]
    _with_plugin(monkeypatch, lambda context: [Check("toy", "passed", 0, "looked at nothing")])
    assert [check.name for check in verify(*bert_pair, forward=False).failed] == ["toy"]


def test_a_plugin_that_raises_fails_the_verification(bert_pair, monkeypatch):
    _with_plugin(monkeypatch, lambda context: 1 / 0)
    report = verify(*bert_pair, forward=False)
    assert "ZeroDivisionError" in report["plugins"].findings[0]


def test_a_corpus_of_nested_texts_and_one_of_ready_ids(bert_pair):
    texts = pa.table({"chat": [[{"content": "the cat"}, {"content": None}], [], None, [{"content": "a hat"}]]})
    report = verify(*bert_pair, texts, ["chat.content"], forward=False)
    assert report.passed, str(report)
    assert "in 2 texts" in report["tokenizer.rescan"].detail
    report = verify(*bert_pair, pa.table({"input_ids": [[2, 5, 3]]}), forward=False)
    assert report.passed, str(report)
    assert "ready ids" in report["tokenizer.rescan"].detail


def test_a_long_corpus_is_sampled_evenly(bert_pair, tmp_path):
    rows = [f"{'the cat sat ' * (i % 3)}on" for i in range(1000)]
    pq.write_table(pa.table({"text": rows}), tmp_path / "c.parquet", row_group_size=130)
    report = verify(*bert_pair, tmp_path / "c.parquet", sample_rows=70, forward=False)
    assert report.passed, str(report)
    assert "70 of the corpus" in report["tokenizer.rows"].detail
