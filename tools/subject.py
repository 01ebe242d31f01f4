"""What tools/faults.py tries faults on: a model, a corpus, its counts, and the commands over them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import smoke
from smoke import WORDS, write_model

from prunus import pruning, restoring, scanning, units  # noqa: F401 - imported before the fork
from prunus.cli import main
from prunus.plugin.manager import plugin_manager

RUN = """
import sys
sys.path.insert(0, {tools!r})
import smoke
from prunus.cli import main
from prunus.plugin.manager import plugin_manager
plugin_manager().register(smoke.Toy(), "toy")
sys.exit(main(sys.argv[1:]))
"""
OUT, WORK = "result/out", "result/work"
SHARDS, SHARD = 4, (512, 1024)


@dataclass(frozen=True)
class Command:
    """A command that writes `result/out`.

    Attributes:
        name: What it is called here.
        arguments: As on the command line.
    """

    name: str
    arguments: tuple[str, ...]


def commands(folder: Path) -> dict[str, Command]:
    """The commands by name, all their paths absolute."""
    model, out = str(folder / "source" / "model"), str(folder / OUT)
    scan = ("scan", str(folder / "source" / "corpus.parquet"), "--tokenizer", model, "--tokenizer-from", "file", "-q")
    prune = ("prune", model, "--counts", str(folder / "source" / "counts.parquet"), "--no-forward", "-q")
    written = {
        "scan": scan,
        "resume": (*scan, "--resume", str(folder / WORK), "--unit-size", "256kB"),
        "prune": (*prune, "--tokenizer-from", "file"),
        "restore": ("restore", str(folder / "source" / "small"), "--base", model, "-q"),
    }
    return {name: Command(name, (*arguments, "-o", out)) for name, arguments in written.items()}


def prepare(folder: Path) -> None:
    """A sharded model and a corpus, large enough for a fault to fall into their writing and reading."""
    plugin_manager().register(smoke.Toy(), "toy")
    source = folder / "source"
    source.mkdir()
    (folder / "result").mkdir()
    write_model(source / "model")
    _add_shards(source / "model")
    texts = [" ".join(random.Random(n).choices(WORDS[1:], k=400)) for n in range(200)] * 15
    table = pa.table({"text": texts})
    pq.write_table(table, source / "corpus.parquet", row_group_size=100, compression="none", use_dictionary=False)
    for name, becomes in (("scan", "counts.parquet"), ("prune", "small")):
        if start_command(folder, commands(folder)[name]).wait() != 0:
            raise SystemExit(f"{name} does not run undisturbed")
        (folder / OUT).rename(source / becomes)


def _add_shards(model: Path) -> None:
    """Splits the checkpoint: the vocabulary's tensor in the first shard, 2 MiB of another one in each further shard."""
    names = [f"model-{number:05}-of-{SHARDS:05}.safetensors" for number in range(1, SHARDS + 1)]
    (model / "model.safetensors").rename(model / names[0])
    weight_map = {"toy.embed.weight": names[0]}
    for number, name in enumerate(names[1:]):
        values = random.Random(number).randbytes(4 * SHARD[0] * SHARD[1])
        tensor = {"dtype": "F32", "shape": SHARD, "data_offsets": [0, len(values)]}
        header = json.dumps({f"toy.dense.{number}": tensor}).encode()
        (model / name).write_bytes(struct.pack("<Q", len(header)) + header + values)
        weight_map[f"toy.dense.{number}"] = name
    index = {"metadata": {}, "weight_map": weight_map}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


def fork_command(folder: Path, command: Command) -> int:
    """The number of a silent process that runs a command; it has imported everything, so faults fall into its work."""
    if (child := os.fork()) != 0:
        return child
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(folder)
    try:
        os._exit(main(list(command.arguments)))
    finally:
        os._exit(70)


def end_of(child: int) -> int:
    """The exit code of such a process; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def start(folder: Path, *arguments: str, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    """One command in its own process; `before` is a command that starts it."""
    command = [*before, sys.executable, "-c", RUN.format(tools=str(Path(__file__).parent)), *arguments]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    return subprocess.Popen(command, cwd=folder, text=True, **streams)


def start_command(folder: Path, command: Command, **options: Any) -> subprocess.Popen[str]:
    """The same for one of `commands`."""
    return start(folder, *command.arguments, **options)


def digest(path: Path) -> str:
    """Names and bytes below a path, times of the report left out."""
    total = hashlib.sha256()
    for file in sorted([path] if path.is_file() else (p for p in path.rglob("*") if p.is_file())):
        if file.name != "report.json":
            total.update(file.name.encode() + file.read_bytes())
    return total.hexdigest()


def remove(path: Path) -> None:
    """A file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
