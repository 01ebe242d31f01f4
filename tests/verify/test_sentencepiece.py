"""A real SentencePiece pair, pruned by Prunus, spoiled piece by piece."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

import prunus
from prunus.verification import verify

TEXTS = ["The house is wonderful.", "Das Haus ist wunderbar.", "What is the house?", "<extra_id_0> is the house"]


@pytest.fixture(scope="module")
def t5_pair(shared_tokenizers, tmp_path_factory):
    root = tmp_path_factory.mktemp("t5")
    model = shutil.copytree(shared_tokenizers / "t5-small", root / "model")
    config = {
        "model_type": "t5",
        "vocab_size": 32128,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    (model / "config.json").write_text(json.dumps(config | {"architectures": ["T5ForConditionalGeneration"]}))
    table = np.random.default_rng(0).normal(size=(32128, 4)).astype(np.float32)
    save_file({"shared.weight": table}, model / "model.safetensors", metadata={"format": "pt"})
    counts = prunus.scan(TEXTS, tokenizer=model / "tokenizer.json")
    report = prunus.prune(model, counts, root / "out", corpus=TEXTS, forward=False, tokenizer_from="file")
    assert report.verification["tokenizer.files"].status == "passed"
    return model, root / "out"


def _proto(out, change):
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString((out / "spiece.model").read_bytes())
    change(proto)
    (out / "spiece.model").write_bytes(proto.SerializeToString())


def _score(proto):
    proto.pieces[10].score -= 1e-5


def _text(proto):
    proto.pieces[10].piece = "zzzz"


def _gone(proto):
    del proto.pieces[10]


@pytest.mark.parametrize("change", [_score, _text, _gone])
def test_a_spoiled_model_is_found(change, t5_pair, tmp_path):
    out = shutil.copytree(t5_pair[1], tmp_path / "out")
    _proto(out, change)
    report = verify(t5_pair[0], out, forward=False, tokenizer_from="file")
    assert [check.name for check in report.failed] == ["tokenizer.files"]


def test_a_model_that_was_not_pruned_is_found(t5_pair, tmp_path):
    out = shutil.copytree(t5_pair[1], tmp_path / "out")
    shutil.copy(t5_pair[0] / "spiece.model", out / "spiece.model")
    report = verify(t5_pair[0], out, forward=False, tokenizer_from="file")
    assert [check.name for check in report.failed] == ["tokenizer.files"]


def test_the_last_digit_of_a_score_is_found(t5_pair, tmp_path):
    """Scores are compared as text: parsing and printing them again can let ties resolve otherwise."""
    out = shutil.copytree(t5_pair[1], tmp_path / "out")
    text = (out / "tokenizer.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_float=str)
    score = document["model"]["vocab"][10][1]
    assert text.count(score)
    (out / "tokenizer.json").write_text(text.replace(score, f"{score}1"), encoding="utf-8")
    report = verify(t5_pair[0], out, forward=False, tokenizer_from="file")
    assert "tokenizer.json" in {check.name for check in report.failed}
