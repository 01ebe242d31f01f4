"""Texts made to hurt: time and memory of a scan of 1 MB and of 10 MB in one row, each in a fresh process.

    python benchmarks/worst.py [--tokenizers DIR...]

Linear time is a factor of 10 between the two sizes. Memory is the peak of the process above the imported libraries
and the loaded tokenizer and the text. Writes `benchmarks/results/worst.json` and `worst.md`; exit 1 if a factor
is above 30 (a square would be 100) or the memory above 100 bytes a byte of text (Linux only).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SHARED = Path(os.environ.get("PRUNUS_SHARED") or HERE.parents[1] / "shared")
TOKENIZERS = ("gpt2", "qwen3", "bert-base-uncased", "t5-small", "mistral-7b-v0.1")
CASES = ("no space", "one letter", "no space, Chinese", "added tokens", "distinct words", "spaces")

HEAD = "| tokenizer | text | 1 MB, s | 10 MB, s | factor | peak at 10 MB, MB |\n|---|---|---:|---:|---:|---:|"


def text(case: str, size: int, added: str) -> str:
    """About `size` bytes of a case."""
    rng = random.Random(case)
    if case in ("no space", "distinct words"):
        letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=size))
        return letters if case == "no space" else " ".join(letters[i : i + 9] for i in range(0, size, 10))
    if case == "no space, Chinese":
        return "".join(map(chr, rng.choices(range(0x4E00, 0x9FA5), k=size // 3)))
    unit = {"one letter": "a", "spaces": " ", "added tokens": added}[case]
    return unit * (size // len(unit))


def peak() -> float:
    """Most MB of memory in use since the mark was last set back, which `measure` does after the text is made."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def measure(tokenizer: Path, case: str, megabytes: float) -> dict[str, Any]:
    """One scan in this process."""
    import pyarrow as pa

    import prunus

    scanner = prunus.Scanner(tokenizer, threads=1)
    added = json.loads(tokenizer.read_bytes())["added_tokens"][0]["content"]
    table = pa.table({"text": [text(case, int(megabytes * 1e6), added)]})
    scanner.scan(["warm up"])
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    start = time.process_time()
    counts = scanner.scan(table, columns=["text"])
    spent = time.process_time() - start
    return {"seconds": spent, "mb": peak() - before, "path": counts.info.path, "tokens": int(counts.counts.sum())}


def in_child(tokenizer: Path, case: str, megabytes: float) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--measure", case, str(megabytes), "--tokenizers", str(tokenizer.parent)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def line(r: dict[str, Any]) -> str:
    """A row of the table."""
    times = f"{r['1']['seconds']:.2f} | {r['10']['seconds']:.2f} | {r['factor']:.1f}"
    return f"| {r['tokenizer']} | {r['case']} | {times} | {r['10']['mb']:.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser()
    folder = SHARED / "data" / "tokenizers"
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=[folder / name for name in TOKENIZERS])
    parser.add_argument("--measure", nargs=2, metavar=("CASE", "MB"))
    arguments = parser.parse_args()
    files = [path / "tokenizer.json" for path in arguments.tokenizers]
    if arguments.measure:
        print(json.dumps(measure(files[0], arguments.measure[0], float(arguments.measure[1]))))
        return 0
    results = []
    print(HEAD)
    for file in files:
        for case in CASES:
            small, large = in_child(file, case, 1), in_child(file, case, 10)
            factor = large["seconds"] / max(small["seconds"], 1e-3)
            results.append({"tokenizer": file.parent.name, "case": case, "factor": factor, "1": small, "10": large})
            print(line(results[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    document = {"machine": platform.platform(), "python": platform.python_version(), "results": results}
    (RESULTS / "worst.json").write_text(json.dumps(document, indent=2) + "\n")
    (RESULTS / "worst.md").write_text("\n".join([HEAD, *map(line, results)]) + "\n")
    return 1 if any(r["factor"] > 30 or r["10"]["mb"] > 1000 for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
