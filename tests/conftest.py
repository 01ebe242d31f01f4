"""Fixtures and settings that every area of the tests shares."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores already; two pools of torch that wait for each other take ten times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile(
    "fast", max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "slow", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def shared_data() -> Path:
    """Where the real tokenizers and corpora lie: `PRUNUS_SHARED`, else `shared` beside the repository."""
    return Path(os.environ.get("PRUNUS_SHARED") or ROOT.parent / "shared") / "data"


def shared_folder(name: str) -> Path:
    folder = shared_data() / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: the real {name} are not part of the repository (set PRUNUS_SHARED)")
    return folder


@pytest.fixture(scope="session")
def shared_tokenizers() -> Path:
    """Folder with one directory for each real tokenizer."""
    return shared_folder("tokenizers")


@pytest.fixture(scope="session")
def shared_corpora() -> Path:
    """Folder with the real corpora, one Parquet file each."""
    return shared_folder("corpora")


@pytest.fixture
def tiny_bert(tmp_path: Path) -> Path:
    """A folder with `model/`, as `build_tiny_bert` makes it."""
    return build_tiny_bert(tmp_path)


@pytest.fixture(scope="module")
def shared_tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for a whole module, whose tests leave it as it is."""
    return build_tiny_bert(tmp_path_factory.mktemp("tiny-bert"))


def build_tiny_bert(folder: Path) -> Path:
    """Writes `model/`: a BERT checkpoint written without torch, 35 tokens, hidden size 8, tied MLM head."""
    words = ["the", "cat", "sat", "mat", *(chr(c) for c in range(ord("a"), ord("z"))), "##s"]
    vocabulary = {t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    model = folder / "model"
    model.mkdir()
    tokenizer.save(str(model / "tokenizer.json"))
    rows = len(vocabulary)
    config = {"model_type": "bert", "vocab_size": rows, "pad_token_id": 0, "architectures": ["BertForMaskedLM"]}
    (model / "config.json").write_text(json.dumps(config, indent=2))
    chance = np.random.default_rng(0)
    tensors = {
        "bert.embeddings.word_embeddings.weight": chance.normal(size=(rows, 8)).astype(np.float32),
        "bert.encoder.layer.0.output.dense.weight": chance.normal(size=(8, 16)).astype(np.float32),
        "cls.predictions.bias": chance.normal(size=rows).astype(np.float32),
    }
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    return folder
