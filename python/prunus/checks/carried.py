"""Is everything else in the directory as it was?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.checkpoint.inventory import TOKENIZER_FILES
from prunus.checkpoint.schema import CONFIG_FILES
from prunus.checks.outcome import Looking
from prunus.checks.pair import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check

BLOCK = 4 * 2**20
UNPUBLISHED = frozenset({".git", ".cache", "__pycache__", FOLDER})
"""Directories beside a model that are none of it, and the record of a pruning."""


def check_files(pair: Pair) -> Check:
    """Nothing is missing but what the plan drops, nothing appeared, and carried-over files are byte-identical."""
    looking = Looking("files")
    rewritten = {*TOKENIZER_FILES, *CONFIG_FILES, *pair.source.files, pair.source.index} - {None}
    old, new = set(_names(pair.model_dir)), set(_names(pair.out))
    dropped = {name for name in old if any(name == d or name.startswith(f"{d}/") for d in pair.dropped_files)}
    same = 0
    for name in sorted(old - dropped):
        there = name in new
        looking.expect(there, f"{name} is gone")
        if there and name not in rewritten:
            same += 1
            looking.expect(_same(pair.model_dir / name, pair.out / name), f"{name}: its bytes changed")
    for name in sorted(new - old):
        looking.found(f"{name} appeared")
    for name in sorted(new & dropped):
        looking.found(f"{name} is there, although the plan drops it")
    left = f", {len(dropped)} left out as planned" if dropped else ""
    return looking.done(f"{same} files carried over byte by byte, {len(old) - same - len(dropped)} rewritten{left}")


def _names(root: Path) -> Iterator[str]:
    """Every file below a directory, with `/` between folders."""
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in UNPUBLISHED]
        for name in files:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while piece := a.read(BLOCK):
            if piece != b.read(BLOCK):
                return False
    return True
