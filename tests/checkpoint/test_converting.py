"""`pytorch_model.bin` becomes safetensors, without running what a pickle may hold (traps.md section 3, item 10)."""

from __future__ import annotations

import json
import pickle

import pytest

from prunus.converting import convert
from prunus.errors import CheckpointError, OutputError

torch = pytest.importorskip("torch")


def write(folder, *tables):
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    (folder / "tokenizer.json").write_text("{}")
    if len(tables) == 1:
        torch.save(tables[0], folder / "pytorch_model.bin")
        return folder
    weight_map = {}
    for number, table in enumerate(tables, 1):
        name = f"pytorch_model-{number:05}-of-{len(tables):05}.bin"
        torch.save(table, folder / name)
        weight_map |= dict.fromkeys(table, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


def read(folder):
    from safetensors.torch import load_file

    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def test_every_tensor_tied_ones_under_both_names(tmp_path):
    table = torch.randn(7, 4).to(torch.bfloat16)
    tensors = {"wte.weight": table, "lm_head.weight": table, "view": torch.arange(12).view(3, 4).t()}
    source = write(tmp_path / "model", tensors)
    assert convert(source, tmp_path / "out") == ("model.safetensors",)
    found = read(tmp_path / "out")
    assert found.keys() == tensors.keys()
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    with pytest.raises(OutputError):
        convert(source, tmp_path / "out")


def test_shards_and_their_index(tmp_path):
    from prunus.checkpoint.index import Checkpoint

    source = write(tmp_path / "model", {"a": torch.ones(3, 2)}, {"b": torch.zeros(2)})
    files = convert(source, tmp_path / "out")
    assert files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert Checkpoint.open(tmp_path / "out").tensors.keys() == {"a", "b"}


class Evil:
    def __reduce__(self):
        return print, ("code from the pickle ran",)


def test_a_pickle_with_code_is_not_run(tmp_path, capsys):
    source = write(tmp_path / "model", {"a": torch.ones(1)})
    (source / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(CheckpointError, match="cannot be read as weights alone"):
        convert(source, tmp_path / "out")
    assert "ran" not in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("held", [[1, 2], {}, {"a": 1}])
def test_what_is_no_table_of_tensors_is_refused(tmp_path, held):
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        convert(write(tmp_path / "model", held), tmp_path / "out")


def test_a_directory_without_a_pickle(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(CheckpointError, match=r"holds no pytorch_model\.bin"):
        convert(tmp_path / "model", tmp_path / "out")
