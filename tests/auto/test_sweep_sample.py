"""A sample of `make sweep`: tiny models of unlike architectures, pruned on disk and run beside their source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architectures.md"
# Between them: an encoder-decoder with a bias `(1, rows)`, positions counted from the pad id, an untied head, a second
# vocabulary, a text model inside another, published names given back on saving, hash routing, per-layer tables.
SAMPLE = ("bart", "ibert", "llama", "luke", "llava", "exaone", "deepseek_v4", "xglm")


def outcomes():
    """Outcome by model type, as the page shows it."""
    rows = re.findall(r"^\| (\S+) \| (\S+) \| ([a-z ]+) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {model_type: (class_name, status, detail) for model_type, class_name, status, detail in rows}


@pytest.mark.parametrize("model_type", SAMPLE)
def test_the_page_is_current(model_type):
    from prunus.testing.architecture_sweep import row, sweep_type

    (outcome,) = sweep_type(model_type)
    assert outcome.status in {"exact", "rows"}, outcome.detail
    assert row(outcome) in PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_known_type_and_nothing_wrong():
    from prunus.plugin.facts import known_types

    shown = outcomes()
    assert sorted(shown) == known_types()
    assert {status for _, status, _ in shown.values()} <= {"exact", "rows", "refused", "not built"}
