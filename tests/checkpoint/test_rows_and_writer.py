"""Gathering and writing, against torch's `index_select` and the safetensors library as oracles."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunus.checkpoint import rows as rows_module
from prunus.checkpoint.header import DTYPE_BITS, TensorInfo, header_bytes
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.rows import Gather, gather_blocks, read_blocks
from prunus.checkpoint.writer import write_checkpoint, written_bytes
from prunus.errors import CheckpointError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch")

TORCH_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}


def random_tensor(dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Random bytes seen as `dtype`: NaNs, subnormals and all."""
    kind = getattr(torch, TORCH_DTYPES[dtype])
    size = torch.empty(0, dtype=kind).element_size()
    count = int(np.prod(shape, dtype=np.int64)) * size
    data = torch.randint(0, 2 if dtype == "BOOL" else 256, (count,), dtype=torch.uint8)
    return data.view(kind).reshape(shape)


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def selected(tensor: torch.Tensor, axis: int, ids: list[int], rows: int) -> torch.Tensor:
    """The oracle: `index_select` on the bytes of each element, then zeros."""
    elements = tensor.contiguous().reshape(-1).view(torch.uint8).reshape(*tensor.shape, tensor.element_size())
    kept = elements.index_select(axis, torch.tensor(ids, dtype=torch.int64))
    shape = list(kept.shape)
    shape[axis] = rows - len(ids)
    return torch.cat([kept, torch.zeros(shape, dtype=torch.uint8)], dim=axis)


def test_every_byte_aligned_dtype_of_the_format_is_tried() -> None:
    assert set(TORCH_DTYPES) == {dtype for dtype, bits in DTYPE_BITS.items() if bits % 8 == 0}


@pytest.mark.parametrize("dtype", TORCH_DTYPES)
@pytest.mark.parametrize("shards", [1, 3])
def test_written_checkpoint_equals_index_select(
    save: Callable[..., Path], load: Callable[[Path], dict], tmp_path: Path, dtype: str, shards: int
) -> None:
    torch.manual_seed(0)
    tensors = {
        "emb.weight": random_tensor(dtype, (97, 5)),
        "layer.0.weight": random_tensor(dtype, (5, 7)),
        "dense.weight": random_tensor(dtype, (3, 97)),
        "head.bias": random_tensor(dtype, (97,)),
        "final_logits_bias": random_tensor(dtype, (1, 97)),
        "middle": random_tensor(dtype, (2, 97, 3)),
        "number": random_tensor(dtype, ()),
        "empty": random_tensor(dtype, (0, 4)),
    }
    axes = {"emb.weight": 0, "dense.weight": 1, "head.bias": 0, "final_logits_bias": 1, "middle": 1}
    ids, rows = [0, 1, 2, 40, 41, 96], 16
    source = save(tmp_path / "model", tensors, shards)
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    out = tmp_path / "out"
    out.mkdir()
    seen: list[int] = []
    checkpoint = Checkpoint.open(source)
    gathers = {name: Gather(axis, np.array(ids, dtype=np.uint32), rows) for name, axis in axes.items()}
    write_checkpoint(checkpoint, gathers, out, seen.append)

    written = load(out)
    assert set(written) == set(tensors)
    for name, tensor in tensors.items():
        assert written[name].dtype == tensor.dtype
        if name in axes:
            want = selected(tensor, axes[name], ids, rows)
            assert written[name].shape == want.shape[:-1]
            assert raw(written[name]) == raw(want)
        else:
            assert raw(written[name]) == raw(tensor)
    assert {path.name for path in out.iterdir()} == set(before)
    assert before == {path.name: path.read_bytes() for path in source.iterdir()}
    assert sum(seen) == sum(t.numel() * t.element_size() for t in written.values())
    assert written_bytes(checkpoint, gathers) == sum(p.stat().st_size for p in out.glob("*.safetensors"))


@pytest.mark.parametrize("shards", [1, 2])
def test_keeping_everything_gives_the_same_files(save: Callable[..., Path], tmp_path: Path, shards: int) -> None:
    """Prune with everything kept: the very bytes of the safetensors library and of transformers' index."""
    tensors = {"emb.weight": torch.randn(11, 4), "norm": torch.randn(4).bfloat16(), "ïd": torch.arange(3)}
    source = save(tmp_path / "model", tensors, shards, {"format": "pt", "note": 'x"ü\n'})
    out = tmp_path / "out"
    out.mkdir()
    write_checkpoint(Checkpoint.open(source), {"emb.weight": Gather(0, np.arange(11), 11)}, out)
    one, other = (
        {path.name: path.read_bytes() if path.suffix == ".json" else contents(path) for path in folder.iterdir()}
        for folder in (source, out)
    )
    assert one == other


def contents(path: Path) -> tuple[object, object, bytes]:
    """Order of tensors, metadata and payload of a safetensors file; the order of keys in `__metadata__` is free."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", None)
    return list(header.items()), metadata, data[8 + length :]


def test_index_totals_follow_and_the_rest_of_the_index_stays(save: Callable[..., Path], tmp_path: Path) -> None:
    tensors = {"emb.weight": torch.randn(50, 4), "norm": torch.randn(4), "head.weight": torch.randn(50, 4)}
    source = save(tmp_path / "model", tensors, 2)
    out = tmp_path / "out"
    out.mkdir()
    gather = Gather(0, np.arange(10), 10)
    write_checkpoint(Checkpoint.open(source), {"emb.weight": gather, "head.weight": gather}, out)
    name = "model.safetensors.index.json"
    old, new = (json.loads((folder / name).read_text()) for folder in (source, out))
    assert new["weight_map"] == old["weight_map"]
    assert new["metadata"] == {"total_parameters": 84, "total_size": 4 * 84}
    expected = json.dumps({**old, "metadata": new["metadata"]}, indent=2, sort_keys=True) + "\n"
    assert (out / name).read_text() == expected


def test_total_parameters_of_a_model_whose_gathered_bias_is_a_buffer(save: Callable[..., Path], tmp_path: Path) -> None:
    """BART's `final_logits_bias` is a buffer: `num_parameters()`, which the index states, does not count it."""
    tensors = {"shared.weight": torch.randn(50, 4), "final_logits_bias": torch.randn(1, 50)}
    source = save(tmp_path / "model", tensors, 2)
    index = source / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"total_parameters": 250', '"total_parameters": 200'))
    out = tmp_path / "out"
    out.mkdir()
    ids = np.arange(10)
    gathers = {"shared.weight": Gather(0, ids, 10), "final_logits_bias": Gather(1, ids, 10)}
    write_checkpoint(Checkpoint.open(source), gathers, out)
    assert json.loads((out / index.name).read_text())["metadata"] == {"total_parameters": 40, "total_size": 200}


@pytest.mark.parametrize("padding", [0, 8, 24, 56])
def test_data_begins_at_the_alignment_of_the_source(tmp_path: Path, padding: int) -> None:
    """Files are mapped into memory, and a kernel may round otherwise on weights that are aligned otherwise."""
    payload = bytes(range(40))
    plain = header_bytes([("table", "U8", (10, 4), 40)], None)
    text = plain[8:] + b" " * padding
    source, out = tmp_path / "model", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    (source / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + payload)
    write_checkpoint(Checkpoint.open(source), {"table": Gather(0, np.array([1]), 1)}, out)
    start = Checkpoint.open(out).tensors["table"].start
    assert start % 64 == (8 + len(text)) % 64
    assert (out / "model.safetensors").read_bytes()[start:] == payload[4:8]


def test_a_file_that_would_lose_alignment_is_reordered(load: Callable[[Path], dict], tmp_path: Path) -> None:
    """A file not written by the library, with bytes first: torch views the file in place, so offsets must divide."""
    table = torch.randint(0, 256, (8, 3), dtype=torch.uint8)
    wide = torch.randn(4, 2, dtype=torch.float64)
    source = tmp_path / "model"
    source.mkdir()
    described = [("table", "U8", (8, 3), 24), ("wide", "F64", (4, 2), 64)]
    payload = raw(table) + raw(wide)
    (source / "model.safetensors").write_bytes(header_bytes(described, None) + payload)
    out = tmp_path / "out"
    out.mkdir()
    write_checkpoint(Checkpoint.open(source), {"table": Gather(0, np.array([1, 6, 7]), 3)}, out)
    written = load(out)
    assert torch.equal(written["wide"], wide)
    assert torch.equal(written["table"], table[[1, 6, 7]])


@given(data=st.data())
def test_gather_equals_numpy_for_any_shape_ids_and_block(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    axis = data.draw(st.integers(0, len(shape) - 1))
    elements = st.integers(0, shape[axis] - 1) if shape[axis] else st.nothing()
    ids = data.draw(st.lists(elements, max_size=12) if shape[axis] else st.just([]))
    rows = len(ids) + data.draw(st.integers(0, 4))
    size = data.draw(st.sampled_from([1, 2, 3, 4, 8]))
    block = data.draw(st.integers(1, 70))
    dtype = {1: "U8", 2: "BF16", 4: "F32", 8: "F64", 3: "U8"}[size]
    if size == 3:
        shape = (*shape, 3)
    width = DTYPE_BITS[dtype] // 8
    source = np.random.default_rng(0).integers(0, 256, (*shape, width), dtype=np.uint8)
    taken = np.take(source, np.array(ids, dtype=np.int64), axis=axis)
    padding = np.zeros((*shape[:axis], rows - len(ids), *shape[axis + 1 :], width), dtype=np.uint8)
    want = np.concatenate([taken, padding], axis=axis).tobytes()
    short, dense = data.draw(st.sampled_from([(512, 4), (0, 0)]))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "_SHORT_ROW", short)
        patch.setattr(rows_module, "_DENSE", dense)
        path = Path(folder) / "model.safetensors"
        path.write_bytes(header_bytes([("t", dtype, shape, source.size)], None) + source.tobytes())
        checkpoint = Checkpoint.open(folder)
        gather = Gather(axis, np.array(ids, dtype=np.uint32), rows)
        blocks = [bytes(view) for view in gather_blocks(checkpoint, "t", gather, block=block)]
        assert b"".join(blocks) == want
        assert all(0 < len(piece) <= block for piece in blocks if want)
        assert b"".join(bytes(view) for view in read_blocks(checkpoint, "t", block=block)) == source.tobytes()


def test_large_table_through_real_blocks(
    save: Callable[..., Path], load: Callable[[Path], dict], tmp_path: Path
) -> None:
    """A table over several real blocks, with sparse and dense stretches of ids."""
    table = torch.randn(60_000, 200)
    ids = sorted({*range(9_000), *random.Random(1).sample(range(60_000), 5_000)})
    out = tmp_path / "out"
    out.mkdir()
    gather = Gather(0, np.array(ids, dtype=np.uint32), len(ids))
    write_checkpoint(Checkpoint.open(save(tmp_path / "m", {"t": table})), {"t": gather}, out)
    assert torch.equal(load(out)["t"], table[ids])


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3"])
def test_table_below_a_byte_is_refused_by_name_but_copied_when_untouched(tmp_path: Path, dtype: str) -> None:
    bits = DTYPE_BITS[dtype] * 16
    source, out = tmp_path / "model", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    data = header_bytes([("emb.weight", dtype, (4, 4), bits // 8)], None) + bytes(range(bits // 8))
    (source / "model.safetensors").write_bytes(data)
    checkpoint = Checkpoint.open(source)
    with pytest.raises(CheckpointError, match=f"emb.weight.*{dtype}"):
        write_checkpoint(checkpoint, {"emb.weight": Gather(0, np.array([0]), 1)}, out)
    assert not list(out.iterdir())
    write_checkpoint(checkpoint, {}, out)
    assert (out / "model.safetensors").read_bytes() == data


@pytest.mark.parametrize(
    ("gather", "error", "match"),
    [
        ({"emb": Gather(0, np.array([0, 7]), 2)}, CheckpointError, "no row 7 on axis 0"),
        ({"emb": Gather(0, np.array([-1, 3]), 2)}, CheckpointError, "no row -1"),
        ({"emb": Gather(2, np.array([0]), 2)}, CheckpointError, "no axis 2"),
        ({"other": Gather(0, np.array([0]), 2)}, UsageError, "no tensor 'other'"),
    ],
)
def test_gathers_that_do_not_fit(
    save: Callable[..., Path], tmp_path: Path, gather: dict[str, Gather], error: type[Exception], match: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    checkpoint = Checkpoint.open(save(tmp_path / "m", {"emb": torch.zeros(7, 2)}))
    with pytest.raises(error, match=match):
        write_checkpoint(checkpoint, gather, out)
    assert not list(out.iterdir())


@pytest.mark.parametrize("values", [([0, 1, 2], 0, 2), ([0], -1, 1), ([0.5], 0, 1)])
def test_gathers_that_make_no_sense(values: tuple[list[float], int, int]) -> None:
    ids, axis, rows = values
    with pytest.raises(UsageError):
        Gather(axis, np.array(ids), rows)


def test_source_that_changes_after_opening(save: Callable[..., Path], tmp_path: Path) -> None:
    source, out = save(tmp_path / "m", {"emb": torch.zeros(7, 2)}), tmp_path / "out"
    out.mkdir()
    checkpoint = Checkpoint.open(source)
    with (source / "model.safetensors").open("r+b") as file:
        file.truncate(90)
    with pytest.raises(CheckpointError, match="changed while in use"):
        write_checkpoint(checkpoint, {}, out)


def test_existing_file_is_never_overwritten(save: Callable[..., Path], tmp_path: Path) -> None:
    source, out = save(tmp_path / "m", {"emb": torch.zeros(7, 2)}), tmp_path / "out"
    out.mkdir()
    (out / "model.safetensors").write_text("mine")
    with pytest.raises(OutputError, match=r"model\.safetensors: cannot be written"):
        write_checkpoint(Checkpoint.open(source), {}, out)
    assert (out / "model.safetensors").read_text() == "mine"


def test_too_little_space_is_said_before_anything_is_written(
    save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    source, out = save(tmp_path / "m", {"emb": torch.zeros(700, 20)}), tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    checkpoint = Checkpoint.open(source)
    with pytest.raises(OutputError) as caught:
        write_checkpoint(checkpoint, {}, out)
    assert caught.value.details["bytes"] == (source / "model.safetensors").stat().st_size
    assert "1,000 are free" in str(caught.value)
    assert not list(out.iterdir())


def test_copying_without_help_of_the_kernel(
    save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other platforms and pairs of file systems have no `copy_file_range`."""
    import errno
    import os

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    source, out = save(tmp_path / "m", {"emb": torch.randn(700, 2000)}), tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    write_checkpoint(Checkpoint.open(source), {}, out)
    digests = {hashlib.sha256((folder / "model.safetensors").read_bytes()).digest() for folder in (source, out)}
    assert len(digests) == 1


def test_tensor_info_length() -> None:
    assert TensorInfo("t", "F32", (2,), "f", 10, 18).nbytes == 8
