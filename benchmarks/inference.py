#!/usr/bin/env python3
"""Inference with frequent rows in memory and the rest served from the checkpoint, beside the whole model, in one run.

    benchmarks/inference.py [--corpus FILE] [--keep 2000] [--rows 2000] [--rounds 5] [--json FILE]

all-MiniLM-L6-v2 and an XLM-R-shaped encoder with random weights (250,002 rows of 768, 4 layers) embed the same texts: the whole model, and
`fine_tuning(..., unseen="fetch", base=...)` with the most frequent rows of the first half of the corpus. Outputs must agree to the last
bit, or this fails. Memory is that of the input table at its largest; time is given as the median ratio of rounds run by turns, one thread.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import transformers
from training import model_folder

import prunus

ROOT = Path(__file__).resolve().parents[1]
BATCH = 16


def wide(folder: Path) -> Any:
    """An encoder of XLM-R's shape, few layers, random weights, saved and loaded."""
    config = transformers.XLMRobertaConfig(
        vocab_size=250002, hidden_size=768, num_hidden_layers=4, num_attention_heads=12
    )
    transformers.XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return transformers.XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False)


def batches_of(rows: list[list[int]]) -> list[torch.Tensor]:
    """Batches of equal length each: what is padded differs from model to model and says nothing here."""
    rows = sorted((row for row in rows if len(row) > 2), key=len)
    groups = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    return [torch.tensor([row[: len(group[0])] for row in group]) for group in groups]


def frequent(rows: list[list[int]], count: int) -> np.ndarray:
    ids, seen = np.unique(np.concatenate([np.array(row) for row in rows]), return_counts=True)
    return np.sort(ids[np.argsort(-seen, kind="stable")[:count]])


@torch.no_grad()
def run(model: Any, batches: list[torch.Tensor]) -> tuple[float, list[torch.Tensor], int]:
    """Seconds, outputs, and the largest number of rows that the input table had."""
    started, outputs, most = time.process_time(), [], 0
    for batch in batches:
        outputs.append(model(input_ids=batch).last_hidden_state[:, 0])
        most = max(most, model.get_input_embeddings().weight.shape[0])
    return time.process_time() - started, outputs, most


def measure(name: str, folder: Path, model: Any, rows: list[list[int]], options: argparse.Namespace) -> dict[str, Any]:
    model.eval()
    keep, batches = frequent(rows[: len(rows) // 2], options.keep), batches_of(rows[len(rows) // 2 :])
    table = model.get_input_embeddings().weight
    total, width = table.shape
    ratios, starts, most = [], [], 0
    for _ in range(options.rounds):
        whole, want, _ = run(model, batches)
        begun = time.process_time()
        with prunus.fine_tuning(model, keep.tolist(), unseen="fetch", base=folder):
            starts.append(time.process_time() - begun)
            mine, found, most = run(model, batches)
        if not all(torch.equal(one, other) for one, other in zip(want, found, strict=True)):
            sys.exit(f"{name}: outputs differ")
        ratios.append(mine / whole)
    used = len(np.unique(np.concatenate([batch.numpy().ravel() for batch in batches])))
    return {
        "model": name, "rows": total, "kept": len(keep), "looked_up": used, "most_rows": most,
        "table_mb": total * width * 4 / 1e6, "largest_mb": most * width * 4 / 1e6,
        "time_ratio": statistics.median(ratios), "ratios": ratios, "begin_s": statistics.median(starts),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=ROOT / "examples" / "data" / "shakespeare.parquet")
    parser.add_argument("--keep", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    texts = [text for text in pq.read_table(options.corpus).column("text").to_pylist() if text][: options.rows]
    minilm = model_folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    ids = [row[:64] for row in tokenizer(texts)["input_ids"]]
    found = [measure("MiniLM", minilm, transformers.AutoModel.from_pretrained(minilm), ids, options)]
    with tempfile.TemporaryDirectory(prefix="prunus-bench-") as scratch:
        # The same texts; ids spread over the larger table, which is all that its size changes.
        spread = [[identifier * 8 for identifier in row] for row in ids]
        found.append(measure("XLM-R's shape", Path(scratch), wide(Path(scratch)), spread, options))
    print("| model | rows | kept | looked up | most in memory | table | table inside | time, ratio | begin |")
    print("|---|---|---|---|---|---|---|---|---|")
    for line in found:
        print(
            f"| {line['model']} | {line['rows']:,} | {line['kept']:,} | {line['looked_up']:,} | {line['most_rows']:,} "
            f"| {line['table_mb']:.1f} MB | {line['largest_mb']:.1f} MB "
            f"| {line['time_ratio']:.3f} | {line['begin_s']:.2f} s |"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
