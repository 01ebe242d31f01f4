"""From a source to one tokenizer.json; a directory's file against what AutoTokenizer makes of it."""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from prunus.errors import TokenizerError, TokenizerMismatchError, UsageError
from prunus.tokenizer import auto, auto_worker
from prunus.tokenizer.auto import AutoInquiry, AutoQuestion
from prunus.tokenizer.resolve import resolve_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

REAL = (
    *("all-minilm-l6-v2", "bert-base-cased", "bert-base-chinese", "bert-base-uncased", "falcon-7b", "gpt-neox-20b"),
    *("gpt2", "mistral-7b-v0.1", "olmo-2-dolma2", "phi-2", "phi-3-mini", "qwen3", "roberta-base", "smollm2-135m"),
    *("t5-small", "whisper-tiny"),
)


@pytest.fixture(scope="module", autouse=True)
def _asked_here() -> None:
    """Once AutoTokenizer is imported here, it is asked here and not in a child process."""
    from transformers import AutoTokenizer  # noqa: F401


@pytest.fixture
def tokenizer() -> Tokenizer:
    """A byte-level BPE with numbers that its pre-tokeniser keeps whole and Qwen's takes apart."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|end|>", *alphabet, "20", "24", "2024", "Ġ2024"]
    merges = [("2", "0"), ("2", "4"), ("20", "24"), ("Ġ", "2024")]
    made = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    return made


@pytest.fixture
def directory(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path


# What AutoTokenizer makes of a directory is a matter of its version: 4.x follows tokenizer.json where 5.x rebuilds.
_OLD = int(version("transformers").split(".")[0]) < 5
rebuilds = pytest.mark.skipif(_OLD, reason="transformers 4.x rebuilds no pipeline")


def _configure(directory: Path, **values: object) -> None:
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", REAL)
def test_each_real_directory_resolves_to_its_file(name, shared_tokenizers):
    resolved = resolve_tokenizer(shared_tokenizers / name)
    assert resolved.json == (shared_tokenizers / name / "tokenizer.json").read_bytes()
    assert (resolved.directory, resolved.origin) == (shared_tokenizers / name, "file")


@rebuilds
def test_the_two_pipelines_of_phi_3_are_noted(shared_tokenizers):
    """Prepend in the file, Metaspace in transformers: ordinary text is alike, a leading space is not."""
    assert "tokenizer.json is followed" in resolve_tokenizer(shared_tokenizers / "phi-3-mini").note


@pytest.mark.parametrize(
    ("name", "model_type"), [("t5-small", "mt5"), ("roberta-base", "bart"), ("gpt-neox-20b", "modernbert")]
)
def test_a_tokenizer_beside_another_model(name, model_type, shared_tokenizers, tmp_path):
    shutil.copytree(shared_tokenizers / name, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": model_type}))
    assert resolve_tokenizer(tmp_path / "model").origin == "file"


def test_a_file_is_taken_as_it_is(directory):
    resolved = resolve_tokenizer(str(directory / "tokenizer.json"))
    assert resolved.json == (directory / "tokenizer.json").read_bytes()
    assert (resolved.directory, resolved.origin, resolved.note) == (None, "file", "")


def test_live_objects(tokenizer, directory):
    from transformers import AutoTokenizer

    live = resolve_tokenizer(tokenizer)
    assert (live.json, live.origin) == (tokenizer.to_str().encode(), "live")
    fast = AutoTokenizer.from_pretrained(directory)
    assert json.loads(resolve_tokenizer(fast).json) == json.loads(fast.backend_tokenizer.to_str())


class _Upper:
    def normalize(self, text):
        text.uppercase()


def test_live_objects_that_have_no_pipeline(tokenizer):
    slow = SimpleNamespace(convert_ids_to_tokens=None, backend_tokenizer=None)
    with pytest.raises(TokenizerError, match="save_pretrained"):
        resolve_tokenizer(slow)
    with pytest.raises(TokenizerError, match="int is no tokenizer"):
        resolve_tokenizer(3)
    tokenizer.normalizer = normalizers.Normalizer.custom(_Upper())
    with pytest.raises(TokenizerError, match="cannot be serialised"):
        resolve_tokenizer(tokenizer)


def test_live_settings_that_no_file_can_say(tokenizer, directory):
    """They change ids and are not in `to_str`: the counts would be another tokenizer's."""
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(directory, split_special_tokens=True)
    with pytest.raises(TokenizerError, match="take special tokens in a text apart"):
        resolve_tokenizer(fast)
    tokenizer.encode_special_tokens = True
    with pytest.raises(TokenizerError, match="take special tokens in a text apart"):
        resolve_tokenizer(tokenizer)
    sampled = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    assert resolve_tokenizer(sampled).origin == "live"
    sampled.model.alpha = 0.5
    with pytest.raises(TokenizerError, match="draws lots"):
        resolve_tokenizer(sampled)


@pytest.mark.parametrize("choice", [None, "transformers"])
def test_special_tokens_taken_apart_by_transformers_only(directory, choice):
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"split_special_tokens": True}))
    with pytest.raises(TokenizerMismatchError, match="split_special_tokens"):
        resolve_tokenizer(directory, choice)
    assert resolve_tokenizer(directory, "file").origin == "file"


@pytest.mark.parametrize("model", [models.BPE({"a": 0, "b": 0, "c": 1}, []), models.WordLevel({"a": 7, "b": 7})])
def test_live_objects_of_which_serialising_would_lose_a_token(model):
    """Of two tokens with one id `to_str` writes one or the other: text with the lost one was counted wrongly."""
    with pytest.raises(TokenizerError, match="'a' and 'b' share the id"):
        resolve_tokenizer(Tokenizer(model))


def test_choices_that_make_no_sense(tokenizer, directory):
    for source, choice in ((tokenizer, "file"), (directory / "tokenizer.json", "transformers"), (directory, "hub")):
        with pytest.raises(UsageError):
            resolve_tokenizer(source, choice)


@pytest.mark.parametrize("content", [b"", b'{"model": {"vocab": {', b"[]", b'{"added_tokens": []}', b"\xff\xfe"])
def test_a_broken_file_is_named(content, directory):
    (directory / "tokenizer.json").write_bytes(content)
    for source in (directory, directory / "tokenizer.json"):
        with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
            resolve_tokenizer(source)


def test_a_file_that_the_library_cannot_read_is_named(directory):
    (directory / "tokenizer.json").write_text(json.dumps({"model": {"type": "New", "vocab": {}}}))
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        resolve_tokenizer(directory)


def test_absent_files(tmp_path):
    with pytest.raises(TokenizerError, match="nowhere"):
        resolve_tokenizer(tmp_path / "nowhere")
    with pytest.raises(TokenizerError, match=r"has no tokenizer\.json"):
        resolve_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\n")
    with pytest.raises(TokenizerError, match=r"only slow tokenizer files \(vocab\.txt\)(.|\n)*save_pretrained"):
        resolve_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "special_tokens_map.json"])
def test_a_broken_file_beside_it_is_named(name, directory):
    (directory / name).write_text("{")
    with pytest.raises(TokenizerError, match=name):
        resolve_tokenizer(directory)


@rebuilds
def test_pipelines_that_differ_are_spelt_out(directory):
    """A Qwen2 class rebuilds the pipeline: digits one by one."""
    _configure(directory, tokenizer_class="Qwen2Tokenizer")
    with pytest.raises(TokenizerMismatchError) as caught:
        resolve_tokenizer(directory)
    text = str(caught.value)
    assert "Qwen2Tokenizer" in text
    assert "pre_tokenizer" in text
    assert "2024" in text
    assert "--tokenizer-from" in text
    chosen = {choice: resolve_tokenizer(directory, choice) for choice in ("file", "transformers")}
    ids = {choice: Tokenizer.from_buffer(resolved.json).encode("2024").tokens for choice, resolved in chosen.items()}
    assert ids == {"file": ["2024"], "transformers": ["2", "0", "2", "4"]}
    assert [resolved.origin for resolved in chosen.values()] == ["file", "transformers"]


def test_a_difference_in_the_post_processor_alone_is_found(directory, tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    rebuilt = tokenizer.to_str()
    plain = Tokenizer.from_file(str(directory / "tokenizer.json"))
    assert plain.encode("a", add_special_tokens=False).ids == tokenizer.encode("a", add_special_tokens=False).ids

    from transformers import PreTrainedTokenizerFast

    other = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(rebuilt), eos_token="<|end|>")
    from prunus.tokenizer.compare import Comparison, compare_with_file

    comparison = Comparison.from_dict(compare_with_file(str(directory), other))
    assert [name for name, _, _ in comparison.sections] == ["post_processor"]
    assert comparison.differs


def test_another_token_of_transformers_is_found(directory):
    _configure(directory, pad_token="[PAD]")
    with pytest.raises(TokenizerMismatchError, match=r"'\[PAD\]': file None"):
        resolve_tokenizer(directory)


def test_code_in_the_directory_is_not_run(directory):
    code = "raise SystemExit('this code was run')\n"
    (directory / "own.py").write_text(code)
    _configure(directory, auto_map={"AutoTokenizer": ["own.OwnTokenizer", "own.OwnTokenizer"]}, tokenizer_class="Own")
    with pytest.raises(TokenizerMismatchError, match="Python code"):
        resolve_tokenizer(directory)
    assert resolve_tokenizer(directory, "file").origin == "file"


def test_a_directory_that_transformers_does_not_load_is_noted(directory, monkeypatch):
    def load(_: str) -> None:
        raise OSError("no such class")

    monkeypatch.setattr(auto_worker, "load", load)
    resolved = resolve_tokenizer(directory)
    assert resolved.origin == "file"
    assert "not compared" in resolved.note
    assert "no such class" in resolved.note
    with pytest.raises(TokenizerError, match="does not load"):
        resolve_tokenizer(directory, "transformers")


def test_without_transformers_the_file_is_taken(directory, monkeypatch):
    monkeypatch.setattr(auto, "transformers_installed", lambda: False)
    assert "not installed" in resolve_tokenizer(directory).note
    with pytest.raises(TokenizerError, match="not installed"):
        resolve_tokenizer(directory, "transformers")


def test_a_child_process_answers_the_same(directory, monkeypatch):
    question = AutoQuestion(str(directory), ("In 2024", ""), pipeline=True, compare=True, describe=True)
    here = AutoInquiry(question).answers()
    before = dict(os.environ)
    monkeypatch.setattr(auto, "LOADED", "not.imported.here")
    assert AutoInquiry(question).answers() == here
    assert dict(os.environ) == before


def test_a_child_process_that_dies_is_an_error(directory, monkeypatch, tmp_path):
    (tmp_path / "dies.py").write_text("import sys; sys.exit('it died')")
    monkeypatch.setattr(auto, "LOADED", "not.imported.here")
    monkeypatch.setattr(auto_worker, "__file__", str(tmp_path / "dies.py"))
    with pytest.raises(TokenizerError, match="it died"):
        resolve_tokenizer(directory)


def test_verbosity_is_as_before(directory):
    import transformers

    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_info()
    try:
        resolve_tokenizer(directory)
        assert transformers.logging.get_verbosity() == transformers.logging.INFO
    finally:
        transformers.logging.set_verbosity(before)
