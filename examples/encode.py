"""Sentence embeddings before and after pruning, bit for bit: `encode.py MODEL SMALL corpus.parquet`."""

from __future__ import annotations

import sys

import pyarrow.parquet as pq
import torch
from transformers import AutoModel, AutoTokenizer

SENTENCES = 64


def encode(directory: str, texts: list[str]) -> torch.Tensor:
    """Mean-pooled, normalised embeddings `(texts, hidden)`, as sentence-transformers makes them."""
    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModel.from_pretrained(directory).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


def main(model: str, small: str, corpus: str) -> int:
    """Returns 1 where a single bit differs."""
    texts = pq.read_table(corpus).column(0).to_pylist()[:SENTENCES]
    before, after = encode(model, texts), encode(small, texts)
    same = torch.equal(before, after)
    print(f"{len(texts)} sentences, {before.shape[1]} dimensions: {'bit-equal' if same else 'DIFFERENT'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
