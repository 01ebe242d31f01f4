"""`restore`: the base again, byte for byte, from an untouched prune; tuned rows in their places from a tuned one."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import prunus
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.scatter import Scatter
from prunus.cli import main
from prunus.errors import CheckpointError, OutputError, TokenizerMismatchError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

TABLE, BIAS, DENSE = (
    "bert.embeddings.word_embeddings.weight",
    "cls.predictions.bias",
    "bert.encoder.layer.0.output.dense.weight",
)


_DONE: dict[bytes, Path] = {}


def pruned(root: Path, ids=(6, 20, 33), pad: int = 1) -> Path:
    """`small/`, pruned from `model/`; the usual one is pruned once and copied."""
    key = (root / "model" / "model.safetensors").read_bytes() + bytes([pad, *ids])
    if key in _DONE:
        shutil.copytree(_DONE[key], root / "small")
    else:
        prunus.prune(root / "model", prunus.select(keep_ids=ids), root / "small", forward=False, pad_to_multiple_of=pad)
        _DONE[key] = root / "small"
    return root / "small"


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=4)
@given(ids=st.sets(st.integers(5, 34), min_size=1, max_size=12), pad=st.sampled_from([1, 16]))
def test_an_untouched_prune_gives_the_base_byte_for_byte(tiny_bert: Path, ids, pad: int) -> None:
    for name in ("small", "full"):
        shutil.rmtree(tiny_bert / name, ignore_errors=True)
    small = pruned(tiny_bert, sorted(ids), pad=pad)
    _DONE.clear()  # the next example removes it
    prunus.restore(small, base=tiny_bert / "model", out=tiny_bert / "full")
    assert content(tiny_bert / "full") == content(tiny_bert / "model")


def tuned(root: Path, change=None, name: str = "tuned") -> Path:
    """The pruned model after training that changed every number, as `save_pretrained` would write it."""
    small = pruned(root)
    shutil.copytree(small, root / name)
    tensors = {n: t + 1 for n, t in load_file(small / "model.safetensors").items()}
    save_file(change(tensors) if change else tensors, root / name / "model.safetensors", metadata={"format": "pt"})
    return root / name


def expected(root: Path, name: str, values: np.ndarray) -> np.ndarray:
    full = load_file(root / "model" / "model.safetensors")[name].astype(values.dtype)
    old_ids = prunus.KeptTokens.load(root / "small" / "prunus" / "keep.parquet").old_ids
    full[old_ids] = values[: len(old_ids)]
    return full


def test_tuned_rows_come_back_to_their_places(tiny_bert: Path) -> None:
    out = tiny_bert / "full"
    before = content(tiny_bert / "model")
    report = prunus.restore(tuned(tiny_bert), base=tiny_bert / "model", out=out)
    small = load_file(tiny_bert / "tuned" / "model.safetensors")
    full = load_file(out / "model.safetensors")
    for name in (TABLE, BIAS):
        assert np.array_equal(full[name], expected(tiny_bert, name, small[name]))
    assert np.array_equal(full[DENSE], small[DENSE])
    assert (report.layout, report.rows) == ("base", 35)
    assert content(tiny_bert / "model") == before
    assert (out / "tokenizer.json").read_bytes() == before["tokenizer.json"]


def test_another_prefix_a_new_head_and_shards_are_understood(tiny_bert: Path) -> None:
    def other_class(tensors):
        return {f"outer.{TABLE}": tensors[TABLE], "classifier.weight": np.ones((2, 8), np.float32)}

    folder = tuned(tiny_bert, other_class)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    weight_map = {}
    for number, (name, tensor) in enumerate(tensors.items(), 1):
        weight_map[name] = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensor}, folder / weight_map[name])
    total = sum(t.nbytes for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    report = prunus.restore(folder, base=tiny_bert / "model", out=tiny_bert / "full")
    written = {n: t for file in (tiny_bert / "full").glob("*.safetensors") for n, t in load_file(file).items()}
    assert np.array_equal(written[f"outer.{TABLE}"], expected(tiny_bert, TABLE, tensors[f"outer.{TABLE}"]))
    assert np.array_equal(written["classifier.weight"], tensors["classifier.weight"])
    assert report.layout == "tuned"
    new = json.loads((tiny_bert / "full" / "model.safetensors.index.json").read_text())
    assert new["metadata"]["total_size"] == sum(t.nbytes for t in written.values())


def test_a_wider_dtype_is_lossless_and_a_narrower_one_refused(tiny_bert: Path) -> None:
    folder = tuned(tiny_bert, lambda tensors: {n: t.astype(np.float64) for n, t in tensors.items()})
    prunus.restore(folder, base=tiny_bert / "model", out=tiny_bert / "full")
    small = load_file(folder / "model.safetensors")
    full = load_file(tiny_bert / "full" / "model.safetensors")
    assert np.array_equal(full[TABLE], expected(tiny_bert, TABLE, small[TABLE]))
    save_file({n: t.astype(np.float16) for n, t in small.items()}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="lose digits"):
        prunus.restore(folder, base=tiny_bert / "model", out=tiny_bert / "other")
    assert not (tiny_bert / "other").exists()


@pytest.mark.parametrize("dtype", ["BF16", "F16"])
def test_half_precision_widens_exactly(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    from prunus.checkpoint.scatter import widened

    kind = {"BF16": torch.bfloat16, "F16": torch.float16}[dtype]
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(kind)
    finite = every[torch.isfinite(every)]
    got = torch.from_numpy(widened(finite.view(torch.uint8).numpy(), dtype, "F32")).view(torch.float32)
    assert torch.equal(got.view(torch.int32), finite.float().view(torch.int32))


def test_a_config_that_training_changed_is_renumbered_back(tiny_bert: Path) -> None:
    folder = tuned(tiny_bert)
    config = json.loads((folder / "config.json").read_text())
    old_ids = prunus.KeptTokens.load(folder / "prunus" / "keep.parquet").old_ids
    config |= {"problem_type": "single_label_classification", "eos_token_id": int(len(old_ids) - 1)}
    (folder / "config.json").write_text(json.dumps(config))
    report = prunus.restore(folder, base=tiny_bert / "model", out=tiny_bert / "full")
    back = json.loads((tiny_bert / "full" / "config.json").read_text())
    assert back["vocab_size"] == 35
    assert back["eos_token_id"] == int(old_ids[-1])
    assert back["problem_type"] == "single_label_classification"
    assert {edit.path for edit in report.edits} == {"vocab_size", "eos_token_id"}


def test_the_record_may_lie_elsewhere(tiny_bert: Path) -> None:
    folder = tuned(tiny_bert)
    shutil.rmtree(folder / "prunus")
    with pytest.raises(UsageError, match="no record"):
        prunus.restore(folder, base=tiny_bert / "model", out=tiny_bert / "full")
    record = str(tiny_bert / "small" / "prunus")
    command = ["restore", str(folder), "--base", str(tiny_bert / "model"), "-o", str(tiny_bert / "full"), "-q"]
    assert main([*command, "--record", record]) == 0
    assert (tiny_bert / "full" / "model.safetensors").is_file()


def test_what_does_not_belong_together_is_refused(tiny_bert: Path) -> None:
    small, made = pruned(tiny_bert), tiny_bert / "made"
    made.mkdir()
    with pytest.raises(OutputError, match="exists"):
        prunus.restore(small, base=tiny_bert / "model", out=made)
    with pytest.raises(OutputError, match="inside"):
        prunus.restore(small, base=tiny_bert / "model", out=small / "full")
    other = tiny_bert / "other"
    shutil.copytree(tiny_bert / "model", other)
    text = (other / "tokenizer.json").read_text().replace('"mat"', '"hat"')
    (other / "tokenizer.json").write_text(text)
    with pytest.raises(TokenizerMismatchError):
        prunus.restore(small, base=other, out=tiny_bert / "full")
    tensors = load_file(small / "model.safetensors")
    save_file(tensors | {TABLE: tensors[TABLE][:-1], BIAS: tensors[BIAS][:-1]}, small / "model.safetensors")
    with pytest.raises(CheckpointError, match="rows"):
        prunus.restore(small, base=tiny_bert / "model", out=tiny_bert / "full")
    assert not (tiny_bert / "full").exists()


def test_a_head_that_the_base_stores_twice_comes_back_twice(tiny_bert: Path) -> None:
    model = tiny_bert / "model"
    tensors = load_file(model / "model.safetensors")
    tensors["cls.predictions.decoder.weight"] = tensors[TABLE]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    drop = "cls.predictions.decoder.weight"
    folder = tuned(tiny_bert, lambda t: {n: v for n, v in t.items() if n != drop})
    prunus.restore(folder, base=model, out=tiny_bert / "full")
    full = load_file(tiny_bert / "full" / "model.safetensors")
    assert np.array_equal(full[drop], full[TABLE])
    assert np.array_equal(full[TABLE], expected(tiny_bert, TABLE, load_file(folder / "model.safetensors")[TABLE]))


@pytest.mark.parametrize("axis", [0, 1])
def test_rows_are_scattered_alike_whatever_the_size_of_a_block(tmp_path: Path, axis: int) -> None:
    chance = np.random.default_rng(0)
    full = chance.normal(size=(50, 3)).astype(np.float32)
    old_ids = np.array([0, 7, 8, 20, 31, 49], dtype=np.uint32)
    small = chance.normal(size=(len(old_ids) + 2, 3)).astype(np.float32)  # two rows of padding
    want = full.copy()
    want[old_ids] = small[: len(old_ids)]
    for name, table in (("base", full), ("small", small)):
        (tmp_path / name).mkdir()
        save_file({"t": np.ascontiguousarray(np.moveaxis(table, 0, axis))}, tmp_path / name / "model.safetensors")
    base, pruned_one = (Checkpoint.open(tmp_path / name) for name in ("base", "small"))
    scatter = Scatter(base, "t", pruned_one, "t", axis, old_ids)
    for block in (1, 24, 100, 10_000):
        got = b"".join(bytes(part) for part in scatter.blocks(block=block))
        assert got == np.ascontiguousarray(np.moveaxis(want, 0, axis)).tobytes()
