"""Plugins of the tests lie in checked-in distributions: nothing is installed, nothing downloaded."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from prunus.plugin.manager import PluginManager

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path(__file__).parent / "distributions"


class Managed(Protocol):
    def __call__(self, *folders: str, disabled: Iterable[str] = ()) -> PluginManager: ...


@pytest.fixture
def managed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Managed]:
    """A manager of just the plugins in the named folders."""
    before = set(sys.modules)

    def manage(*folders: str, disabled: Iterable[str] = ()) -> PluginManager:
        paths = [str(FOLDER / folder) for folder in folders]
        for path in paths:
            monkeypatch.syspath_prepend(path)
        points = [p for d in distributions(path=paths) for p in d.entry_points.select(group="prunus")]
        return PluginManager(points, disabled=disabled)

    yield manage
    for name in set(sys.modules) - before:
        if name.startswith("toy_"):
            del sys.modules[name]
