"""`prune_head`: the choices of a small head, mapped back, are those of the full head among the kept tokens."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.torch import load_file

import prunus
from prunus.cli import main
from prunus.errors import FamilyError, SelectionError, UsageError, VerificationError
from prunus.testing.checkpoints import TinyCheckpoint, build_checkpoint
from prunus.testing.tokenizers import tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("transformers.models.auto.tokenization_auto")  # asked in this process then, not in one of its own

TINY = tiny_tokenizer("byte-bpe")
CASES = {
    "tied": TinyCheckpoint("llama", "LlamaForCausalLM", TINY, fields={"tie_word_embeddings": True}),
    "untied": TinyCheckpoint("llama", "LlamaForCausalLM", TINY, tied=False, padding_rows=5),
    "shards": TinyCheckpoint("llama", "LlamaForCausalLM", TINY, tied=False, shards=True, dtype="bfloat16"),
    "gpt2": TinyCheckpoint("gpt2", "GPT2LMHeadModel", TINY),
}


def keep_of(directory: Path, ids=range(40, TINY.size, 7)):
    return prunus.select(tokenizer=directory / "tokenizer.json", keep_ids=ids)


def tensors(directory: Path):
    return {name: t for path in sorted(directory.glob("*.safetensors")) for name, t in load_file(path).items()}


@pytest.fixture(params=CASES)
def pruned(request, tmp_path: Path):
    model = build_checkpoint(CASES[request.param], tmp_path / "model")
    report = prunus.prune_head(
        tmp_path / "model", keep_of(tmp_path / "model"), tmp_path / "small", multiple_of=16, tokenizer_from="file"
    )
    return model, tmp_path / "model", tmp_path / "small", report


def test_mapped_back_its_choices_are_the_full_head_s_among_the_kept(pruned) -> None:
    model, _, small, report = pruned
    found = tensors(small)
    head, d2t, t2d = found["lm_head.weight"], found["d2t"], found["t2d"]
    assert (d2t.dtype, t2d.dtype) == (torch.int64, torch.bool)
    assert len(head) == len(d2t) == int(t2d.sum()) == report.kept
    assert report.kept % 16 == 0
    with torch.no_grad():
        output = model(torch.tensor([[50, 61, 40, 9]]), output_hidden_states=True)
        draft = output.hidden_states[-1] @ head.T
    target = torch.arange(len(d2t)) + d2t
    assert torch.equal(t2d.nonzero().flatten(), target)
    # What vLLM and SGLang compute: target id = draft id + d2t[draft id].
    best = draft.argmax(-1)
    among_kept = output.logits.masked_fill(~t2d, -torch.inf).argmax(-1)
    assert torch.equal(best + d2t[best], among_kept)
    assert torch.allclose(draft.float(), output.logits[..., target].float(), atol=1e-2)


def test_everything_else_is_as_it_was_and_it_says_what_it_is(pruned) -> None:
    _, source, small, report = pruned
    before, after = tensors(source), tensors(small)
    assert after.keys() - before.keys() <= {"d2t", "t2d", "lm_head.weight"}
    for name in before.keys() - {"lm_head.weight"}:
        assert torch.equal(before[name].view(torch.uint8), after[name].view(torch.uint8)), name
    old, new = (json.loads((folder / "config.json").read_text()) for folder in (source, small))
    assert new.pop("draft_vocab_size") == report.kept
    assert new.pop("tie_word_embeddings", None) in {False, old.pop("tie_word_embeddings", None)}
    assert new == old
    assert (source / "tokenizer.json").read_bytes() == (small / "tokenizer.json").read_bytes()
    assert "output head only" in json.loads((small / "prunus" / "head.json").read_text())["meaning"]
    token_map = json.loads((small / "prunus" / "token_map.json").read_text())
    kept = prunus.KeptTokens.load(small / "prunus" / "keep.parquet")
    assert {int(row): i for row, i in token_map.items()} == dict(enumerate(kept.old_ids.tolist()))
    index = small / "model.safetensors.index.json"
    if index.exists():
        assert set(json.loads(index.read_text())["weight_map"]) == set(after)


def test_ids_that_configs_name_stay_and_rows_fill_up_by_count(tmp_path: Path) -> None:
    source = tmp_path / "model"
    build_checkpoint(CASES["untied"], source)
    counts = prunus.scan(["the river and the mountain", "the lantern"], tokenizer=source / "tokenizer.json")
    keep = prunus.select(counts, top_k=2)
    prunus.prune_head(source, keep, tmp_path / "small", multiple_of=8, tokenizer_from="file")
    kept = prunus.KeptTokens.load(tmp_path / "small" / "prunus" / "keep.parquet")
    assert len(kept) == 8
    assert TINY.special["eos"] in kept.old_ids
    wanted = [
        i for i, _ in sorted(zip(counts.ids.tolist(), counts.counts.tolist(), strict=True), key=lambda x: (-x[1], x[0]))
    ]
    filled = [i for i, why in zip(kept.old_ids.tolist(), kept.why, strict=True) if why == "filled"]
    others = [i for i in wanted if i not in set(kept.old_ids.tolist()) - set(filled)]
    assert sorted(filled) == sorted(others[: len(filled)])


def test_a_draft_without_tokenizer_takes_the_target_s(tmp_path: Path) -> None:
    build_checkpoint(CASES["untied"], tmp_path / "target")
    shutil.copytree(tmp_path / "target", tmp_path / "draft")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "draft" / name).unlink(missing_ok=True)
    command = ["prune-head", str(tmp_path / "draft"), "--tokenizer", str(tmp_path / "target"), "--keep-ids", "40,41"]
    assert main([*command, "--tokenizer-from", "file", "-o", str(tmp_path / "small"), "-q"]) == 0
    assert {"d2t", "t2d"} <= set(tensors(tmp_path / "small"))
    assert not (tmp_path / "small" / "tokenizer.json").exists()


def test_it_refuses_what_it_does_not_understand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "model"
    build_checkpoint(TinyCheckpoint("llama", "LlamaModel", TINY), source)
    with pytest.raises(FamilyError, match="no single output head"):
        prunus.prune_head(source, keep_of(source), tmp_path / "out", tokenizer_from="file")
    source = tmp_path / "other"
    build_checkpoint(CASES["untied"], source)
    sized = prunus.select(tokenizer=source / "tokenizer.json", keep_ids=[40], size=100)
    with pytest.raises(UsageError, match="--size"):
        prunus.prune_head(source, sized, tmp_path / "out", tokenizer_from="file")
    mute = prunus.select(tokenizer=source / "tokenizer.json", keep_ids=[40], drop_ids=[TINY.special["eos"]])
    with pytest.raises(SelectionError, match="eos_token_id"):
        prunus.prune_head(source, mute, tmp_path / "out", tokenizer_from="file")
    monkeypatch.setattr("prunus.halves.maps.offsets", lambda remap: np.zeros(len(remap), np.int64))
    with pytest.raises(VerificationError, match="d2t"):
        prunus.prune_head(source, keep_of(source), tmp_path / "out", tokenizer_from="file")
    assert not (tmp_path / "out").exists()
