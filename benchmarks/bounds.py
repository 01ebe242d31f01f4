"""What a scan keeps to, beside itself: two threads, compressed Parquet, memory, loading. Fresh processes by turns.

    python benchmarks/bounds.py [--tokenizers DIR...] [--set NAME] [--rounds 5] [--mb 100] [--stream-mb 5000]

- two threads beside one, text in Arrow memory: text a second of wall time (the goal is 1.9)
- zstd Parquet on disk beside Arrow memory, two threads: text a second of wall time (0.7)
- peak memory of two threads above the imported libraries, the tokenizer and one pass of the text, for `--mb` and for
  `--stream-mb` MB: the text again and again as a stream of batches, and a set of words that hardly ever come twice
- loading a made-up tokenizer of 250,000 entries (1.5 s), and from there to the first word of progress (0.5 s)

Writes `benchmarks/results/bounds.json` and prints a table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sets import RESULTS, SETS, SHARED, built, first_rows
from worst import peak

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = ("gpt2", "qwen3", "bert-base-uncased", "t5-small", "mistral-7b-v0.1")
ENTRIES = 250_000
HEAD = (
    "| tokenizer | 1 thread, MB/s | 2 threads, MB/s | ratio | from zstd Parquet, MB/s | ratio | {} |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


class First:
    """Remembers when it was first told of progress."""

    at: float | None = None

    def update(self, **_: object) -> None:
        """As `prunus.scanning.Progress`."""
        self.at = self.at or time.perf_counter()


def repeated(table: pa.Table, times: int) -> pa.RecordBatchReader:
    """The table again and again as a stream."""
    batches: Iterator[pa.RecordBatch] = itertools.chain.from_iterable(table.to_batches() for _ in range(times))
    return pa.RecordBatchReader.from_batches(table.schema, batches)


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    import prunus

    # A file is read to its end.
    table, size = first_rows(arguments.corpus, float("inf") if arguments.mode == "disk" else arguments.mb)
    source: Any = str(arguments.corpus) if arguments.mode == "disk" else table
    begun = time.perf_counter()
    scanner = prunus.Scanner(arguments.tokenizers[0], threads=arguments.threads, add_special_tokens=False)
    loaded = time.perf_counter()
    if arguments.mode == "stream":
        scanner.scan(table.slice(0, 1), columns=["text"])
        times = max(1, round(arguments.stream_mb * 1e6 / size))
        source, size = repeated(table, times), size * times
    progress = First()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    start = time.perf_counter()
    scanner.scan(source, columns=["text"], progress=progress)
    wall = time.perf_counter() - start
    return {
        "load": loaded - begun,
        "first": (progress.at or start) - start,
        "mb_per_second": size / 1e6 / wall,
        "peak": peak() - before,
    }


def measured(arguments: argparse.Namespace, tokenizer: Path, mode: str, **changes: object) -> dict[str, float]:
    values = {"corpus": arguments.corpus, "mb": arguments.mb, "threads": 2, **changes}
    command = [sys.executable, __file__, "--mode", mode, "--tokenizers", str(tokenizer)]
    command += [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return result


def compare(arguments: argparse.Namespace, tokenizer: Path) -> dict[str, Any]:
    speeds: dict[str, list[float]] = {"one": [], "two": [], "disk": []}
    for _ in range(arguments.rounds):
        speeds["one"].append(measured(arguments, tokenizer, "memory", threads=1)["mb_per_second"])
        speeds["two"].append(measured(arguments, tokenizer, "memory")["mb_per_second"])
        speeds["disk"].append(measured(arguments, tokenizer, "disk")["mb_per_second"])
    name = tokenizer.parent.name if tokenizer.name == "tokenizer.json" else tokenizer.name
    peaks = {
        "short": measured(arguments, tokenizer, "stream", stream_mb=arguments.mb)["peak"],
        "long": measured(arguments, tokenizer, "stream", stream_mb=arguments.stream_mb)["peak"],
        "distinct": measured(
            arguments, tokenizer, "stream", corpus=built("distinct"), stream_mb=arguments.mb
        )["peak"],
    }  # fmt: skip
    return {"tokenizer": name, "speeds": {k: statistics.median(v) for k, v in speeds.items()}, "peaks": peaks}


def row(result: dict[str, Any]) -> str:
    speeds, peaks = result["speeds"], result["peaks"]
    return (
        f"| {result['tokenizer']} | {speeds['one']:.0f} | {speeds['two']:.0f} | {speeds['two'] / speeds['one']:.2f} "
        f"| {speeds['disk']:.0f} | {speeds['disk'] / speeds['two']:.2f} "
        f"| {peaks['short']:.0f} | {peaks['long']:.0f} | {peaks['distinct']:.0f} |"
    )


def large(kind: str, folder: Path) -> Path:
    """A tokenizer of 250,000 entries whose words are numbers: byte-level BPE or Unigram."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = (f"{number * 7919 % 10**9:09d}" for number in range(10**9))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if kind == "unigram":
        entries = [("<unk>", 0.0), *((letter, -9.0) for letter in alphabet)]
        entries += [(f"▁{word}", -10.0) for word in itertools.islice(words, ENTRIES - len(entries))]
        tokenizer = Tokenizer(models.Unigram(entries, unk_id=0))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]  # type: ignore[list-item]
        )
    else:
        ids = {letter: number for number, letter in enumerate(alphabet)}
        merges = []
        for left, right in ((word[:length], word[length]) for word in words for length in range(1, 9)):
            if len(ids) == ENTRIES:
                break
            if left + right not in ids:
                ids[left + right] = len(ids)
                merges.append((left, right))
        tokenizer = Tokenizer(models.BPE(ids, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    path = folder / f"{kind}.json"
    tokenizer.save(str(path))
    return path


def main() -> int:
    parser = argparse.ArgumentParser()
    tokenizers = [SHARED / "data" / "tokenizers" / name / "tokenizer.json" for name in DEFAULT]
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=tokenizers)
    parser.add_argument("--set", choices=SETS, default="multilingual")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mb", type=float, default=100)
    parser.add_argument("--stream-mb", type=float, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=("memory", "disk", "stream"))
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments)))
        return 0
    arguments.corpus = arguments.corpus or built(arguments.set)
    sizes = (f"peak at {arguments.mb:.0f} MB", f"{arguments.stream_mb / 1000:g} GB", f"{arguments.mb:.0f} MB distinct")
    print(HEAD.format(", MB | ".join(sizes) + ", MB"))
    results = []
    for tokenizer in arguments.tokenizers:
        results.append(compare(arguments, tokenizer))
        print(row(results[-1]), flush=True)
    loading = {}
    with tempfile.TemporaryDirectory(prefix="prunus-bench-") as folder:
        for kind in ("bpe", "unigram"):
            tokenizer = large(kind, Path(folder))
            runs = [measured(arguments, tokenizer, "memory") for _ in range(arguments.rounds)]
            loading[kind] = {key: statistics.median(run[key] for run in runs) for key in ("load", "first")}
            print(f"\n{kind}, {ENTRIES:,} entries: loaded in {loading[kind]['load']:.2f} s, first word after "
                  f"{loading[kind]['first']:.2f} s")  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bounds.json").write_text(json.dumps({"results": results, "loading": loading}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
