"""`prunus.compare` on sound prunes without a record, and on each silent corruption that rival tools were seen to ship.

The list is that of the peer survey, section 2.4; the numbers in the names are its.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import prunus
from prunus.cli import main
from prunus.errors import CheckpointError, TokenizerError
from prunus.inferring import infer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMBEDDING = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def foreign(spoiled):
    """A sound prune as another tool leaves it: no record of what it kept."""

    def copy(kind: str) -> tuple[Path, Path]:
        model, out = spoiled(kind)
        shutil.rmtree(out / "prunus")
        return model, out

    return copy


def _tensors(out: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    tensors = load_file(out / "model.safetensors")
    change(tensors)
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(whole, out / "model.safetensors", metadata={"format": "pt"})


def _json(path: Path, change: Callable[[dict], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False))


def _holes(model: Path, out: Path) -> None:
    old = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    _json(out / "tokenizer.json", lambda d: d["model"].update(vocab={t: old[t] for t in d["model"]["vocab"]}))


def _dictionary_order(model: Path, out: Path) -> None:
    def change(tensors):
        order = np.random.default_rng(0).permutation(len(tensors[EMBEDDING]))
        tensors[EMBEDDING] = tensors[EMBEDDING][order]

    _tensors(out, change)


def _head_overwritten(model: Path, out: Path) -> None:
    _tensors(out, lambda t: t.update({"lm_head.weight": t["transformer.wte.weight"].copy()}))


def _head_random(model: Path, out: Path) -> None:
    _tensors(out, lambda t: t.update({"lm_head.weight": np.ones_like(t["lm_head.weight"])}))


def _head_untied(model: Path, out: Path) -> None:
    _tensors(out, lambda t: t.update({"cls.predictions.decoder.weight": t[EMBEDDING].copy()}))


def _bias_truncated(model: Path, out: Path) -> None:
    whole = load_file(model / "model.safetensors")["cls.predictions.bias"]
    _tensors(out, lambda t: t.update({"cls.predictions.bias": whole[: len(t["cls.predictions.bias"])]}))


def _bias_whole(model: Path, out: Path) -> None:
    _tensors(
        out,
        lambda t: t.update({"cls.predictions.bias": load_file(model / "model.safetensors")["cls.predictions.bias"]}),
    )


def _stale_ids(model: Path, out: Path) -> None:
    _json(out / "generation_config.json", lambda c: c.update(eos_token_id=335))


def _stale_special(model: Path, out: Path) -> None:
    _json(out / "tokenizer_config.json", lambda c: c.update(added_tokens_decoder={"159": {"content": "[MASK]"}}))


def _config_lost(model: Path, out: Path) -> None:
    (out / "tokenizer_config.json").unlink()


def _merges_stale(model: Path, out: Path) -> None:
    shutil.copy(model / "merges.txt", out / "merges.txt")


def _vocab_stale(model: Path, out: Path) -> None:
    shutil.copy(model / "vocab.txt", out / "vocab.txt")


def _no_tokenizer_json_merges(model: Path, out: Path) -> None:
    _json(out / "tokenizer.json", lambda d: d["model"].update(merges=d["model"]["merges"][5:]))


def _truncation(model: Path, out: Path) -> None:
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    _json(out / "tokenizer.json", lambda d: d.update(truncation=cut))


CORRUPTIONS = {
    "1 ids with holes": ("bert", _holes, {"map", "dangling"}),
    "2 rows in another order": ("bert", _dictionary_order, {"tensors"}),
    "3 untied head overwritten": ("gpt2", _head_overwritten, {"tensors"}),
    "4 untied head random": ("gpt2", _head_random, {"tensors"}),
    "5 tied head untied": ("bert", _head_untied, {"tensors"}),
    "6 bias truncated, not gathered": ("bert", _bias_truncated, {"tensors"}),
    "7 bias not gathered": ("bert", _bias_whole, {"tensors"}),
    "9 stale ids": ("gpt2", _stale_ids, {"configs", "dangling"}),
    "9 stale special tokens": ("bert", _stale_special, {"dangling", "tokenizer.files"}),
    "10 tokenizer_config lost": ("bert", _config_lost, {"files", "tokenizer.files"}),
    "11 stale merges": ("gpt2", _merges_stale, {"tokenizer.files"}),
    "11 stale vocab.txt": ("bert", _vocab_stale, {"tokenizer.files"}),
    "14 tokens kept but unreachable": ("gpt2", _no_tokenizer_json_merges, {"tokenizer.json", "tokenizer.rescan"}),
    "16 baked-in truncation": ("bert", _truncation, {"tokenizer.json"}),
}


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_sound_prune_passes_without_a_record(kind, foreign, corpus):
    model, out = foreign(kind)
    report = prunus.compare(model, out, corpus, forward=False)
    assert report.passed, str(report)
    assert not report.recorded
    assert not report.out_of_order
    assert report.moved


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_corruption_is_found(what, foreign, corpus):
    kind, spoil, expected = CORRUPTIONS[what]
    model, out = foreign(kind)
    spoil(model, out)
    report = prunus.compare(model, out, corpus, forward=False)
    assert expected <= {check.name for check in report.failed}, str(report)
    assert "map" in expected or report["map"].status == "passed"


def test_tokens_in_another_order_are_said_and_their_rows_followed(foreign):
    """A tool that sorts its vocabulary: every row is right, but the order is lost."""
    model, out = foreign("bert")
    document = json.loads((out / "tokenizer.json").read_text())
    vocab = document["model"]["vocab"]
    one, two = sorted(vocab, key=vocab.get)[8:10]
    vocab[one], vocab[two] = vocab[two], vocab[one]
    (out / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False))

    def change(tensors):
        for name in (EMBEDDING, "cls.predictions.bias"):
            tensors[name][[8, 9]] = tensors[name][[9, 8]]

    _tensors(out, change)
    report = prunus.compare(model, out, forward=False)
    assert len(report.out_of_order) == 1
    assert report["map"].status == "failed"
    assert report["tensors"].status == "passed", str(report)


def test_the_pairing_by_text():
    found = infer({0: "a", 1: "b", 2: "b", 3: "c"}, {0: "b", 1: "b", 2: "c"})
    assert found.kept is not None
    assert found.kept.old_ids.tolist() == [1, 2, 3]
    assert infer({0: "a"}, {0: "z"}).kept is None
    assert "holes" in infer({0: "a", 1: "b"}, {0: "a", 5: "b"}).problems[0]


def test_the_command(foreign, capsys):
    model, out = foreign("gpt2")
    assert main(["compare", str(model), str(out), "--no-forward"]) == 0
    assert "told by their text" in capsys.readouterr().err
    _stale_ids(model, out)
    assert main(["compare", str(model), str(out), "--no-forward", "--json"]) == 3
    said = json.loads(capsys.readouterr().out.splitlines()[0])
    assert not said["passed"]


def test_what_is_no_model_directory_is_an_error(foreign, tmp_path):
    model, out = foreign("bert")
    with pytest.raises(CheckpointError, match="not a directory"):
        prunus.compare(model, tmp_path / "nowhere")
    for content in ("{", "[]", '{"model": {"vocab": 3}}', "[" * 100_000):
        (out / "tokenizer.json").write_text(content)
        with pytest.raises(TokenizerError, match="cannot be read"):
            prunus.compare(model, out)
