"""Every file of a directory is rewritten, carried over, left out, or refused by name."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from prunus.checkpoint.inventory import TOKENIZER_FILES, carry_over, inventory
from prunus.errors import CheckpointError, ConfigError, OutputError, UnsupportedFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"content of {name}".encode())
    return folder


def test_tokenizer_files_are_those_that_the_tokenizer_side_rewrites(tmp_path: Path) -> None:
    from prunus.tokenizer.sidecars import sidecars_in

    put(tmp_path, *TOKENIZER_FILES, "README.md", "tekken.json", "config.json", "chat_template.jinja")
    assert set(sidecars_in(tmp_path)) == TOKENIZER_FILES


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory as sentence-transformers and `save_pretrained` leave it."""
    names = """
        model.safetensors config.json generation_config.json tokenizer.json vocab.txt special_tokens_map.json
        tokenizer_config.json README.md LICENSE .gitattributes 1_Pooling/config.json 2_Dense/model.safetensors
        2_Dense/config.json config_sentence_transformers.json chat_template.jinja sentence_bert_config.json
        modeling_toy.py training_args.bin assets/picture.png .git/HEAD .git/objects/ab/cdef prunus/keep.parquet
    """
    folder = put(tmp_path / "model", *names.split())
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def actions(folder: Path, *drop: str) -> dict[str, str]:
    return {action.name: action.action for action in inventory(folder, drop)}


def test_every_file_has_one_action(model: Path) -> None:
    found = actions(model)
    assert found == {
        "model.safetensors": "weights",
        **dict.fromkeys(("config.json", "generation_config.json", "sentence_bert_config.json"), "config"),
        **dict.fromkeys(
            ("tokenizer.json", "vocab.txt", "special_tokens_map.json", "tokenizer_config.json"), "tokenizer"
        ),
        **dict.fromkeys(("README.md", "LICENSE", ".gitattributes", "1_Pooling/config.json", "modules.json"), "copy"),
        **dict.fromkeys(("2_Dense/model.safetensors", "2_Dense/config.json", "chat_template.jinja"), "copy"),
        **dict.fromkeys(("config_sentence_transformers.json", "modeling_toy.py", "assets/picture.png"), "copy"),
        "training_args.bin": "copy",
        ".git": "drop",
        "prunus": "drop",
    }
    files = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith((".git/", "prunus/"))} == set(found) - {".git", "prunus"}


UNSUPPORTED = """
    pytorch_model.bin pytorch_model-00001-of-00002.bin pytorch_model.bin.index.json model.pt consolidated.00.pth
    last.ckpt tf_model.h5 flax_model.msgpack model.onnx onnx/model.onnx onnx/model.onnx_data model-Q4.gguf
    MODEL.ONNX rust_model.ot model.tflite openvino/openvino_model.xml openvino/openvino_model.bin
    model.fp16.safetensors adapter_model.safetensors adapter_config.json tekken.json qwen.tiktoken
    tokenizer.model.v3 optimizer.pt scheduler.pt rng_state.pth rng_state_0.pth checkpoint-5/model.safetensors
    source.spm bpe.codes dict.txt vocab-src.json model.safetensors.index.fp16.json
    0_StaticEmbedding/model.safetensors sub/tokenizer.json
"""


@pytest.mark.parametrize("name", UNSUPPORTED.split())
def test_unsupported_file_is_named_and_can_be_dropped(model: Path, name: str) -> None:
    put(model, name)
    with pytest.raises(UnsupportedFileError) as caught:
        inventory(model)
    assert name in str(caught.value)
    assert f"--drop-file {name}" in caught.value.hint
    assert caught.value.details["files"] == [name]
    assert actions(model, name)[name] == "drop"


def test_all_unsupported_files_are_named_at_once(model: Path) -> None:
    put(model, "onnx/model.onnx", "pytorch_model.bin", "tf_model.h5")
    with pytest.raises(UnsupportedFileError) as caught:
        inventory(model, ["tf_model.h5"])
    assert caught.value.details["files"] == ["onnx/model.onnx", "pytorch_model.bin"]


def test_a_directory_can_be_dropped_whole(model: Path) -> None:
    put(model, "onnx/model.onnx", "onnx/sub/model.onnx_data", "onnx/config.json")
    found = actions(model, "onnx/")
    assert found["onnx"] == "drop"
    assert not any(name.startswith("onnx/") for name in found)


def test_name_to_drop_that_does_not_exist_or_is_needed(model: Path) -> None:
    with pytest.raises(UsageError, match=r"--drop-file model\.onnx: there is no such file"):
        inventory(model, ["model.onnx"])
    for name in ("config.json", "tokenizer.json"):
        with pytest.raises(UsageError, match="the model needs it"):
            inventory(model, [name])


def test_shards_belong_to_the_checkpoint_and_strangers_do_not(model: Path) -> None:
    (model / "model.safetensors").unlink()
    put(model, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    weight_map = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    found = actions(model)
    assert {name for name, action in found.items() if action == "weights"} == {
        *weight_map.values(), "model.safetensors.index.json"
    }  # fmt: skip
    put(model, "model-00003-of-00003.safetensors")
    with pytest.raises(UnsupportedFileError, match=r"model-00003-of-00003\.safetensors"):
        inventory(model)
    put(model, "model.safetensors")
    with pytest.raises(UnsupportedFileError, match=r"model\.safetensors"):
        inventory(model, ["model-00003-of-00003.safetensors"])


def test_links_to_files_are_copied_as_files(model: Path, tmp_path: Path) -> None:
    put(tmp_path, "blobs/abc")
    (model / "NOTICE").symlink_to(tmp_path / "blobs" / "abc")
    out = tmp_path / "out"
    out.mkdir()
    carry_over(model, out, inventory(model))
    assert not (out / "NOTICE").is_symlink()
    assert (out / "NOTICE").read_bytes() == b"content of blobs/abc"


@pytest.mark.parametrize("kind", ["outside", "cycle", "itself", "dangling", "pipe"])
def test_what_is_no_file_is_refused(model: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    strange = model / "strange"
    if kind == "pipe":
        os.mkfifo(strange)
    else:
        targets = {"outside": tmp_path / "elsewhere", "cycle": model, "itself": strange, "dangling": tmp_path / "gone"}
        strange.symlink_to(targets[kind])
    with pytest.raises(UnsupportedFileError, match="strange"):
        inventory(model)
    assert actions(model, "strange")["strange"] == "drop"


def test_carried_over_are_exactly_the_copies_with_their_bytes(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = inventory(model)
    total = carry_over(model, out, files)
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    expected = {action.name: (model / action.name).read_bytes() for action in files if action.action == "copy"}
    assert written == expected
    assert total == sum(map(len, expected.values()))
    with pytest.raises(OutputError, match="cannot be written"):
        carry_over(model, out, files)


def test_file_that_vanishes_is_an_error(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = inventory(model)
    (model / "README.md").unlink()
    with pytest.raises(CheckpointError, match=r"README\.md: cannot be read"):
        carry_over(model, out, files)


@pytest.mark.parametrize("text", ["{", "3", "{}x", '[{"path": ""}]', '["a"]'])
def test_broken_module_list(model: Path, text: str) -> None:
    (model / "modules.json").write_text(text)
    with pytest.raises(ConfigError, match=r"modules\.json"):
        inventory(model)


def test_a_module_that_knows_the_vocabulary_is_refused(model: Path) -> None:
    put(model, "1_SpladePooling/config.json")
    kind = "sentence_transformers.sparse_encoder.models.SpladePooling"
    (model / "modules.json").write_text(json.dumps([{"idx": 1, "name": "1", "path": "1_SpladePooling", "type": kind}]))
    with pytest.raises(UnsupportedFileError, match=r"1_SpladePooling/config\.json \(a SpladePooling module"):
        inventory(model)
