"""`import prunus` and `prunus --help` stay light."""

from __future__ import annotations

import subprocess
import sys

import prunus

HEAVY = ("torch", "transformers", "pyarrow", "tokenizers", "pandas", "datasets", "numpy")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {line.split(".")[0] for line in run.stdout.splitlines()}


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    loaded = modules_after("import prunus")
    assert "prunus" in loaded
    assert not loaded & set(HEAVY)


def test_help_pulls_in_nothing_heavy() -> None:
    loaded = modules_after("from prunus.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass")
    assert "argparse" in loaded
    assert not loaded & set(HEAVY)


def test_the_planning_path_needs_neither_torch_nor_transformers() -> None:
    loaded = modules_after("import prunus; prunus.plan, prunus.prune, prunus.verify, prunus.scan, prunus.select")
    assert "pluggy" in loaded
    assert not loaded & {"torch", "transformers"}


def test_every_public_name_exists_and_is_listed() -> None:
    assert len(prunus.__all__) > 10
    for name in prunus.__all__:
        assert getattr(prunus, name) is not None
    assert set(dir(prunus)) == set(prunus.__all__)
    assert set(prunus._HOME) == set(prunus.__all__)
