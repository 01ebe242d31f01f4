"""The examples run as they stand; `demo.py` by `make demo`, `encode.py` after the README's commands (tests/docs)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_sources_of_every_kind_give_the_same_counts() -> None:
    for name in ("polars", "duckdb", "datasets", "pandas"):
        pytest.importorskip(name)
    run = subprocess.run([sys.executable, EXAMPLES / "sources.py"], check=True, capture_output=True, text=True)
    assert run.stdout.count(": same") == 6
