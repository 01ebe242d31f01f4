#!/usr/bin/env python3
"""Writing a pruned checkpoint beside `cp` of as many bytes: time, ratio and peak memory.

    benchmarks/prune.py [--gb 2] [--keep 0.1] [--rounds 5] [--tmp DIR] [--json FILE]

Builds a sharded checkpoint in the shape of a small multilingual LLM (256,000 rows, bf16). Then, by turns first and
second, prunes it with `write_checkpoint` and copies as many bytes with `cp -r`. Both are timed until their bytes are on
disk (`fsync`); the time of `cp` alone is shown too. Sources are in the page cache where they fit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from prunus.checkpoint.header import header_bytes
from prunus.checkpoint.index import INDEX, Checkpoint
from prunus.checkpoint.rows import Gather
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.writer import write_checkpoint, written_bytes

ROWS, HIDDEN, INNER = 256_000, 1024, 4096
SHARD = 512 * 2**20
MARGIN = 2**30


def layers(gigabytes: float) -> dict[str, tuple[int, ...]]:
    """Shapes by name, `gigabytes` in all at two bytes each: half of it vocabulary, as in small multilingual models."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (ROWS, HIDDEN)}
    total, layer = 2 * ROWS * HIDDEN, 0
    while total < gigabytes * 1e9 - 2 * ROWS * HIDDEN:
        for part, shape in (("up", (INNER, HIDDEN)), ("down", (HIDDEN, INNER)), ("q", (HIDDEN, HIDDEN))):
            shapes[f"model.layers.{layer}.{part}_proj.weight"] = shape
            total += 2 * shape[0] * shape[1]
        layer += 1
    return {**shapes, "lm_head.weight": (ROWS, HIDDEN)}


def build(folder: Path, gigabytes: float) -> None:
    """Writes the checkpoint, random bytes, in shards of about half a gigabyte."""
    folder.mkdir()
    shards: list[list[tuple[str, tuple[int, ...]]]] = [[]]
    filled = 0
    for name, shape in layers(gigabytes).items():
        length = 2 * shape[0] * shape[1]
        if shards[-1] and filled + length > SHARD:
            shards.append([])
            filled = 0
        shards[-1].append((name, shape))
        filled += length
    random = np.random.default_rng(0).bytes(2**24)
    weight_map = {}
    for number, tensors in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        described = [(name, "BF16", shape, 2 * shape[0] * shape[1]) for name, shape in tensors]
        with (folder / file).open("wb") as out:
            out.write(header_bytes(described, {"format": "pt"}))
            left = sum(length for *_, length in described)
            while left:
                left -= out.write(random[: min(left, len(random))])
            os.fsync(out.fileno())
        weight_map |= {name: file for name, _ in tensors}
    total = sum(2 * shape[0] * shape[1] for shape in layers(gigabytes).values())
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2))


def kept_ids(share: float) -> np.ndarray:
    """What a corpus leaves: dense among the first ids, sparse behind, `share` of the rows in all."""
    count = int(ROWS * share)
    dense = np.arange(count // 4)
    rest = np.random.default_rng(1).choice(np.arange(count // 4, ROWS), count - len(dense), replace=False)
    return np.sort(np.concatenate([dense, rest])).astype(np.uint32)


def write_once(model: Path, out: Path, share: float) -> None:
    """Runs in a process of its own, which prints its seconds and peak resident memory."""
    ids = kept_ids(share)
    started = time.perf_counter()
    checkpoint = Checkpoint.open(model)
    gather = Gather(0, ids, len(ids))
    with Staging(out, model) as staging:
        write_checkpoint(checkpoint, {"model.embed_tokens.weight": gather, "lm_head.weight": gather}, staging.path)
        staging.publish()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


def timed_write(model: Path, out: Path, share: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--write", str(model), str(out), "--keep", str(share)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def timed_copy(source: Path, out: Path) -> tuple[float, float]:
    """Seconds of `cp -r`, and until its files are on disk."""
    started = time.perf_counter()
    subprocess.run(["cp", "-r", str(source), str(out)], check=True)
    copied = time.perf_counter() - started
    for path in out.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return copied, time.perf_counter() - started


def measure(folder: Path, gigabytes: float, share: float, rounds: int) -> dict[str, object]:
    model = folder / "model"
    build(model, gigabytes)
    checkpoint = Checkpoint.open(model)
    gather = Gather(0, kept_ids(share), len(kept_ids(share)))
    names = ("model.embed_tokens.weight", "lm_head.weight")
    written = written_bytes(checkpoint, dict.fromkeys(names, gather))
    reference = folder / "reference"
    timed_write(model, reference, share)
    results: list[dict[str, float]] = []
    for number in range(rounds):
        out, copy = folder / f"out{number}", folder / f"copy{number}"
        result: dict[str, float] = {}
        for kind in ("write", "copy") if number % 2 else ("copy", "write"):
            if kind == "write":
                result |= timed_write(model, out, share)
            else:
                result["cp"], result["cp_fsync"] = timed_copy(reference, copy)
        results.append(result)
        shutil.rmtree(out)
        shutil.rmtree(copy)
        print(json.dumps(result), file=sys.stderr)
    middle = {key: statistics.median(result[key] for result in results) for key in results[0]}
    return {
        "source_bytes": sum(path.stat().st_size for path in model.iterdir()),
        "written_bytes": written,
        "files": len(checkpoint.files),
        "rows": ROWS,
        "kept": len(gather.old_ids),
        "median": middle,
        "ratio": statistics.median(result["seconds"] / result["cp_fsync"] for result in results),
        "rounds": results,
    }


def markdown(result: dict) -> str:
    middle = result["median"]
    rate = result["written_bytes"] / 1e6
    rows = [
        ("prunus, on disk", middle["seconds"], f"{middle['peak_bytes'] / 2**20:.0f} MiB"),
        ("cp -r and fsync", middle["cp_fsync"], "–"),
        ("cp -r alone", middle["cp"], "–"),
    ]
    table = "\n".join(
        f"| {name} | {seconds:.2f} | {rate / seconds:,.0f} | {memory} |" for name, seconds, memory in rows
    )
    source, written = (result[key] / 1e9 for key in ("source_bytes", "written_bytes"))
    what = f"{source:.1f} GB in {result['files']} files, {written:.2f} GB written"
    kept = f"{result['kept']:,} of {result['rows']:,} rows kept"
    median = f"median of {len(result['rounds'])} rounds, ratio {result['ratio']:.2f}"
    head = "| | seconds | MB/s written | peak memory |\n|---|---|---|---|"
    return f"{what}; {kept}; {median}\n\n{head}\n{table}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--gb", type=float, default=2, help="size of the source checkpoint")
    parser.add_argument("--keep", type=float, default=0.1, help="share of the rows to keep")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tmp", type=Path, default=None, help="where to write")
    parser.add_argument("--json", type=Path, default=None, help="write the numbers there too")
    parser.add_argument("--write", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_once(*arguments.write, arguments.keep)
        return 0
    with tempfile.TemporaryDirectory(prefix="prunus-bench-", dir=arguments.tmp) as scratch:
        needed = int(arguments.gb * 4e9) + MARGIN
        free = shutil.disk_usage(scratch).free
        if needed > free:
            parser.error(f"{scratch}: {needed:,} bytes are needed, {free:,} are free: --gb less, or --tmp elsewhere")
        result = measure(Path(scratch), arguments.gb, arguments.keep, arguments.rounds)
    print(markdown(result))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
