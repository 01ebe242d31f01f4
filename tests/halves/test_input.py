"""`prune_input`: through the map, an encoder with a small table computes what the whole one computes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers import Tokenizer

import prunus
from prunus.cli import main
from prunus.errors import FamilyError, UnseenTokenError
from prunus.testing.checkpoints import TinyCheckpoint, build_checkpoint
from prunus.testing.tokenizers import tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("transformers.models.auto.tokenization_auto")  # asked in this process then, not in one of its own

TINY = tiny_tokenizer("byte-bpe")
TEXT = "the river and the mountain"


ENCODERS = [("bert", "BertModel"), ("roberta", "RobertaModel"), ("t5", "T5EncoderModel")]


@pytest.mark.parametrize(("kind", "name"), ENCODERS)
def test_hidden_states_are_bit_equal_through_the_map(kind: str, name: str, tmp_path: Path) -> None:
    source, out = tmp_path / "model", tmp_path / "small"
    fields = {"pad_token_id": 1} if kind == "roberta" else {}
    model = build_checkpoint(TinyCheckpoint(kind, name, TINY, fields=fields), source)
    counts = prunus.scan([TEXT], tokenizer=source / "tokenizer.json")
    counts.save(tmp_path / "counts.parquet")
    command = ["prune-input", str(source), "--counts", str(tmp_path / "counts.parquet"), "-o", str(out), "-q"]
    assert main([*command, "--tokenizer-from", "file"]) == 0
    tokenizer, ids = Tokenizer.from_file(str(out / "tokenizer" / "tokenizer.json")), prunus.InputMap.load(out)
    old = torch.tensor([tokenizer.encode(TEXT).ids])
    small = getattr(transformers, name).from_pretrained(out).eval()
    with torch.no_grad():
        before, after = model(input_ids=old), small(input_ids=ids(old))
    assert torch.equal(before.last_hidden_state, after.last_hidden_state)
    assert small.get_input_embeddings().num_embeddings < TINY.size
    assert (source / "tokenizer.json").read_bytes() == (out / "tokenizer" / "tokenizer.json").read_bytes()
    # Nothing loads the model and the tokenizer as a pair by accident, and the directory says what it is.
    assert not list(out.glob("tokenizer*.json"))
    assert "input table only" in json.loads((out / "prunus" / "input.json").read_text())["meaning"]
    dropped = next(i for i in range(TINY.size) if ids.new_ids[i] < 0)
    for wrong in (dropped, TINY.size + 3, -1):
        with pytest.raises(UnseenTokenError, match=str(wrong)):
            ids(np.array([[0, wrong]]))


@pytest.mark.parametrize(("kind", "name"), [("bert", "BertForMaskedLM"), ("llama", "LlamaForCausalLM")])
def test_a_model_with_a_head_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    """Llama's is tied, so that no tensor of the file is one."""
    source = tmp_path / "model"
    build_checkpoint(TinyCheckpoint(kind, name, TINY, fields={"tie_word_embeddings": True}), source)
    keep = prunus.select(tokenizer=source / "tokenizer.json", keep_ids=[40])
    with pytest.raises(FamilyError, match="has an output head"):
        prunus.prune_input(source, keep, tmp_path / "out", tokenizer_from="file")
    assert not (tmp_path / "out").exists()
