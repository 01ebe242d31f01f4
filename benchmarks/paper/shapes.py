"""Published shapes of the models that the real tokenizers belong to; parameters are counted on the meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import transformers

_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}


@dataclass(frozen=True)
class Shape:
    """One model as a classifier: its tokenizer's directory (None where it is not at hand), and its config."""

    name: str
    tokenizer: str | None
    kind: str
    fields: dict[str, Any]


def llama_like(hidden: int, layers: int, inner: int, heads: int, kv: int, rows: int, **more: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden, "num_hidden_layers": layers, "intermediate_size": inner, "num_attention_heads": heads,
        "num_key_value_heads": kv, "vocab_size": rows, "pad_token_id": 0, **more,
    }  # fmt: skip


_XLMR = {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1}
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_MINI = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
_FALCON = {"hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71, "multi_query": True}

SHAPES = (
    Shape("MiniLM-L6", "all-minilm-l6-v2", "Bert", _BASE | _MINI | {"vocab_size": 30_522}),
    Shape("BERT-base-uncased", "bert-base-uncased", "Bert", _BASE | {"vocab_size": 30_522}),
    Shape("BERT-base-cased", "bert-base-cased", "Bert", _BASE | {"vocab_size": 28_996}),
    Shape("BERT-base-chinese", "bert-base-chinese", "Bert", _BASE | {"vocab_size": 21_128}),
    Shape("RoBERTa-base", "roberta-base", "Roberta", _BASE | _XLMR | {"vocab_size": 50_265}),
    Shape("T5-small", "t5-small", "T5", {"vocab_size": 32_128}),
    Shape("GPT-2", "gpt2", "GPT2", {"vocab_size": 50_257}),
    Shape("Pythia-160m", "gpt-neox-20b", "GPTNeoX", _BASE | {"vocab_size": 50_304}),
    Shape("SmolLM2-135M", "smollm2-135m", "Llama", llama_like(576, 30, 1536, 9, 3, 49_152)),
    Shape("Qwen3-0.6B", "qwen3", "Qwen3", llama_like(1024, 28, 3072, 16, 8, 151_936, head_dim=128)),
    Shape("OLMo-2-1B", "olmo-2-dolma2", "Olmo2", llama_like(2048, 16, 8192, 16, 16, 100_352)),
    Shape("Phi-2", "phi-2", "Phi", llama_like(2560, 32, 10_240, 32, 32, 51_200)),
    Shape("Phi-3-mini", "phi-3-mini", "Phi3", llama_like(3072, 32, 8192, 32, 32, 32_064)),
    Shape("Mistral-7B", "mistral-7b-v0.1", "Mistral", llama_like(4096, 32, 14_336, 32, 8, 32_000)),
    Shape("Falcon-7B", "falcon-7b", "Falcon", _FALCON | {"vocab_size": 65_024}),
    Shape("XLM-R-base", None, "XLMRoberta", _BASE | _XLMR),
    Shape("XLM-R-large", None, "XLMRoberta", _LARGE | _XLMR),
)


def parameters(shape: Shape) -> tuple[int, int, int]:
    """Parameters of the classifier in all, rows of its input table, and the width of a row."""
    config = getattr(transformers, f"{shape.kind}Config")(**shape.fields)
    with torch.device("meta"):
        model = getattr(transformers, f"{shape.kind}ForSequenceClassification")(config)
    rows, hidden = model.get_input_embeddings().weight.shape
    return sum(p.numel() for p in model.parameters()), rows, hidden
