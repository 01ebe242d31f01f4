"""What plugins return is honoured by the verbs; the plugin lies in `distributions/hooks`."""

from __future__ import annotations

import json

import pytest

import prunus
from prunus.errors import ConfigError, PluginError, VerificationError
from prunus.plugin import manager as managing


@pytest.fixture
def toy(managed, monkeypatch):
    """The installed families and the toy plugin, as the plugins of this process."""
    families = managing.PluginManager()
    toy = managed("hooks")
    plugin = toy._pluggy.get_plugins().pop()  # the module, as loaded by its entry point
    families.register(plugin, "toy_hooks", "toy-hooks", "1.1")
    monkeypatch.setattr(managing, "_loaded", lambda: families)
    return families


def pruned(folder, ids=(5, 6), forward=False):
    keep = prunus.select(tokenizer=folder / "model", keep_ids=ids)
    return prunus.prune(folder / "model", keep, folder / "out", forward=forward)


def test_prunus_families_serves_the_model(toy, tiny_bert):
    assert prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[5])).family == "bert"


def test_prunus_protected_ids_stay_and_say_why(toy, tiny_bert, monkeypatch):
    without = prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[5]))
    assert 8 not in without.remap
    monkeypatch.setenv("TOY_PROTECT", "8")
    plan = prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[5]))
    assert plan.remap.new_of(8) > 0
    reasons = dict(zip(plan.kept.old_ids.tolist(), plan.kept.why, strict=True))
    assert "the toy wants it" in reasons[8]


def test_prunus_protected_ids_must_name_tokens(toy, tiny_bert, monkeypatch):
    monkeypatch.setenv("TOY_PROTECT", "4000")
    with pytest.raises(ConfigError, match="4000"):
        prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[5]))


def test_prunus_verify_is_reported(toy, tiny_bert):
    report = pruned(tiny_bert)
    check = report.verification["toy.rows"]
    assert (check.status, check.looked) == ("passed", len(report.plan.remap))
    saved = json.loads((tiny_bert / "out" / "prunus" / "report.json").read_text(encoding="utf-8"))
    assert "toy.rows" in {check["name"] for check in saved["verification"]["checks"]}


def test_prunus_verify_fails_the_prune(toy, tiny_bert, monkeypatch):
    monkeypatch.setenv("TOY_VERIFY", "failed")
    with pytest.raises(VerificationError, match="the toy is unhappy"):
        pruned(tiny_bert)
    assert not (tiny_bert / "out").exists()
    assert [path.name for path in tiny_bert.iterdir()] == ["model"]


def test_prunus_verify_that_raises_fails_the_prune(toy, tiny_bert, monkeypatch):
    monkeypatch.setenv("TOY_VERIFY", "raise")
    with pytest.raises((PluginError, VerificationError), match=r"toy-hooks 1\.1"):
        pruned(tiny_bert)
    assert not (tiny_bert / "out").exists()
