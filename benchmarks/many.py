"""Several tokenizers in one pass beside one of them alone: CPU time, in fresh processes by turns.

    python benchmarks/many.py [--corpus FILE.parquet] [--tokenizers DIR...] [--threads 2] [--rounds 3] [--mb 1000]

Five byte-level tokenizers are the default, of which three share a table and the other two another one, on the English
set of `sets.py`. The text is in Arrow memory and the tokenizers loaded before the clock starts, as in `scan.py`. What
each tokenizer adds is the tokenising of the distinct pieces, which grow more slowly than the text: the ratio falls as
the corpus grows.

Prints CPU seconds (medians) of the first tokenizer alone, of all of them one after the other, and of all in one pass,
with the ratios to the first. Exit 1 if a result in one pass is not that of a scan alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rivals import digest
from sets import SHARED, built, first_rows

DEFAULT = ("gpt2", "roberta-base", "phi-2", "smollm2-135m", "gpt-neox-20b")
MODES = ("first", "each", "together")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    import prunus
    from prunus.corpus import open_corpus

    table, size = first_rows(arguments.corpus, arguments.mb)
    scanners = [prunus.Scanner(file, threads=arguments.threads) for file in arguments.tokenizers]
    cpu = time.process_time()
    if arguments.mode == "together":
        corpus = open_corpus(table, ["text"])
        scan = scanners[0].start(corpus, others=scanners[1:])
        for batch in corpus.batches():
            scan.push(batch.data, batch.source, batch.first_row)
        raw = scan.finish_each()
        cpu = time.process_time() - cpu
        results = [scanner.counts_of(counts, corpus) for scanner, counts in zip(scanners, raw, strict=True)]
    else:
        wanted = scanners[:1] if arguments.mode == "first" else scanners
        results = [scanner.scan(table, columns=["text"]) for scanner in wanted]
        cpu = time.process_time() - cpu
    return {"mb": size / 1e6, "cpu": cpu, "digests": [digest(result.ids, result.counts) for result in results]}


def measured(mode: str, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--mode", mode, "--corpus", str(arguments.corpus)]
    command += ["--tokenizers", *map(str, arguments.tokenizers)]
    command += ["--threads", str(arguments.threads), "--mb", str(arguments.mb)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path)
    tokenizers = [SHARED / "data" / "tokenizers" / name / "tokenizer.json" for name in DEFAULT]
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=tokenizers)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=1000)
    parser.add_argument("--mode", choices=MODES)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments)))
        return 0
    arguments.corpus = arguments.corpus or built("english")
    runs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for _ in range(arguments.rounds):
        for mode in MODES:
            runs[mode].append(measured(mode, arguments))
    cpu = {mode: statistics.median(run["cpu"] for run in runs[mode]) for mode in MODES}
    print(f"{arguments.corpus.stem}, {runs['first'][0]['mb']:.0f} MB, {len(arguments.tokenizers)} tokenizers")
    for mode in MODES:
        print(f"{mode:>9} {cpu[mode]:6.2f} s CPU  {cpu[mode] / cpu['first']:.2f}x")
    exact = all(run["digests"] == runs["each"][0]["digests"] for run in runs["each"] + runs["together"])
    print("equal" if exact else "DIFFERENT")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
