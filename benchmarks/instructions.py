"""Instructions that the hot loops take for a byte of text, counted by callgrind: they do not depend on what else runs.

    python benchmarks/instructions.py [--record]

Runs the Rust tests' `hot_loop` under valgrind, once over the text and nine times; the difference is eight passes with
the tables warm, nothing else. Compares with `benchmarks/instructions.json`, which `--record` writes: more than 10 %
above it is exit 1. Another compiler than the recorded one gives other counts, so that nothing is judged then. Without
valgrind it says so and ends well.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "instructions.json"
PIPELINES = ("gpt2", "cl100k", "qwen", "o200k", "deepseek", "bloom", "clip", "falcon", "phi3", "bert")
TOLERANCE = 1.10
PASSES = 8


def binary() -> str:
    """The test binary, built as `cargo test --release` builds it."""
    command = ["cargo", "test", "--release", "--locked", "--package", "prunus-core", "--test", "native", "--no-run"]
    told = subprocess.run(
        [*command, "--message-format=json"], cwd=HERE.parent, check=True, capture_output=True, text=True
    )
    found = [json.loads(line).get("executable") for line in told.stdout.splitlines() if line.startswith("{")]
    return str(next(path for path in found if path))


def collected(program: str, pipeline: str, times: int) -> tuple[int, int]:
    """Instructions of a run, and the bytes of its text."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "hot_loop", "--exact"]
    run = subprocess.run(
        [*command, "--nocapture"],
        env=os.environ | {"PRUNUS_HOT": f"{pipeline}:{times}"},
        check=True,
        capture_output=True,
        text=True,
    )
    numbers = [re.search(pattern, run.stderr) for pattern in (r"Collected : (\d+)", r"bytes (\d+)")]
    instructions, size = (int(number[1]) for number in numbers if number)
    return instructions, size


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed: instructions are not counted")
        return 0
    program = binary()
    rustc = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    found = {}
    for pipeline in PIPELINES:
        (once, size), (more, _) = collected(program, pipeline, 1), collected(program, pipeline, 1 + PASSES)
        found[pipeline] = round((more - once) / PASSES / size, 2)
    known = {"rustc": rustc, "per_byte": found}
    if arguments.record:
        RECORD.write_text(json.dumps(known, indent=2) + "\n")
    known = json.loads(RECORD.read_text())
    same = known["rustc"] == rustc
    print(f"| pipeline | instructions a byte | recorded with {known['rustc']} |\n|---|---:|---:|")
    for pipeline, number in found.items():
        print(f"| {pipeline} | {number} | {known['per_byte'][pipeline]} |")
    worse = [name for name, number in found.items() if number > TOLERANCE * known["per_byte"][name]]
    if worse and same:
        print(f"more than {TOLERANCE - 1:.0%} above the record: {', '.join(worse)}")
    return 1 if worse and same else 0


if __name__ == "__main__":
    sys.exit(main())
