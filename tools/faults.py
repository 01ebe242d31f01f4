"""Fault injection over the commands: SIGKILL at random moments, and disks that fail. Figures: docs/reliability.md.

    python tools/faults.py [--kills 100] [--seed 0] [--commands scan resume prune restore] [--only kills]

Afterwards the output must be absent or whole, the source unchanged, and a run must succeed beside the leftovers. Root
is needed to mount a full disk and to give permissions up, and a C compiler for a failing one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from faulty_disks import failing_reads, failing_writes, full_disk, lost_permission
from subject import OUT, WORK, Command, commands, digest, end_of, fork_command, prepare, remove

HARMLESS = {"killed", "absent", "whole", "refused", "written", "written, flush refused", "units kept"}


def killed(folder: Path, command: Command, kills: int, chance: random.Random) -> dict[str, int]:
    """Kills a command again and again; counts what was found afterwards."""
    out = folder / OUT
    clock = time.perf_counter()
    if end_of(fork_command(folder, command)) != 0:
        raise SystemExit(f"{command.name} does not run undisturbed")
    seconds = time.perf_counter() - clock
    whole, source = digest(out), digest(folder / "source")
    if command.name == "resume":
        end_of(fork_command(folder, commands(folder)["scan"]))
        if digest(out) != whole:
            raise SystemExit("an undisturbed scan in units differs from a plain one")
    names = ("killed", "absent", "whole", "half", "source changed", "fails beside leftovers", "differs then")
    found = dict.fromkeys(names, 0)
    for number in range(4 * kills):
        if found["killed"] == kills:
            break
        remove(out)
        if command.name != "resume" or number % 3 == 0:  # two in three meet what a kill left in the work directory
            remove(folder / WORK)
        child = fork_command(folder, command)
        time.sleep(chance.uniform(0, 1.05) * seconds)
        os.kill(child, signal.SIGKILL)
        if end_of(child) == -signal.SIGKILL:
            found["killed"] += 1
        else:
            seconds = max(0.9 * seconds, 0.02)  # it may be faster than the first run was
        found["absent" if not out.exists() else "whole" if digest(out) == whole else "half"] += 1
        found["source changed"] += digest(folder / "source") != source
        if found["killed"] == kills or (command.name == "resume" and number % 3 == 2):
            remove(out)
            code = end_of(fork_command(folder, command))
            found["fails beside leftovers"] += code != 0
            found["differs then"] += code == 0 and digest(out) != whole
    remove(out)
    remove(folder / WORK)
    return found


def main() -> int:
    """Runs everything and prints one line of JSON a fault; returns 1 if anything was left half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", default=["scan", "resume", "prune", "restore"])
    parser.add_argument("--only", choices=["kills", "full", "permission", "reads", "writes"])
    options = parser.parse_args()
    bad = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare(folder)
        faults = {
            "kills": lambda c: killed(folder, c, options.kills, random.Random(options.seed)),
            "full": lambda c: full_disk(folder, c),
            "permission": lambda c: lost_permission(folder, c, options.kills // 4, random.Random(options.seed)),
            "reads": lambda c: failing_reads(folder, c),
            "writes": lambda c: failing_writes(folder, c),
        }
        for fault, run in faults.items():
            for command in options.commands if options.only in {None, fault} else ():
                found = run(commands(folder)[command])
                bad |= any(count for state, count in found.items() if state not in HARMLESS)
                print(fault, command, json.dumps(found), flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
