"""`pack` and `unpack`: a delta gives every file of the pruned model again, byte for byte, or says why not."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from safetensors.numpy import load_file, save_file

import prunus
from prunus.cli import main
from prunus.errors import CheckpointError, UnsupportedFileError, UsageError, VerificationError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(shared_tiny_bert: Path) -> Path:
    base = shared_tiny_bert / "model"
    keep = prunus.select(tokenizer=base / "tokenizer.json", keep_ids=range(0, 35, 2))
    prunus.prune(base, keep, shared_tiny_bert / "small", forward=False, tokenizer_from="file", pad_to_multiple_of=4)
    return shared_tiny_bert


@pytest.fixture
def pair(made: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "model", tmp_path / "small", tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_delta_holds_no_tensor_and_gives_the_model_again(pair) -> None:
    base, small, folder = pair
    assert main(["pack", str(small), "--base", str(base), "-o", str(folder / "delta"), "-q"]) == 0
    assert not list((folder / "delta").rglob("*.safetensors"))
    report = prunus.unpack(folder / "delta", base=base, out=folder / "again")
    assert content(folder / "again") == content(small)
    assert report.own == 0


def test_what_was_tuned_is_stored(pair) -> None:
    base, small, folder = pair
    path = small / "model.safetensors"
    found = load_file(path)
    name = min(found)
    found[name] = found[name] + 1
    save_file(found, path, {"format": "pt"})
    report = prunus.pack(small, base=base, out=folder / "delta")
    assert report.own == 1
    assert list(load_file(folder / "delta" / "prunus" / "delta.safetensors")) == [name]
    prunus.unpack(folder / "delta", base=base, out=folder / "again")
    assert content(folder / "again") == content(small)


def test_another_base_and_a_damaged_delta_are_refused(pair) -> None:
    base, small, folder = pair
    prunus.pack(small, base=base, out=folder / "delta")
    other = folder / "other"
    shutil.copytree(base, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointError, match="another file"):
        prunus.unpack(folder / "delta", base=other, out=folder / "again")
    (folder / "delta" / "config.json").write_text("{}")
    with pytest.raises(VerificationError, match=r"config\.json"):
        prunus.unpack(folder / "delta", base=base, out=folder / "again")
    (folder / "delta" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        prunus.unpack(folder / "delta", base=base, out=folder / "again")
    (folder / "delta" / "config.json").symlink_to("/etc/hostname")
    with pytest.raises(UnsupportedFileError, match="no regular file"):
        prunus.unpack(folder / "delta", base=base, out=folder / "again")
    with pytest.raises(UsageError, match="no delta"):
        prunus.unpack(small, base=base, out=folder / "again")
    with pytest.raises(UsageError, match="no record"):
        prunus.pack(base, base=small, out=folder / "again")
    assert not (folder / "again").exists()


def test_a_record_that_lies_is_an_error(pair) -> None:
    base, small, folder = pair
    prunus.pack(small, base=base, out=folder / "delta")
    path = folder / "delta" / "prunus" / "delta.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"axes": dict.fromkeys(record["axes"], -1)}))
    with pytest.raises(VerificationError, match=r"model\.safetensors"):
        prunus.unpack(folder / "delta", base=base, out=folder / "again")
    for broken in ({"axes": 3}, {"axes": dict.fromkeys(record["axes"], "x")}, {"files": {"../up": "0"}}):
        path.write_text(json.dumps(record | broken))
        with pytest.raises(CheckpointError):
            prunus.unpack(folder / "delta", base=base, out=folder / "again")
