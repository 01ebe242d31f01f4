"""Fault injection over the commands: SIGKILL at random moments, a full disk. Figures: docs/reliability.md.

    python tools/faults.py [--kills 100] [--seed 0]

Afterwards the output must be absent or whole, the source unchanged, and a run must succeed beside the leftovers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from smoke import WORDS, write_model

RUN = """
import sys
sys.path.insert(0, {tools!r})
import smoke
from prunus.cli import main
from prunus.plugin.manager import plugin_manager
plugin_manager().register(smoke.Toy(), "toy")
sys.exit(main(sys.argv[1:]))
"""
PRUNE = ("prune", "model", "--counts", "counts.parquet", "--no-forward", "--tokenizer-from", "file", "-q", "-o")
SCAN = ("scan", "corpus.parquet", "--tokenizer", "model", "--tokenizer-from", "file", "-q", "-o")
COMMANDS = {"scan": (SCAN, "out.parquet"), "prune": (PRUNE, "out")}


def digest(path: Path) -> str:
    """Names and bytes below a path, times of the report left out."""
    total = hashlib.sha256()
    for file in sorted([path] if path.is_file() else (p for p in path.rglob("*") if p.is_file())):
        if file.name != "report.json":
            total.update(file.name.encode() + file.read_bytes())
    return total.hexdigest()


def prepare(folder: Path) -> None:
    """A model, a corpus large enough for a kill to fall into its scan, and its counts."""
    write_model(folder / "model")
    texts = [" ".join(random.Random(n).choices(WORDS[1:], k=400)) for n in range(200)] * 60
    pq.write_table(pa.table({"text": texts}), folder / "corpus.parquet")
    start(folder, *SCAN, "counts.parquet").wait()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """One command in its own process, silent."""
    command = [sys.executable, "-c", RUN.format(tools=str(Path(__file__).parent)), *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(folder: Path, name: str, kills: int, chance: random.Random) -> dict[str, int]:
    """Kills a command again and again; counts what was found afterwards."""
    command, out = COMMANDS[name]
    clock = time.perf_counter()
    if start(folder, *command, out).wait() != 0:
        raise SystemExit(f"{name} does not run undisturbed")
    seconds = time.perf_counter() - clock
    whole, source = digest(folder / out), digest(folder / "model")
    found = dict.fromkeys(("killed", "absent", "whole", "half", "source changed"), 0)
    for _ in range(kills):
        remove(folder / out)
        process = start(folder, *command, out)
        time.sleep(chance.uniform(0, 1.05) * seconds)
        process.kill()
        found["killed"] += process.wait() == -signal.SIGKILL
        state = "absent" if not (folder / out).exists() else "whole" if digest(folder / out) == whole else "half"
        found[state] += 1
        found["source changed"] += digest(folder / "model") != source
    remove(folder / out)
    code = start(folder, *command, out).wait()
    found["failed beside leftovers"] = int(code != 0)
    found["differs beside leftovers"] = int(code == 0 and digest(folder / out) != whole)
    remove(folder / out)
    return found


def full_disk(folder: Path) -> dict[str, dict[str, int]]:
    """Outputs on a file system with room for bytes but for 1 to 16 files only, so that it is full in mid-write.

    Too few bytes would be noticed by `prune` before it writes, and so try nothing. Needs the right to mount.
    """
    found = {name: dict.fromkeys(("refused", "written", "half", "wrong exit code"), 0) for name in COMMANDS}
    for files in range(1, 17):
        small = folder / "small"
        small.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size=8m,nr_inodes={files + 1}", "tmpfs", str(small)]
        subprocess.run(mount, check=True)
        try:
            for name, (command, _) in COMMANDS.items():
                code = start(folder, *command, "small/out").wait()
                left = [path.name for path in small.iterdir()]
                state = "written" if left == ["out"] else "refused" if not left else "half"
                found[name][state] += 1
                found[name]["wrong exit code"] += code != {"written": 0, "refused": 1}.get(state, -1)
                for path in small.iterdir():
                    remove(path)
        finally:
            subprocess.run(["umount", str(small)], check=True)
    return found


def remove(path: Path) -> None:
    """A file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main() -> int:
    """Runs everything and prints one line of JSON a fault; returns 1 if anything was left half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        results = {}
        for command in COMMANDS:
            results[command] = killed(folder, command, options.kills, random.Random(options.seed))
            print(command, json.dumps(results[command]), flush=True)
        disk = full_disk(folder)
    for command, found in disk.items():
        print(command, "on a full disk", json.dumps(found))
    harmless = {"killed", "absent", "whole", "refused", "written"}
    outcomes = [*results.values(), *disk.values()]
    bad = any(count for found in outcomes for state, count in found.items() if state not in harmless)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
