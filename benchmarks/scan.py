"""Scan speed beside the tokenizers library and its rivals: interleaved fresh processes, the full histogram compared.

    python benchmarks/scan.py [--set NAME...] [--corpus FILE.parquet...] [--tokenizers DIR...] [--threads 2]
                              [--rounds 3] [--rival NAME=PYTHON...]

The sets are english (the default), multilingual, cjk, code and distinct; `sets.py` says what they are and builds each
once, in `benchmarks/results`. The text column is in Arrow memory and the tokenizer loaded before the clock starts. MB
per core-second is text over the CPU time of the whole process, so that other work on the machine matters little. The
library's speed does not depend on the amount of text, so it gets a part of it; the histograms are compared on that
part, and everyone else is timed on all.

A rival is a Python interpreter that has another tokenizer: fastokens, gigatoken, nanotoken or tokie, by these names,
or under any other name another version of `tokenizers`. `rivals.py` says how to set them up and how each is called:

    --rival 1.0.0rc3=/tmp/rivals/tokenizers/bin/python gigatoken=/tmp/rivals/gigatoken/bin/python

One that does not start is named and left out; one that does not take a tokenizer, or breaks, gets a dash and a line
under the table. A histogram that is not the library's is shown as (differs).

Writes `benchmarks/results/scan.json` and `scan.md` and prints the table. Exit 1 if Prunus' histogram differs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rivals import ADAPTERS, digest, measure
from sets import RESULTS, SETS, SHARED, built, first_rows

DEFAULT = ("gpt2", "bert-base-uncased", "t5-small")
ENGINES = ("tokenizers", "prunus")


def prunus(tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    import prunus

    table, size = first_rows(arguments.corpus, arguments.mb)
    part, _ = first_rows(arguments.corpus, arguments.baseline_mb)
    scanner = prunus.Scanner(tokenizer, threads=arguments.threads, add_special_tokens=False)
    wall, cpu = time.perf_counter(), time.process_time()
    counts = scanner.scan(table, columns=["text"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    check = scanner.scan(part, columns=["text"])
    return {
        "mb": size / 1e6,
        "wall": wall,
        "cpu": cpu,
        "path": counts.info.path,
        "digest": digest(check.ids, check.counts),
    }


def adapter(engine: str) -> str:
    """The package that a rival of this name stands for."""
    return engine if engine in ADAPTERS else "tokenizers"


def measured(engine: str, tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One measurement in a fresh process."""
    python = arguments.rivals.get(engine, sys.executable)
    command = [python, __file__, "--engine", "prunus" if engine == "prunus" else adapter(engine)]
    command += ["--tokenizers", str(tokenizer), "--corpus", str(arguments.corpus)]
    mb = arguments.baseline_mb if engine == "tokenizers" else arguments.mb
    command += ["--mb", str(mb), "--baseline-mb", str(arguments.baseline_mb), "--threads", str(arguments.threads)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    result: dict[str, Any]
    if run.returncode:
        result = {"error": f"exit {run.returncode}: {' '.join(run.stderr.split())[-800:]}"}
    else:
        result = json.loads(run.stdout.splitlines()[-1])
    if "error" in result and engine in ENGINES:
        raise SystemExit(f"{engine} on {tokenizer}: {result['error']}")
    return result


def compare(tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in (*ENGINES, *arguments.rivals)}
    failed: dict[str, str] = {}
    for _ in range(arguments.rounds):
        for engine in [engine for engine in runs if engine not in failed]:
            run = measured(engine, tokenizer, arguments)
            if "error" in run:
                failed[engine] = run["error"]
            runs[engine].append(run)
    engines = [engine for engine in runs if engine not in failed]
    per_core = {e: statistics.median(r["mb"] / r["cpu"] for r in runs[e]) for e in engines}
    wall = {e: statistics.median(r["mb"] / r["wall"] for r in runs[e]) for e in engines}
    truth = runs["tokenizers"][0]["digest"]
    return {
        "tokenizer": tokenizer.parent.name,
        "corpus": arguments.corpus.stem,
        "path": runs["prunus"][0]["path"],
        "mb": runs["prunus"][0]["mb"],
        "mb_per_core_second": per_core,
        "mb_per_second": wall,
        "ratio": {e: per_core["prunus"] / per_core[e] for e in engines if e != "prunus"},
        "exact": {e: all(r["digest"] == truth for r in runs[e]) for e in engines},
        "failed": failed,
        "versions": {e: f"{adapter(e)} {runs[e][0]['version']}" for e in engines if e in arguments.rivals},
    }


def cell(result: dict[str, Any], engine: str) -> str:
    if engine in result["failed"]:
        return "\N{EN DASH} | \N{EN DASH}"
    mark = "" if result["exact"][engine] else " (differs)"
    return f"{result['mb_per_core_second'][engine]:.1f}{mark} | {result['ratio'][engine]:.1f}x"


def markdown(results: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    engines = ["tokenizers", *arguments.rivals]
    columns = [f"{e}, MB/core-s | ratio" for e in engines]
    head = f"| tokenizer | corpus | path | prunus, MB/core-s | {' | '.join(columns)} | prunus, MB/s | histogram |"
    lines = [head, "|---|---|---|---:|" + "---:|" * (2 * len(engines) + 1) + "---|"]
    for r in results:
        lines.append(
            f"| {r['tokenizer']} | {r['corpus']} | {r['path']} | {r['mb_per_core_second']['prunus']:.1f} "
            f"| {' | '.join(cell(r, e) for e in engines)} | {r['mb_per_second']['prunus']:.0f} "
            f"| {'equal' if r['exact']['prunus'] else 'DIFFERENT'} |"
        )
    named = [f"{name} {version}" for name, version in versions().items()]
    named += sorted({text for r in results for text in r["versions"].values()})
    sizes = ", ".join(sorted({f"{r['corpus']} {r['mb']:.0f} MB" for r in results}))
    note = f"{sizes}; {arguments.threads} threads, median of {arguments.rounds} rounds, {' '.join(named)}, {machine()}."
    failures = {f"- {e} on {r['tokenizer']}: {why}" for r in results for e, why in r["failed"].items()}
    return "\n".join([*lines, "", note, *(["", *sorted(failures)] if failures else [])])


def interpreters(named: list[str]) -> dict[str, str]:
    """Interpreters by name; one that cannot import what a measurement needs is left out, and named."""
    found = {}
    for name, _, python in (text.partition("=") for text in named):
        if name in ENGINES:
            raise SystemExit(f"--rival {name}: that name is taken; call it by its version")
        needed = f"{adapter(name)}, numpy, pyarrow"
        trial = [python, "-c", f"import {needed}"]
        if shutil.which(python) and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            found[name] = python
        else:
            print(f"left out: {name} ({python} cannot import {needed})", file=sys.stderr)
    return found


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("prunus", "tokenizers", "pyarrow", "numpy")}


def machine() -> str:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} x {model[0].split(':')[1].strip() if model else platform.machine()}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", nargs="+", choices=SETS, default=[], dest="sets")
    parser.add_argument("--corpus", nargs="+", type=Path, default=[])
    parser.add_argument("--rival", nargs="+", default=[], metavar="NAME=PYTHON")
    tokenizers = [SHARED / "data" / "tokenizers" / name / "tokenizer.json" for name in DEFAULT]
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=tokenizers)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=1000)
    parser.add_argument("--baseline-mb", type=float, default=12)
    parser.add_argument("--engine", choices=("prunus", *ADAPTERS))
    arguments = parser.parse_args()
    files = [path / "tokenizer.json" if path.is_dir() else path for path in arguments.tokenizers]
    corpora: list[Path] = arguments.corpus
    if arguments.engine:
        arguments.corpus = corpora[0]
        measurement = (
            prunus(files[0], arguments)
            if arguments.engine == "prunus"
            else measure(arguments.engine, files[0], arguments)
        )
        print(json.dumps(measurement))
        return 0
    RESULTS.mkdir(exist_ok=True)
    arguments.rivals = interpreters(arguments.rival)
    corpora = [*corpora, *map(built, arguments.sets or ([] if corpora else ["english"]))]
    results = []
    for file in files:
        for arguments.corpus in corpora:
            results.append(compare(file, arguments))
    table = markdown(results, arguments)
    settings = {"threads": arguments.threads, "rounds": arguments.rounds, "rivals": arguments.rivals}
    document = {"machine": machine(), "versions": versions(), **settings, "results": results}
    (RESULTS / "scan.json").write_text(json.dumps(document, indent=2) + "\n")
    (RESULTS / "scan.md").write_text(table + "\n")
    print(table)
    return 0 if all(result["exact"]["prunus"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
