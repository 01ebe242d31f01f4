"""docs/plugins.md is executed; every hook is documented with its signature, and tested."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from prunus.plugin import hookspecs
from prunus.plugin.manager import PluginManager

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("prunus_")}


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_runs_and_is_a_plugin():
    names: dict[str, object] = {"__name__": "a_plugin"}
    for block in code_blocks("python"):
        exec(compile(block, "docs/plugins.md", "exec"), names)
    plugin = type("Page", (), {name: staticmethod(names[name]) for name in HOOKS})()
    manager = PluginManager([], disabled=())
    manager.register(plugin, "page")
    assert manager.family_for("bloom") is names["BLOOM"]
    assert manager.report()[0].hooks == tuple(sorted(HOOKS))


def test_the_page_shows_the_template():
    template = ROOT / "python" / "prunus" / "plugin" / "template"
    spaceless = re.sub(r"\s+|#.*", "", code_blocks("python")[0])
    code = re.sub(r"\s+|#.*", "", (template / "prunus_template.py").read_text(encoding="utf-8"))
    assert spaceless[spaceless.index("BLOOM=") : spaceless.index("@hookimpl")] in code
    assert code_blocks("toml")[0].strip() in (template / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_tested(hook):
    signature = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert f"### `{hook}({signature})`" in PAGE
    tests = (Path(__file__).parent / "test_hooks.py").read_text(encoding="utf-8")
    assert f"def test_{hook}_" in tests
    assert ">>>" in inspect.getdoc(HOOKS[hook])
