"""Every check can fail: a sound output is spoiled in one place, and exactly the checks that look there fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from prunus.errors import VerificationError
from prunus.kept import KeptTokens
from prunus.remap import IdRemap
from prunus.verification import Pair, _plugins, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMBEDDING = "bert.embeddings.word_embeddings.weight"


def _tensors(out: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    path = out / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, path, metadata={"format": "pt"})


def _json(path: Path, change: Callable[[dict], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False))


def _flip_bit(name: str, *place: int) -> Callable[[Path], None]:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[name].view(np.uint32)[place] ^= 1

    return lambda out: _tensors(out, change)


def _swap_rows(out: Path) -> None:
    def change(tensors):
        tensors[EMBEDDING][[6, 7]] = tensors[EMBEDDING][[7, 6]]

    _tensors(out, change)


def _pad_nonzero(out: Path) -> None:
    _tensors(out, lambda t: t["cls.predictions.bias"].__setitem__(-1, 1e-30))


def _replace(name: str, make: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda out: _tensors(out, lambda t: t.__setitem__(name, make(t[name])))


def _untie(out: Path) -> None:
    _tensors(out, lambda t: t.__setitem__("cls.predictions.decoder.weight", t[EMBEDDING].copy()))


def _tie(out: Path) -> None:
    _tensors(out, lambda t: t.pop("lm_head.weight"))


def _same_head(out: Path) -> None:
    _tensors(out, lambda t: t.__setitem__("lm_head.weight", t["transformer.wte.weight"].copy()))


def _truncate(out: Path) -> None:
    path = out / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


def _metadata(out: Path) -> None:
    save_file(load_file(out / "model.safetensors"), out / "model.safetensors")


TENSORS = {
    "one bit in a kept row": ("bert", _flip_bit(EMBEDDING, 9, 3)),
    "one bit in another tensor": ("bert", _flip_bit("bert.encoder.layer.0.output.dense.weight", 0, 0)),
    "one bit in a bias": ("bert", _flip_bit("cls.predictions.bias", 2)),
    "two rows swapped": ("bert", _swap_rows),
    "a padding row is not zero": ("bert", _pad_nonzero),
    "a bias dropped": ("bert", lambda out: _tensors(out, lambda t: t.pop("cls.predictions.bias"))),
    "a tied head made two": ("bert", _untie),
    "an untied head dropped": ("gpt2", _tie),
    "an untied head overwritten": ("gpt2", _same_head),
    "another dtype": ("bert", _replace(EMBEDDING, lambda t: t.astype(np.float16))),
    "a row too many in one tensor": ("bert", _replace("cls.predictions.bias", lambda t: np.append(t, np.float32(0)))),
    "too few rows": ("gpt2", _replace("lm_head.weight", lambda t: t[:-1])),
    "another shape": ("bert", _replace("bert.embeddings.position_embeddings.weight", lambda t: t[:-1, :-1])),
    "a truncated file": ("bert", _truncate),
    "metadata lost": ("bert", _metadata),
    "positions cut": ("bert", _replace("bert.embeddings.position_embeddings.weight", lambda t: t[:-1])),
}


@pytest.mark.parametrize("what", TENSORS)
def test_tensors(what, spoiled, corpus):
    kind, spoil = TENSORS[what]
    model, out = spoiled(kind)
    spoil(out)
    failed = _failed(verify(model, out, corpus, forward=False))
    assert failed - {"configs", "files"} == {"tensors"}
    assert failed == {"tensors"} or what in {"a truncated file", "a row too many in one tensor", "too few rows"}


def _failed(report) -> set[str]:
    return {check.name for check in report.failed}


def _set(name: str, **values: object) -> Callable[[Path], None]:
    return lambda out: _json(out / name, lambda v: v.update(values))


CONFIGS = {
    "a stale id": ("bert", _set("config.json", pad_token_id=3)),
    "a stale size": ("bert", _set("config.json", vocab_size=160)),
    "an id out of range": ("gpt2", _set("generation_config.json", eos_token_id=99999)),
    "an id lost": ("gpt2", lambda out: _json(out / "config.json", lambda v: v.pop("eos_token_id"))),
    "an id as a float": ("gpt2", _set("config.json", eos_token_id=0.0)),
    "another field changed": ("bert", _set("config.json", hidden_dropout_prob=0.5)),
    "a field appeared": ("bert", _set("config.json", surprise=1)),
    "a broken file": ("bert", lambda out: (out / "config.json").write_text("{")),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_configs(what, spoiled, corpus):
    kind, spoil = CONFIGS[what]
    model, out = spoiled(kind)
    spoil(out)
    assert "configs" in _failed(verify(model, out, forward=False))
    assert _failed(verify(model, out, corpus, forward=False)) - {"tokenizer.load"} == {"configs"}


def _stray(name: str) -> Callable[[Path], None]:
    return lambda out: (out / name).write_text("stray")


FILES = {
    "a changed README": ("bert", _stray("README.md")),
    "a README cut short": ("bert", lambda out: (out / "README.md").write_text("A tiny model.")),
    "a missing README": ("bert", lambda out: (out / "README.md").unlink()),
    "a stray file": ("bert", _stray("stray.txt")),
}


@pytest.mark.parametrize("what", FILES)
def test_files(what, spoiled, corpus):
    kind, spoil = FILES[what]
    model, out = spoiled(kind)
    spoil(out)
    assert _failed(verify(model, out, corpus, forward=False)) == {"files"}


def _tokenizer(change: Callable[[dict], None]) -> Callable[[Path], None]:
    return lambda out: _json(out / "tokenizer.json", change)


def _swap_ids(document: dict) -> None:
    vocab = document["model"]["vocab"]
    one, two = sorted(vocab, key=vocab.get)[8:10]
    vocab[one], vocab[two] = vocab[two], vocab[one]


def _invent(document: dict) -> None:
    document["model"]["vocab"]["zzzz"] = len(document["model"]["vocab"])


def _truncation(document: dict) -> None:
    document["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}


def _line(name: str, number: int, text: str | None) -> Callable[[Path], None]:
    def spoil(out: Path) -> None:
        lines = (out / name).read_text().split("\n")
        lines[number : number + 1] = [] if text is None else [text]
        (out / name).write_text("\n".join(lines))

    return spoil


def _duplicate_id(out: Path) -> None:
    _json(out / "vocab.json", lambda v: v.update({next(reversed(v)): 0}))


ROWS = {"tokenizer.rows", "tokenizer.rescan"}
JSON = "tokenizer.json"
TOKENIZER = {
    "two ids swapped": ("bert", _tokenizer(_swap_ids), {JSON, "remap", "tokenizer.load", "tokenizer.files", *ROWS}),
    "a token invented": ("bert", _tokenizer(_invent), {JSON, "remap", "tokenizer.load"}),
    "a merge lost": ("gpt2", _tokenizer(lambda d: d["model"]["merges"].pop(0)), {JSON, "tokenizer.files", *ROWS}),
    "two merges swapped": (
        "gpt2",
        _tokenizer(lambda d: d["model"]["merges"].reverse()),
        {JSON, "tokenizer.files", *ROWS},
    ),
    "another prefix": ("bert", _tokenizer(lambda d: d["model"].update(continuing_subword_prefix="@@")), {JSON}),
    "another normalizer": (
        "bert",
        _tokenizer(lambda d: d.update(normalizer={"type": "NFKC"})),
        {JSON, "tokenizer.rows"},
    ),
    "truncation": ("bert", _tokenizer(_truncation), {JSON}),
    "an added token made ordinary": ("bert", _tokenizer(lambda d: d["added_tokens"][4].update(lstrip=True)), {JSON}),
    "the post-processor's ids swapped": (
        "bert",
        _tokenizer(lambda d: d["post_processor"]["special_tokens"]["[CLS]"].update(ids=[3])),
        {JSON, *ROWS},
    ),
    "the template of pairs": (
        "bert",
        _tokenizer(lambda d: d["post_processor"]["pair"].pop()),
        {JSON, "tokenizer.rows"},
    ),
    "another decoder": ("bert", _tokenizer(lambda d: d.update(decoder={"type": "Fuse"})), {JSON, "tokenizer.rows"}),
    "a broken tokenizer": (
        "bert",
        lambda out: (out / "tokenizer.json").write_text("{"),
        {JSON, "remap", "tokenizer.load", "tokenizer.files", *ROWS},
    ),
    "a line of vocab.txt": ("bert", _line("vocab.txt", 7, "wrong"), {"tokenizer.files"}),
    "a line of vocab.txt lost": ("bert", _line("vocab.txt", 7, None), {"tokenizer.files"}),
    "a line of merges.txt": ("gpt2", _line("merges.txt", 2, None), {"tokenizer.files"}),
    "an id of vocab.json": ("gpt2", _duplicate_id, {"tokenizer.files"}),
    "vocab.txt gone": ("bert", lambda out: (out / "vocab.txt").unlink(), {"tokenizer.files", "files"}),
    "another special token": (
        "bert",
        _set("tokenizer_config.json", mask_token="the"),
        {"tokenizer.files", "tokenizer.load"},
    ),
    "a chat template appeared": (
        "gpt2",
        _set("tokenizer_config.json", chat_template="{{ messages }}"),
        {"tokenizer.files", "tokenizer.load"},
    ),
}


@pytest.mark.parametrize("what", TOKENIZER)
def test_tokenizer(what, spoiled, corpus):
    kind, spoil, expected = TOKENIZER[what]
    model, out = spoiled(kind)
    spoil(out)
    assert _failed(verify(model, out, corpus, forward=False)) == expected


def _keep(out: Path, change: Callable[[dict], None]) -> None:
    path = out / "prunus" / "keep.parquet"
    kept = KeptTokens.load(path).to_dict()
    change(kept)
    KeptTokens.from_dict(kept).save(path)


def _another_id(kept: dict) -> None:
    """The last kept id, which a dropped one follows, names that one."""
    ids = kept["old_id"]
    gap = next(i for i in range(6, len(ids) - 1) if ids[i] + 1 < ids[i + 1])
    ids[gap] += 1


def test_remap_that_names_another_token(spoiled, corpus):
    model, out = spoiled("bert")
    _keep(out, _another_id)
    failed = _failed(verify(model, out, corpus, forward=False))
    assert {"remap", "tensors", "tokenizer.load", "tokenizer.rows"} <= failed


@pytest.mark.parametrize("how", ["absent", "broken", "out of order", "empty"])
def test_keep_parquet_that_cannot_be_used(how, spoiled, corpus):
    model, out = spoiled("bert")
    path = out / "prunus" / "keep.parquet"
    table = pq.read_table(path)
    if how == "absent":
        path.unlink()
    elif how == "broken":
        path.write_bytes(b"PAR1")
    else:
        pq.write_table(table.take(list(range(len(table)))[::-1]) if how == "out of order" else table.slice(0, 0), path)
    report = verify(model, out, corpus)
    assert _failed(report) == {"remap"}
    assert {check.status for check in report.checks[1:]} == {"skipped"}
    with pytest.raises(VerificationError, match="keep"):
        report.raise_if_failed()


def test_another_renumbering_than_expected(bert_pair):
    assert _failed(verify(*bert_pair, remap=IdRemap.of([0, 1, 2]))) == {"remap"}


def _unscale(out: Path) -> None:
    _tensors(
        out, lambda t: t.__setitem__("bert.embeddings.LayerNorm.weight", t["bert.embeddings.LayerNorm.weight"] * 2)
    )


FORWARD = {
    "hidden states": ("bert", _unscale, {"tensors", "forward"}, "not bit-equal"),
    "logits": ("bert", _flip_bit("cls.predictions.bias", 2), {"tensors"}, ""),
    "a head tied": ("gpt2", _tie, {"tensors", "forward"}, "missing keys"),
    "a size that does not fit": (
        "bert",
        _set("config.json", vocab_size=11),
        {"configs", "forward"},
        "the output does not",
    ),
    "another padding row": ("bert", _set("config.json", pad_token_id=1), {"configs", "forward"}, "padding_idx"),
}


@pytest.mark.parametrize("what", FORWARD)
def test_forward(what, spoiled, corpus):
    kind, spoil, expected, said = FORWARD[what]
    model, out = spoiled(kind)
    spoil(out)
    report = verify(model, out, corpus)
    assert _failed(report) == expected
    assert not said or any(said in finding for finding in report["forward"].findings)


def test_forward_is_skipped_where_the_source_does_not_run(spoiled, tmp_path, corpus):
    import shutil

    model, out = spoiled("bert")
    source = shutil.copytree(model, tmp_path / "source")
    for directory in (source, out):
        _set("config.json", num_attention_heads=5)(directory)
    report = verify(source, out, corpus)
    assert report["forward"].status == "skipped"
    assert "source does not run" in report["forward"].detail


def test_forward_is_skipped_for_a_model_too_large(bert_pair):
    assert "GB of weights" in verify(*bert_pair, largest_forward=1)["forward"].detail


def test_a_config_that_cannot_be_read_is_a_finding_that_names_it(tmp_path: Path) -> None:
    """A plugin's checks are given it; the failing disk of tools/faults.py blamed the output."""
    (tmp_path / "config.json").mkdir()
    pair = Pair(tmp_path, tmp_path, KeptTokens(np.zeros(0, np.uint32), np.zeros(0, np.uint64), (), (), ()), None)
    (check,) = _plugins(pair)
    assert check.status == "failed"
    assert str(tmp_path / "config.json") in check.findings[0]
