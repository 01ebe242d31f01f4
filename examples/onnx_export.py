"""A pruned encoder as ONNX gives what the whole one gives: `onnx_export.py MODEL SMALL corpus.parquet`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import torch
from transformers import AutoModel, AutoTokenizer

SENTENCES = 32


def export(directory: str, file: Path, texts: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Writes the ONNX file; returns its inputs, and what torch makes of them `(texts, positions, hidden)`."""
    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModel.from_pretrained(directory).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    inputs = (batch["input_ids"], batch["attention_mask"])
    names = ["input_ids", "attention_mask"]
    free = {name: {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO} for name in names}
    with torch.inference_mode():
        torch.onnx.export(
            Wrapped(model),
            inputs,
            str(file),
            input_names=names,
            dynamic_shapes=free,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        hidden = model(*inputs).last_hidden_state
    return {name: value.numpy() for name, value in zip(names, inputs, strict=True)}, hidden.numpy()


class Wrapped(torch.nn.Module):
    """The hidden states alone: ONNX knows tensors, not the records of transformers."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Hidden states `(texts, positions, hidden)`."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def main(model: str, small: str, corpus: str) -> int:
    """Returns 1 where a single bit differs between the two files, or much between ONNX and torch."""
    texts = pq.read_table(corpus).column(0).to_pylist()[:SENTENCES]
    outputs, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, directory in enumerate((model, small)):
            file = Path(folder) / f"{number}.onnx"
            inputs, hidden = export(directory, file, texts)
            (output,) = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, inputs)
            outputs.append(output)
            sizes.append(file.stat().st_size)
            if not np.allclose(output, hidden, atol=1e-4):
                print(f"{directory}: ONNX and torch differ by {np.abs(output - hidden).max()}")
                return 1
    same = np.array_equal(*outputs)
    print(f"{sizes[0] / 1e6:.1f} MB -> {sizes[1] / 1e6:.1f} MB, outputs {'bit-equal' if same else 'DIFFERENT'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
