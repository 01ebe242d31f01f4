"""Checkpoints of several files: the index belongs to what is compared."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.numpy import load_file, save_file

from prunus.verification import verify

INDEX = "model.safetensors.index.json"


def _shard(directory):
    """Two files of the tensors in order of their names, and the index."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, inside in files.items():
        save_file({name: tensors[name] for name in inside}, directory / file, metadata={"format": "pt"})
    total = {"total_size": sum(t.nbytes for t in tensors.values())}
    weight_map = {name: file for file, inside in files.items() for name in inside}
    (directory / INDEX).write_text(json.dumps({"metadata": total, "weight_map": weight_map}))


@pytest.fixture
def sharded(bert_pair, tmp_path):
    pair = [shutil.copytree(directory, tmp_path / directory.name) for directory in bert_pair]
    for directory in pair:
        _shard(directory)
    return pair


def _index(directory, change):
    index = json.loads((directory / INDEX).read_text())
    change(index)
    (directory / INDEX).write_text(json.dumps(index))


def test_a_sharded_pair_passes(sharded, corpus):
    report = verify(*sharded, corpus)
    assert report.passed, str(report)


def _failed(sharded):
    return {check.name for check in verify(*sharded, forward=False).failed}


def test_a_stale_total_is_found(sharded):
    _index(sharded[1], lambda i: i["metadata"].update(total_size=1))
    assert _failed(sharded) == {"tensors"}


def test_a_tensor_that_the_index_does_not_list_is_found(sharded):
    _index(sharded[1], lambda i: i["weight_map"].pop("cls.predictions.bias"))
    assert "tensors" in _failed(sharded)


def test_a_missing_shard_is_found(sharded):
    next(sharded[1].glob("model-00002*")).unlink()
    assert {"tensors", "files"} <= _failed(sharded)


def test_shards_made_one_are_found(sharded, bert_pair):
    for path in [*sharded[1].glob("model-*"), sharded[1] / INDEX]:
        path.unlink()
    shutil.copy(bert_pair[1] / "model.safetensors", sharded[1])
    assert {"tensors", "files"} <= _failed(sharded)
