"""Hostile `tokenizer.json` files: an error that names the file, never a crash, never a giant allocation."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

import prunus
from prunus.errors import PrunusError, TokenizerError, UnsupportedFileError

if TYPE_CHECKING:
    from pathlib import Path

DEEP = 100_000
GOOD = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "WordLevel", "vocab": {"a": 0, "u": 1}, "unk_token": "u"},
}
BPE = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
ADDED = {"id": 2, "content": "<s>", **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), True)}


def _with(**sections: object) -> str:
    return json.dumps(GOOD | sections)


FILES = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "a number": "7",
    "lists nested": "[" * DEEP,
    "closed lists nested": '{"model": ' + "[" * DEEP + "]" * DEEP + "}",
    "objects nested": '{"a":' * DEEP + "1" + "}" * DEEP,
    "a normalizer nested": _with(normalizer=0).replace(
        '"normalizer": 0',
        '"normalizer": ' + '{"type":"Sequence","normalizers":[' * 5000 + '{"type":"NFC"}' + "]}" * 5000,
    ),
    "a lone surrogate": _with(model={"type": "WordLevel", "vocab": {"\ud800": 0, "u": 1}, "unk_token": "u"}),
    "no model": json.dumps({"version": "1.0"}),
    "a model of text": _with(model="BPE"),
    "a model of nothing": _with(model={}),
    "another type": _with(model={"type": "Neural", "vocab": {}}),
    "a vocabulary of lists": _with(model={"type": "WordLevel", "vocab": [["a", "b", "c"]], "unk_token": "u"}),
    "an id as text": _with(model={"type": "WordLevel", "vocab": {"a": "0"}, "unk_token": "u"}),
    "an id as a float": _with(model={"type": "WordLevel", "vocab": {"a": 0.5}, "unk_token": "u"}),
    "a negative id": _with(model={"type": "WordLevel", "vocab": {"a": -1}, "unk_token": "u"}),
    "a huge id": _with(model={"type": "WordLevel", "vocab": {"a": 2**63}, "unk_token": "u"}),
    "ids shared": _with(model={"type": "WordLevel", "vocab": {"a": 0, "b": 0}, "unk_token": "u"}),
    "merges of numbers": _with(model=BPE | {"merges": [[1, 2]]}),
    "a merge of three": _with(model=BPE | {"merges": ["a b a"]}),
    "a merge of nothing known": _with(model=BPE | {"merges": ["a z"]}),
    "dropout": _with(model=BPE | {"dropout": 0.1}),
    "added tokens of text": _with(added_tokens="<s>"),
    "an added token without content": _with(added_tokens=[{"id": 2}]),
    "an added token with an id of text": _with(added_tokens=[ADDED | {"id": "2"}]),
    "an unknown normalizer": _with(normalizer={"type": "Mystery", "vocab": {"a": 1}}),
    "a normalizer of lists": _with(normalizer=[]),
    "a post-processor with a wrong id": _with(
        post_processor={"type": "BertProcessing", "sep": ["s", "1"], "cls": ["c", 0]}
    ),
    "a post-processor with a dangling id": _with(
        post_processor={"type": "BertProcessing", "sep": ["s", 99], "cls": ["a", 0], "trim_offsets": True}
    ),
    "a score of text": _with(model={"type": "Unigram", "vocab": [["a", "x"]], "unk_id": 0}),
    "a score out of range": _with(model=0).replace('"model": 0', '"model": {"type":"Unigram","vocab":[["a",1e999]]}'),
    "an unk_id beyond": _with(model={"type": "Unigram", "vocab": [["a", -1.0]], "unk_id": 5}),
}


@pytest.mark.parametrize("what", FILES)
def test_a_hostile_file_is_an_error_that_names_it(what: str, tiny_bert: Path) -> None:
    model = tiny_bert / "model"
    (model / "tokenizer.json").write_bytes(FILES[what].encode("utf-8", "surrogatepass"))
    with pytest.raises(PrunusError) as raised:
        prunus.plan(model, prunus.select(keep_ids=[0]), tokenizer_from="file")
    assert isinstance(raised.value, TokenizerError), raised.value
    assert "tokenizer.json" in str(raised.value)
    # What the library itself can run (dropout, two tokens with one id) is counted; anything else is our error too.
    with contextlib.suppress(PrunusError):
        prunus.scan(["a"], tokenizer=model / "tokenizer.json")
    with contextlib.suppress(PrunusError):
        prunus.compare(model, model, forward=False)


def test_a_file_larger_than_any_tokenizer_is_not_read(tiny_bert: Path) -> None:
    path = tiny_bert / "model" / "tokenizer.json"
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)  # sparse: takes no room
    for ask in (
        lambda: prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[0]), tokenizer_from="file"),
        lambda: prunus.scan(["a"], tokenizer=path),
        lambda: prunus.compare(tiny_bert / "model", tiny_bert / "model"),
    ):
        with pytest.raises(TokenizerError, match="at most"):
            ask()


@pytest.mark.parametrize(
    "name",
    ["tekken.json", "cl100k.tiktoken", "model.gguf", "pytorch_model.bin", "source.spm", "vocab.bpe", "dict.txt"],
)
def test_a_file_that_cannot_be_rewritten_is_refused_by_name(name: str, tiny_bert: Path) -> None:
    (tiny_bert / "model" / name).write_bytes(b"\0")
    with pytest.raises(UnsupportedFileError, match=name) as raised:
        prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[0]))
    assert f"--drop-file {name}" in str(raised.value)
    assert prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[0]), drop_files=[name]).tokens_after
