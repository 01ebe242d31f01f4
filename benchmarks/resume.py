"""A scan of many gigabytes, killed again and again: is the end result the undisturbed one, and does memory stay flat?

    python benchmarks/resume.py CORPUS.parquet... [--gigabytes 5] [--kills 20] --tokenizer PATH [--scratch DIR]

The text columns of the given files are tiled to the wanted size, each row of each copy with a number of its own, into
Parquet files of about 500 MB of text. One undisturbed scan is watched: its memory, twenty times a second. Then
`prunus scan --resume` is killed by SIGKILL at random moments until it was killed often enough, and run to its end.

Writes `benchmarks/results/resume.json` and `docs/pictures/memory.svg`. Exit 1 if the counts differ by a byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FILE_BYTES = 500_000_000
GROUP_BYTES = 16_000_000
KILL_AFTER = (0.8, 2.2)


def texts(paths: list[Path]) -> pa.Array:
    found: list[str] = []
    for path in paths:
        table = pq.read_table(path)
        for name, column in zip(table.column_names, table.columns, strict=True):
            if pt.is_string(column.type) and name in {"text", "sentence", "question", "sentence1", "sentence2"}:
                found += [text for text in column.to_pylist() if text]
    return pa.array(found, pa.string())


def build(folder: Path, rows: pa.Array, size: int) -> int:
    """Tiled files; returns the bytes of their text."""
    schema = pa.schema([("text", pa.string())])
    total = copy = number = 0
    while total < size:
        with pq.ParquetWriter(folder / f"{number:03}.parquet", schema, compression="zstd") as writer:
            held = 0
            while held < min(FILE_BYTES, size - total):
                column = pc.binary_join_element_wise(rows, pa.scalar(str(copy)), " ")
                copy += 1
                step = max(1, len(rows) * GROUP_BYTES // max(column.nbytes, 1))
                writer.write_table(pa.table([column], schema=schema), row_group_size=step)
                held += pc.sum(pc.binary_length(column)).as_py()
        total += held
        number += 1
    return total


def command(arguments: argparse.Namespace, corpus: Path, *more: str) -> list[str]:
    tokenizer = str(arguments.tokenizer)
    return [
        sys.executable,
        "-m",
        "prunus",
        "scan",
        str(corpus),
        "--column",
        "text",
        "--tokenizer",
        tokenizer,
        "-q",
        *more,
    ]


def rss(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def watched(run: list[str]) -> tuple[float, list[tuple[float, int]]]:
    """Seconds of an undisturbed run, and its memory over time."""
    start = time.perf_counter()
    process = subprocess.Popen(run)
    samples = []
    while process.poll() is None:
        if size := rss(process.pid):  # none of one that is about to end
            samples.append((time.perf_counter() - start, size))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the scan failed: {process.returncode}")
    return time.perf_counter() - start, samples


def killed(run: list[str], work: Path, kills: int, seed: int) -> dict[str, object]:
    chance = random.Random(seed)
    done, start = 0, time.perf_counter()
    lost = []
    while done < kills:
        process = subprocess.Popen(run)
        try:
            process.wait(chance.uniform(*KILL_AFTER))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
            lost.append(len(list((work / "units").glob("*/*.parquet"))))
    subprocess.run(run, check=True)
    return {"kills": done, "units_done_after_each_kill": lost, "seconds": time.perf_counter() - start}


def picture(samples: list[tuple[float, int]], title: str) -> str:
    width, height, margin = 720, 260, 50
    end, top = samples[-1][0], 1.15 * max(size for _, size in samples)
    x = [margin + (width - 2 * margin) * second / end for second, _ in samples]
    y = [height - margin - (height - 2 * margin) * size / top for _, size in samples]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    peak = max(size for _, size in samples) / 1e6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="13">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="{margin}" y="24" fill="#222">{title}; peak {peak:,.0f} MB</text>'
        f'<path d="M{margin} {height - margin}H{width - margin}M{margin} {height - margin}V{margin}" stroke="#888"/>'
        f'<text x="{width - margin}" y="{height - 20}" text-anchor="end" fill="#222">{end:,.0f} s</text>'
        f'<text x="{margin - 6}" y="{height - 20}" fill="#222">0</text>'
        f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="1.5"/></svg>\n'
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="+", type=Path)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--scratch", type=Path)
    arguments = parser.parse_args()
    name = arguments.tokenizer.parent.name if arguments.tokenizer.is_file() else arguments.tokenizer.name
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        place = Path(scratch)
        corpus = place / "corpus"
        corpus.mkdir()
        size = build(corpus, texts(arguments.corpora), int(arguments.gigabytes * 1e9))
        plain, work, resumed = place / "plain.parquet", place / "work", place / "resumed.parquet"
        seconds, samples = watched(command(arguments, corpus, "-o", str(plain)))
        resuming = command(arguments, corpus, "--resume", str(work), "-o", str(resumed))
        outcome = killed(resuming, work, arguments.kills, arguments.seed)
        equal = plain.read_bytes() == resumed.read_bytes()
        units = len(json.loads((work / "plan.json").read_bytes())["units"])
    late = [memory for second, memory in samples if second > 0.3 * seconds]
    record = {
        "text_bytes": size, "tokenizer": name, "threads": os.cpu_count(),
        "plain_seconds": round(seconds, 1), "peak_rss_mb": round(max(m for _, m in samples) / 1e6),
        "rss_mb_after_30_percent": [round(min(late) / 1e6), round(max(late) / 1e6)],
        "units": units, **outcome, "equal_to_the_byte": equal,
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "resume.json").write_text(json.dumps(record, indent=2) + "\n")
    drawing = ROOT / "docs" / "pictures" / "memory.svg"
    drawing.parent.mkdir(exist_ok=True)
    drawing.write_text(picture(samples, f"resident memory, {size / 1e9:.1f} GB of text, {name}"))
    print(json.dumps(record, indent=2))
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
