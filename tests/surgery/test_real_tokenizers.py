"""Each real tokenizer in a model directory, pruned to what real text uses, through the public API."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer

import prunus

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "all-minilm-l6-v2", "bert-base-cased", "bert-base-chinese", "bert-base-uncased", "falcon-7b", "gpt-neox-20b",
    "gpt2", "mistral-7b-v0.1", "olmo-2-dolma2", "phi-2", "phi-3-mini", "qwen3", "roberta-base", "smollm2-135m",
    "t5-small", "whisper-tiny",
)  # fmt: skip
CORPUS_OF = {0: ("udhr", "text"), 1: ("xquad", "question"), 2: ("tatoeba", "text")}
PADDING_ROWS = 28
# Beside a GPT-2 config, AutoTokenizer would add an `<|endoftext|>` of its own to RoBERTa's vocabulary.
TYPES = {"roberta-base": ("roberta", "embeddings.word_embeddings.weight")}


@pytest.fixture(scope="module")
def corpora(shared_corpora: Path) -> list[pa.Table]:
    """2,000 rows spread over each of three corpora: 387 languages, eight languages, 76 languages."""
    tables = []
    for name, column in CORPUS_OF.values():
        table = pq.read_table(shared_corpora / f"{name}.parquet", columns=[column]).rename_columns(["text"])
        tables.append(table.take(list(range(0, len(table), max(1, len(table) // 2000)))[:2000]))
    return tables


def model_directory(source: Path, out: Path) -> Path:
    """A one-tensor checkpoint `(rows, 4)` beside the tokenizer's files, with padding rows as published."""
    shutil.copytree(source, out, ignore=shutil.ignore_patterns("config.json"))
    rows = Tokenizer.from_file(str(source / "tokenizer.json")).get_vocab_size(with_added_tokens=True) + PADDING_ROWS
    weight = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    model_type, tensor = TYPES.get(source.name, ("gpt2", "wte.weight"))
    save_file({tensor: weight}, out / "model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": model_type,
        "vocab_size": rows,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    (out / "config.json").write_text(json.dumps(config))
    return out


@pytest.mark.parametrize("name", NAMES)
def test_pruned_tokenizer_gives_the_same_counts_renumbered(
    name: str, shared_tokenizers: Path, corpora: list[pa.Table], tmp_path: Path
) -> None:
    model = model_directory(shared_tokenizers / name, tmp_path / "model")
    corpus = corpora[NAMES.index(name) % len(corpora)]
    counts = prunus.scan(corpus, tokenizer=model, columns=["text"], tokenizer_from="file")
    options = {"forward": False, "corpus": corpus, "columns": ["text"], "tokenizer_from": "file"}
    report = prunus.prune(model, counts, tmp_path / "small", **options)
    again = prunus.scan(corpus, tokenizer=tmp_path / "small" / "tokenizer.json", columns=["text"])
    remap = report.plan.remap
    assert [remap.old_of(i) for i in again.ids.tolist()] == counts.ids.tolist()
    assert np.array_equal(again.counts, counts.counts)
    assert len(remap) < report.plan.tokens_before
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (model, tmp_path / "small"))
    for tokenizer in (old, new):
        tokenizer.no_truncation()
        tokenizer.no_padding()
    for text in corpus.column("text").to_pylist():
        before, after = old.encode(text).ids, new.encode(text).ids
        assert [remap.old_of(i) for i in after] == before
        assert new.decode(after) == old.decode(before)
