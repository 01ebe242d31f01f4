"""A PEFT adapter, trained on the whole model, works on the pruned one: `adapter.py MODEL SMALL corpus.parquet`.

LoRA on attention knows nothing of the vocabulary, so its files fit both bases. An adapter that trains the embeddings
(`modules_to_save`, `trainable_token_indices`) names rows of one vocabulary and fits only the base it was made on.
"""

from __future__ import annotations

import sys
import tempfile

import pyarrow.parquet as pq
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModel, AutoTokenizer

SENTENCES = 64


def train(directory: str, texts: list[str], out: str) -> None:
    """A few steps towards no goal in particular: the adapter only has to be other than zero."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = get_peft_model(AutoModel.from_pretrained(directory), LoraConfig(target_modules=["query", "value"], r=4))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-2)
    batch = tokenizer(texts[:16], padding=True, truncation=True, max_length=64, return_tensors="pt")
    for _ in range(3):
        model(**batch).last_hidden_state.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(out)


def encode(directory: str, adapter: str | None, texts: list[str]) -> torch.Tensor:
    """Hidden states `(texts, positions, hidden)`, with the adapter where one is named."""
    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModel.from_pretrained(directory)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    batch = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    with torch.inference_mode():
        return model.eval()(**batch).last_hidden_state


def main(model: str, small: str, corpus: str) -> int:
    """Returns 1 where a single bit differs, or where the adapter does nothing."""
    texts = pq.read_table(corpus).column(0).to_pylist()[:SENTENCES]
    with tempfile.TemporaryDirectory() as adapter:
        train(model, texts, adapter)
        before, after, without = (
            encode(model, adapter, texts),
            encode(small, adapter, texts),
            encode(model, None, texts),
        )
    same, works = torch.equal(before, after), not torch.equal(before, without)
    print(f"{len(texts)} sentences with the adapter: {'bit-equal' if same else 'DIFFERENT'}")
    return int(not (same and works))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
