"""Scan speed beside the tokenizers library: interleaved fresh processes, the full histogram compared.

    python benchmarks/scan.py [--corpus FILE.parquet...] [--tokenizers DIR...] [--threads 2] [--rounds 3]
                              [--rival NAME=PYTHON...]

Without `--corpus`, about 51 MB of English without repeated paragraphs are built once from Debian's documentation
packages (`apt-get download`; nothing is installed) by the recipe in `shared/data`. The text column is in Arrow memory
and the tokenizer loaded before the clock starts. MB per core-second is text over the CPU time of the whole process, so
that other work on the machine matters little. The library's speed does not depend on the amount of text, so it gets a
part of it; the histograms are compared on that part, and Prunus is timed on all.

A rival is a Python interpreter whose `tokenizers` is another version (it needs numpy and pyarrow too), for example
`--rival 1.0.0rc3=/tmp/rc/bin/python`; one that does not start is named and left
out. Its histogram is compared and shown.

Writes `benchmarks/results/scan.json` and `scan.md` and prints the table. Exit 1 if a histogram differs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SHARED = Path(os.environ.get("PRUNUS_SHARED") or HERE.parents[1] / "shared")
PACKAGES = ("linux-doc-6.1", "python3.11-doc", "anarchism", "libreoffice-help-en-us", "debian-handbook")
DEFAULT = ("gpt2", "bert-base-uncased", "t5-small")
ENGINES = ("tokenizers", "prunus")
ROW_CHARACTERS = 1500


def english(out: Path) -> Path:
    """The default corpus: distinct English paragraphs, joined to rows of about 1,500 characters, shuffled."""
    parts = out.parent / "packages"
    recipe = SHARED / "data" / "recipes" / "build_corpus.py"
    subprocess.run([sys.executable, recipe, parts, "--packages", ",".join(PACKAGES)], check=True)
    seen: set[str] = set()
    rows: list[str] = []
    held: list[str] = []
    for package in sorted(PACKAGES):
        table = pq.read_table(parts / f"{package}.parquet", columns=["lang", "text"])
        for language, text in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if language in {"en", "en-us"} and text not in seen:
                seen.add(text)
                held.append(text)
            if sum(map(len, held)) > ROW_CHARACTERS:
                rows.append("\n".join(held))
                held = []
    random.Random(0).shuffle(rows)
    pq.write_table(pa.table({"text": rows}), out, compression="zstd", row_group_size=5000)
    return out


def first_rows(corpus: Path, megabytes: float) -> tuple[pa.Table, int]:
    """The first `megabytes` MB of the text column, and their size in bytes."""
    batches, size = [], 0
    for batch in pq.ParquetFile(corpus).iter_batches(4096, columns=["text"]):
        batches.append(batch)
        size += pc.sum(pc.binary_length(batch.column(0))).as_py() or 0
        if size >= megabytes * 1e6:
            break
    return pa.Table.from_batches(batches), size


def digest(ids: np.ndarray, counts: np.ndarray) -> str:
    return hashlib.sha256(ids.astype("<u4").tobytes() + counts.astype("<u8").tobytes()).hexdigest()


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


def library(tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    from tokenizers import Tokenizer

    # Switched off in the text: the objects of 1.0 have no setters.
    described = json.loads(tokenizer.read_text(encoding="utf-8")) | {"truncation": None, "padding": None}
    oracle = Tokenizer.from_str(json.dumps(described))
    encode = getattr(oracle, "encode_batch_fast", None) or oracle.encode_batch
    table, size = first_rows(arguments.corpus, arguments.baseline_mb)
    texts = table.column(0).to_pylist()
    histogram = np.zeros(1 << 19, np.int64)
    wall = cpu = 0.0
    for start in range(0, len(texts), 2000):
        before = time.perf_counter(), time.process_time()
        encodings = encode(texts[start : start + 2000], add_special_tokens=False)
        wall, cpu = wall + time.perf_counter() - before[0], cpu + time.process_time() - before[1]
        for encoding in encodings:
            histogram += np.bincount(encoding.ids, minlength=len(histogram))
    ids = np.flatnonzero(histogram)
    return {"mb": size / 1e6, "wall": wall, "cpu": cpu, "path": "", "digest": digest(ids, histogram[ids])}


def measured(engine: str, tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One measurement in a fresh process."""
    python = arguments.rivals.get(engine, sys.executable)
    command = [python, __file__, "--engine", "prunus" if engine == "prunus" else "tokenizers"]
    command += ["--tokenizers", str(tokenizer)]
    for name in ("corpus", "threads", "mb", "baseline_mb"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{engine} on {tokenizer}: {run.stderr.strip()[-800:]}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def compare(tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    engines = [*ENGINES, *arguments.rivals]
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(arguments.rounds):
        for engine in engines:
            runs[engine].append(measured(engine, tokenizer, arguments))
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
    }


def markdown(results: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    engines = ["tokenizers", *arguments.rivals]
    columns = [f"{e}, MB/core-s | ratio" for e in engines]
    head = f"| tokenizer | corpus | path | prunus, MB/core-s | {' | '.join(columns)} | prunus, MB/s | histogram |"
    lines = [head, "|---|---|---|---:|" + "---:|" * (2 * len(engines) + 1) + "---|"]
    for r in results:
        core, wall = r["mb_per_core_second"], r["mb_per_second"]
        cells = [f"{core[e]:.1f}{'' if r['exact'][e] else ' (differs)'} | {r['ratio'][e]:.1f}x" for e in engines]
        lines.append(
            f"| {r['tokenizer']} | {r['corpus']} | {r['path']} | {core['prunus']:.1f} | {' | '.join(cells)} "
            f"| {wall['prunus']:.0f} | {'equal' if r['exact']['prunus'] else 'DIFFERENT'} |"
        )
    named = " ".join(f"{name} {version}" for name, version in versions().items())
    sizes = ", ".join(sorted({f"{r['corpus']} {r['mb']:.0f} MB" for r in results}))
    note = f"{sizes}; {arguments.threads} threads, median of {arguments.rounds} rounds, {named}, {machine()}."
    return "\n".join([*lines, "", note])


def rivals(named: list[str]) -> dict[str, str]:
    """Interpreters by name; one that cannot import what a measurement needs is left out, and named."""
    found = {}
    for name, _, python in (text.partition("=") for text in named):
        trial = [python, "-c", "import tokenizers, numpy, pyarrow"]
        if shutil.which(python) and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            found[name] = python
        else:
            print(f"left out: {name} ({python} cannot import tokenizers, numpy and pyarrow)", file=sys.stderr)
    return found


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("prunus", "tokenizers", "pyarrow", "numpy")}


def machine() -> str:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} x {model[0].split(':')[1].strip() if model else platform.machine()}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", nargs="+", type=Path)
    parser.add_argument("--rival", nargs="+", default=[], metavar="NAME=PYTHON")
    tokenizers = [SHARED / "data" / "tokenizers" / name / "tokenizer.json" for name in DEFAULT]
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=tokenizers)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=1000)
    parser.add_argument("--baseline-mb", type=float, default=12)
    parser.add_argument("--engine", choices=ENGINES)
    arguments = parser.parse_args()
    files = [path / "tokenizer.json" if path.is_dir() else path for path in arguments.tokenizers]
    corpora: list[Path] = arguments.corpus
    if arguments.engine:
        arguments.corpus = corpora[0]
        print(json.dumps((prunus if arguments.engine == "prunus" else library)(files[0], arguments)))
        return 0
    RESULTS.mkdir(exist_ok=True)
    arguments.rivals = rivals(arguments.rival)
    if not corpora:
        corpora = [RESULTS / "english.parquet"]
        if not corpora[0].exists():
            english(corpora[0])
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
