"""Pruned pairs made by a slow reference pruner of a few lines, which shares no code with Prunus."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from prunus.kept import KeptTokens

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "the cat sat on the mat",
    "a cat and a hat",
    "the hat sat",
    "that mat and this hat",
    "cats sat on mats, and that was that",
]
OTHERS = ["quick brown foxes jump", "over lazy dogs", "seven wizards vexed a judge", "zebra quilts, fjord glyphs"]


def reference_prune(model: Path, kept: list[int], out: Path, pad: int = 0) -> None:
    """Prunes by the definition: kept ids ascending, vocabulary axes indexed, every id looked up in a dictionary."""
    out.mkdir()
    new_of = {old: new for new, old in enumerate(sorted(kept))}
    document = json.loads((model / "tokenizer.json").read_bytes())
    tokens = {i: t for t, i in document["model"]["vocab"].items()} | {
        a["id"]: a["content"] for a in document["added_tokens"]
    }
    names = {tokens[i] for i in kept}
    document["model"]["vocab"] = {t: new_of[i] for t, i in document["model"]["vocab"].items() if t in names}
    if "merges" in document["model"]:
        merges = document["model"]["merges"]
        document["model"]["merges"] = [m for m in merges if {*m, "".join(m)} <= names]
    document["added_tokens"] = [a | {"id": new_of[a["id"]]} for a in document["added_tokens"] if a["id"] in new_of]
    for special in ((document.get("post_processor") or {}).get("special_tokens") or {}).values():
        special["ids"] = [new_of[i] for i in special["ids"]]
    rows = json.loads((model / "config.json").read_text())["vocab_size"]
    for path in model.iterdir():
        target = out / path.name
        if path.name == "tokenizer.json":
            target.write_text(json.dumps(document, ensure_ascii=False))
        elif path.name == "vocab.txt":
            target.write_text(
                "".join(f"{t}\n" for t in sorted(document["model"]["vocab"], key=document["model"]["vocab"].get))
            )
        elif path.name == "vocab.json":
            target.write_text(json.dumps(document["model"]["vocab"], ensure_ascii=False))
        elif path.name == "merges.txt":
            target.write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in document["model"]["merges"]))
        elif path.name.endswith("config.json") and path.name != "tokenizer_config.json":
            target.write_text(json.dumps(_config(json.loads(path.read_text()), new_of, rows, len(kept) + pad)))
        elif path.name.endswith(".safetensors"):
            tensors = {n: _gathered(t, sorted(kept), rows, pad) for n, t in load_file(path).items()}
            save_file(tensors, target, metadata={"format": "pt"})
        else:
            shutil.copy(path, target)
    (out / "prunus").mkdir()
    ids = np.array(sorted(kept), np.uint32)
    zeros = np.zeros(len(ids), np.uint64)
    seen = ("seen",) * len(ids)
    KeptTokens(ids, zeros, tuple(tokens[i] for i in ids.tolist()), seen, ("",) * len(ids)).save(
        out / "prunus" / "keep.parquet"
    )


def _config(config: dict, new_of: dict[int, int], rows: int, rows_after: int) -> dict:
    changed = {k: new_of[v] for k, v in config.items() if k.endswith("_token_id") and isinstance(v, int)}
    return config | changed | ({"vocab_size": rows_after} if "vocab_size" in config else {})


def _gathered(tensor: np.ndarray, kept: list[int], rows: int, pad: int) -> np.ndarray:
    for axis, length in enumerate(tensor.shape):
        if length == rows:
            widths = [(0, pad if a == axis else 0) for a in range(tensor.ndim)]
            return np.ascontiguousarray(np.pad(np.take(tensor, kept, axis=axis), widths))
    return tensor


def _save(model, directory: Path, tokenizer: Tokenizer, config: dict) -> None:
    model.save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    (directory / "README.md").write_text("A tiny model.\n")


def _used(tokenizer: Tokenizer, always: set[int]) -> list[int]:
    return sorted({i for e in tokenizer.encode_batch(TEXTS) for i in e.ids} | always)


@pytest.fixture(scope="session", autouse=True)
def _asked_here() -> None:
    """AutoTokenizer is asked in this process, once it is imported here; a child process for each test would be slow."""
    from transformers import AutoTokenizer  # noqa: F401


@pytest.fixture(scope="session")
def bert_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A BERT with a tied head and biases, its vocab.txt, and its pruned twin with three zero rows."""
    import torch
    import transformers

    root = tmp_path_factory.mktemp("bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXTS + OTHERS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    network = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=size, pad_token_id=0, **shape))
    torch.nn.init.normal_(network.cls.predictions.bias)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    _save(network, root / "model", tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", **names})
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (root / "model" / "vocab.txt").write_text("".join(f"{t}\n" for t, _ in ordered))
    reference_prune(root / "model", _used(tokenizer, {0, 1, 2, 3, 4}), root / "out", pad=3)
    return root / "model", root / "out"


@pytest.fixture(scope="session")
def gpt2_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A GPT-2 with an untied head, vocab.json and merges.txt, and its pruned twin."""
    import torch
    import transformers

    root = tmp_path_factory.mktemp("gpt2")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS + OTHERS, trainer)
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    options = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, "tie_word_embeddings": False}
    config = transformers.GPT2Config(vocab_size=size, bos_token_id=0, eos_token_id=0, **options)
    network = transformers.GPT2LMHeadModel(config)
    torch.nn.init.normal_(network.lm_head.weight)
    _save(network, root / "model", tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"})
    model = json.loads(tokenizer.to_str())["model"]
    (root / "model" / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (root / "model" / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]))
    bytes_ = {i for t, i in model["vocab"].items() if t in alphabet}
    kept = set(_used(tokenizer, bytes_ | {0}))
    merged = {a + b: (a, b) for a, b in model["merges"]}
    waiting = [t for t, i in model["vocab"].items() if i in kept]
    while waiting:
        for part in merged.get(waiting.pop(), ()):
            if model["vocab"][part] not in kept:
                kept.add(model["vocab"][part])
                waiting.append(part)
    reference_prune(root / "model", sorted(kept), root / "out")
    return root / "model", root / "out"


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    return TEXTS


@pytest.fixture
def spoiled(tmp_path: Path, bert_pair, gpt2_pair):
    """A fresh copy of a pair's output, to be spoiled; the source beside it."""

    def copy(kind: str) -> tuple[Path, Path]:
        model, out = {"bert": bert_pair, "gpt2": gpt2_pair}[kind]
        shutil.copytree(out, tmp_path / "out")
        return model, tmp_path / "out"

    return copy
