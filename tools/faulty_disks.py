"""Disks that are full, that lose their permissions, and that fail: what the commands leave and say then."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from subject import OUT, WORK, Command, digest, remove, start_command

if TYPE_CHECKING:
    import random

NO_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
OUTCOMES = (
    "refused",
    "written",
    "written, flush refused",
    "half",
    "untidy",
    "wrong exit code",
    "traceback",
    "source changed",
)
NEVER = 400


def _judge(folder: Path, code: int, said: str, whole: str, *, tidy: bool = True) -> dict[str, int]:
    """What a run left and said, as counts of one; the output and the work directory are removed."""
    out = folder / OUT
    state = "refused" if not out.exists() else "written" if digest(out) == whole else "half"
    if state == "written" and code:  # it was there already when its folder could not be flushed
        state = "written, flush refused"
    others = [p for p in out.parent.iterdir() if p not in {out, folder / WORK}] if tidy else []
    found = {
        state: 1,
        "untidy": int(bool(others)),
        "wrong exit code": int(not code and state == "refused"),
        "traceback": int("Traceback" in said or not said.startswith("prunus: ") if code else 0),
    }
    remove(out)
    for path in others:
        remove(path)
    return found


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def _undisturbed(folder: Path, command: Command) -> str:
    if start_command(folder, command).wait() != 0:
        raise SystemExit(f"{command.name} does not run undisturbed")
    whole = digest(folder / OUT)
    remove(folder / OUT)
    remove(folder / WORK)
    return whole


def _resumed(folder: Path, command: Command, whole: str) -> dict[str, int]:
    """A scan in units goes on from whatever the fault left in its work directory."""
    if command.name != "resume":
        return {}
    kept = len(list((folder / WORK).glob("units/*/*.parquet")))
    code = start_command(folder, command).wait()
    good = code == 0 and digest(folder / OUT) == whole
    remove(folder / OUT)
    remove(folder / WORK)
    return {"units kept": kept, "not resumed": int(not good)}


def full_disk(folder: Path, command: Command) -> dict[str, int]:
    """Outputs on a file system with room for bytes but for 1 to 16 files only, so that it is full in mid-write.

    Too few bytes would be noticed by `prune` before it writes, and so try nothing.
    """
    whole, total = _undisturbed(folder, command), dict.fromkeys(OUTCOMES, 0)
    for files in range(1, 17):
        options = f"size=64m,nr_inodes={files + 1}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder / "result")], check=True)
        try:
            process = start_command(folder, command, stderr=subprocess.PIPE)
            _, said = process.communicate()
            _add(total, _judge(folder, process.returncode, said, whole))
        finally:
            subprocess.run(["umount", str(folder / "result")], check=True)
    return total


def lost_permission(folder: Path, command: Command, times: int, chance: random.Random) -> dict[str, int]:
    """Takes the right to write away from every directory of the output at random moments, and gives it back at the end.

    What was begun cannot be removed then, so a hidden leftover is no fault; a run beside it must succeed.
    """
    clock = time.perf_counter()
    whole, total = _undisturbed(folder, command), dict.fromkeys(OUTCOMES, 0)
    seconds = time.perf_counter() - clock
    for _ in range(times):
        process = start_command(folder, command, before=NO_OVERRIDE, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.3, 1) * seconds)
        _allow(folder / "result", 0o555)
        _, said = process.communicate()
        _allow(folder / "result", 0o755)
        _add(total, _judge(folder, process.returncode, said, whole, tidy=False))
        _add(total, _resumed(folder, command, whole))
    code = start_command(folder, command).wait()
    total["fails beside leftovers"] = int(code != 0 or digest(folder / OUT) != whole)
    for path in (folder / "result").iterdir():
        remove(path)
    return total


def _allow(folder: Path, mode: int) -> None:
    for path, _, _ in os.walk(folder):
        Path(path).chmod(mode)


def failing_reads(folder: Path, command: Command) -> dict[str, int]:
    """The n-th read of the source and all later ones fail, for every n."""
    return _failing(folder, command, {"FAULT_KIND": "read", "FAULT_PATH": str(folder / "source")}, errno.EIO)


def failing_writes(folder: Path, command: Command) -> dict[str, int]:
    """The n-th creating, writing, flushing or renaming in the output's folder and all later ones fail, for every n."""
    where = {"FAULT_KIND": "write", "FAULT_PATH": str(folder / "result")}
    total = _failing(folder, command, where, errno.EIO)
    _add(total, _failing(folder, command, where, errno.EACCES, step=3))
    return total


def _failing(folder: Path, command: Command, fault: dict[str, str], code: int, step: int = 1) -> dict[str, int]:
    """Lets every call fail in turn, or every `step`-th, until a run meets none."""
    library = folder / "failing_disk.so"
    if not library.exists():
        source = Path(__file__).with_name("failing_disk.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    whole, source = _undisturbed(folder, command), digest(folder / "source")
    total = dict.fromkeys(OUTCOMES, 0)
    for number in range(1, NEVER, step):
        environment = os.environ | fault | {
            "FAULT_AT": str(number), "FAULT_ERRNO": str(code), "LD_PRELOAD": str(library),
        }  # fmt: skip
        process = start_command(folder, command, stderr=subprocess.PIPE, env=environment)
        _, said = process.communicate()
        found = _judge(folder, process.returncode, said, whole)
        found["unnamed"] = int(process.returncode != 0 and fault["FAULT_PATH"] not in said)
        if found["traceback"] or found["unnamed"]:
            print(number, said.strip()[-400:], file=sys.stderr, flush=True)
        _add(total, found)
        _add(total, _resumed(folder, command, whole))
        total["source changed"] += digest(folder / "source") != source
        if found.get("written"):
            break
    return total
