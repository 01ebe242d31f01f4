"""Plugins load one by one; a broken one is named, a conflict names both, and nothing heavy is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prunus import Check, ModelFamily, Role, VocabTensor, hookimpl
from prunus.errors import FamilyError, PluginError
from prunus.plugin.family import ProtectContext
from prunus.plugin.manager import PluginManager

FOLDER = Path(__file__).parent / "distributions"
EMBEDDING = VocabTensor("*embed.weight", 0, Role.INPUT)


def toy(name="toy", types=("toy",)):
    return ModelFamily(name=name, model_types=frozenset(types), tensors=(EMBEDDING,))


def test_a_plugin_is_found_and_described(managed):
    manager = managed("success")
    assert manager.family_for("toy-large").name == "toy"
    (record,) = manager.report()
    assert (record.name, record.distribution, record.version) == ("toy_family", "toy-family", "1.0")
    assert record.status == "active"
    assert record.families == {"toy": ("toy", "toy-large")}
    assert record.hooks == ("prunus_families",)


@pytest.mark.parametrize(
    ("folder", "distribution", "cause"),
    [
        ("importerror", "toy-broken 2.0", "No module named 'a_module_that_is_not_there'"),
        ("unknown_hook", "toy-unknown-hook 0.1", "unknown hook prunus_famillies"),
        ("malformed", "toy-malformed 0.2", "axis -1 is no integer >= 0"),
    ],
)
def test_a_broken_plugin_is_named_and_stops_no_other(managed, folder, distribution, cause):
    manager = managed("success", folder)
    assert manager.family_for("toy").name == "toy"
    (record,) = manager.broken()
    assert record.label.startswith(distribution)
    assert cause in record.status
    assert not record.hooks
    assert not record.families


def test_a_broken_plugin_is_an_error_where_it_may_be_missing(managed):
    with pytest.raises(PluginError) as caught:
        managed("importerror").family_for("something")
    assert "toy-broken 2.0" in str(caught.value)
    assert "'something'" in str(caught.value)
    assert "a_module_that_is_not_there" in str(caught.value)


def test_an_unclaimed_type_says_what_is_installed_and_what_to_do(managed):
    with pytest.raises(FamilyError) as caught:
        managed("success").family_for("something")
    for part in ("'something'", "installed families: toy", 'pip install "prunus[families]"', "docs/plugins.md"):
        assert part in str(caught.value)


def test_a_conflict_names_both_when_the_type_is_asked_for(managed):
    manager = managed("success", "conflict")
    assert manager.family_for("rival").name == "rival"
    assert manager.family_for("toy-large").name == "toy"
    with pytest.raises(PluginError) as caught:
        manager.family_for("toy")
    assert "toy-family 1.0" in str(caught.value)
    assert "toy-rival 3.1" in str(caught.value)
    statuses = {record.distribution: record.status for record in manager.report()}
    assert statuses["toy-family"].startswith("conflict: toy is also claimed by toy-rival 3.1")
    assert statuses["toy-rival"].startswith("conflict: toy is also claimed by toy-family 1.0")


def test_two_families_of_one_plugin_may_not_claim_one_type():
    class Double:
        @hookimpl
        def prunus_families(self):
            return [toy("one"), toy("two")]

    with pytest.raises(PluginError, match="two of its families claim model type 'toy'"):
        PluginManager([], disabled=()).register(Double(), "double")


@pytest.mark.parametrize("name", ["toy_rival", "toy-rival", "Toy_Rival"])
def test_a_disabled_plugin_is_left_alone_and_named(managed, name):
    manager = managed("success", "conflict", disabled=[name])
    assert manager.family_for("toy").name == "toy"
    assert {record.distribution: record.status for record in manager.report()}["toy-rival"] == "disabled"
    with pytest.raises(FamilyError, match="left alone by PRUNUS_DISABLE_PLUGINS: toy-rival"):
        manager.family_for("rival")


def test_a_distribution_found_twice_is_one_plugin(managed):
    manager = managed("success", "success")
    assert [record.distribution for record in manager.report()] == ["toy-family"]
    assert manager.family_for("toy").name == "toy"


def test_a_plugin_whose_hook_fails_later_is_named():
    class Failing:
        @hookimpl
        def prunus_protected_ids(self, context):
            raise KeyError("missing")

    class Strange:
        @hookimpl
        def prunus_protected_ids(self, context):
            return [Check("not an id", "passed", 1, "")]

    context = ProtectContext(Path(), {"model_type": "toy"}, {})
    for plugin, said in ((Failing(), "KeyError"), (Strange(), "not a ProtectedId")):
        manager = PluginManager([], disabled=())
        manager.register(plugin, "later", "toy-later", "4.0")
        with pytest.raises(PluginError, match=said) as caught:
            manager.protected_ids(context)
        assert "toy-later 4.0" in str(caught.value)


def run(code, *folders, **environment):
    """Runs code in a fresh interpreter that sees the plugins of the named folders, besides the installed ones."""
    paths = [str(FOLDER / folder) for folder in folders]
    path = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "always", **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True, check=True)


def test_discovery_imports_nothing_heavy():
    code = """
import sys, json
from prunus.plugin.manager import families, plugin_report
plugin_report()
heavy = {"torch", "transformers", "pyarrow", "tokenizers", "numpy"} & set(sys.modules)
print(json.dumps([sorted(heavy), [family.name for family in families()]]))
"""
    heavy, names = json.loads(run(code, "success").stdout)
    assert heavy == []
    assert "toy" in names


def test_the_manager_of_the_process_warns_once_and_reads_the_variable():
    code = """
from prunus.plugin.manager import plugin_report
for _ in range(2):
    print({record.distribution: record.status for record in plugin_report()}["toy-family"])
"""
    done = run(code, "success", "importerror", PRUNUS_DISABLE_PLUGINS="nobody, toy_family")
    assert done.stdout.split() == ["disabled", "disabled"]
    assert done.stderr.count("PluginWarning: plugin toy-broken 2.0 (entry point 'toy_broken') is broken") == 1


def test_the_families_come_through_the_same_door_as_strangers():
    code = """
import json
from prunus.plugin.manager import plugin_report
print(json.dumps({record.distribution: record.status for record in plugin_report()}))
"""
    statuses = json.loads(run(code).stdout)
    expected = {"prunus-bert", "prunus-roberta", "prunus-t5", "prunus-gpt2"}
    assert {name: statuses.get(name) for name in expected} == dict.fromkeys(expected, "active")


def test_tracing_tells_of_imports_hooks_and_failures(managed, capsys):
    from importlib.metadata import distributions

    lines = []
    paths = [str(FOLDER / name) for name in ("hooks", "importerror")]
    managed("hooks", "importerror")  # puts both on the path
    points = [p for d in distributions(path=paths) for p in d.entry_points.select(group="prunus")]
    manager = PluginManager(points, disabled=(), trace=lines.append)
    manager.protected_ids(ProtectContext(Path(), {"model_type": "toy"}, {0: "a"}))
    told = "\n".join(lines)
    assert "toy_hooks imported in" in told
    assert "prunus_families() ->" in told
    assert "prunus_protected_ids(ProtectContext) -> [" in told
    assert "is broken: ModuleNotFoundError" in told


def test_the_command_traces(capsys):
    from prunus.cli import main

    assert main(["plugins", "--trace"]) == 0
    said = capsys.readouterr()
    assert "prunus-bert" in said.out
    assert "imported in" in said.err
