"""Writes a working plugin package to start a family from: the template of this package under another name."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from prunus.errors import OutputError, UsageError

TEMPLATE = Path(__file__).parent / "template"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", "*.pyc")


def new_family(name: str, out: str | Path | None = None) -> Path:
    """Writes the distribution `prunus-NAME`: entry point, family, contract test, README. It passes its test as it is.

    Args:
        name: Name of the family: lower-case letters and digits, words joined by hyphens.
        out: The directory to write, which must not exist; `prunus-NAME` here if None.

    Returns:
        The directory.

    Raises:
        UsageError: The name would not do as the name of a distribution and of a module.
        OutputError: The directory exists, or cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = new_family("toy", f"{folder}/prunus-toy")
        ...     sorted(path.name for path in made.iterdir())
        ['README.md', 'prunus_toy.py', 'pyproject.toml', 'tests']
    """
    if not _NAME.fullmatch(name):
        hint = "Use lower-case letters and digits, words joined by hyphens, such as my-model."
        raise UsageError(f"{name!r} is no name for a family", hint=hint)
    target = Path(out or f"prunus-{name}")
    if os.path.lexists(target):
        raise OutputError(f"{target}: exists already", hint="Name another directory with -o.")
    if not target.absolute().parent.is_dir():
        raise OutputError(f"{target.absolute().parent}: no such directory", hint="Create it first.")
    aside = target.with_name(f".{target.name}.prunus-tmp")
    try:
        shutil.copytree(TEMPLATE, aside, ignore=_LEFT_OUT)
        _rename(aside, name)
        aside.rename(target)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        message = f"{target}: cannot be written: {error.strerror or error}"
        raise OutputError(message, hint="Name a place in a writable directory with -o.") from error
    return target


def _rename(folder: Path, name: str) -> None:
    module = f"prunus_{name.replace('-', '_')}"
    texts = {"prunus-template": f"prunus-{name}", 'bloom = "prunus_template"': f'{name} = "{module}"'}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_text(encoding="utf-8")
        for old, new in {**texts, "prunus_template": module}.items():
            content = content.replace(old, new)
        path.write_text(content, encoding="utf-8")
    (folder / "prunus_template.py").rename(folder / f"{module}.py")
