"""Headers that lie, and checkpoints whose files do not fit together."""

from __future__ import annotations

import json
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunus.checkpoint.header import DTYPE_BITS, header_bytes, parse_header, read_header
from prunus.checkpoint.index import INDEX, Checkpoint
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

safetensors = pytest.importorskip("safetensors")
torch = pytest.importorskip("torch")

ENTRY = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def file_of(header: object, payload: int = 24, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(payload)


LIES = {
    "empty file": b"",
    "seven bytes": b"1234567",
    "length beyond the file": file_of({"t": ENTRY}, length=10_000),
    "length of 2^63": file_of({"t": ENTRY}, length=2**63),
    "length of 100 MB": file_of({"t": ENTRY}, length=100_000_000),
    "no JSON": file_of(b"hello world....."),
    "not UTF-8": file_of(b'{"\xff": 1}'),
    "an array": file_of([ENTRY]),
    "null": file_of(b"null"),
    "unclosed": file_of(b'{"t":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}'),
    "text after the object": file_of(json.dumps({"t": ENTRY}).encode() + b"x"),
    "trailing comma": file_of(json.dumps({"t": ENTRY}).encode()[:-1] + b",}"),
    "a name twice": file_of(b'{"t":%s,"t":%s}' % (json.dumps(ENTRY).encode(), json.dumps(ENTRY).encode())),
    "metadata twice": file_of(b'{"__metadata__":{},"__metadata__":{},"t":%s}' % json.dumps(ENTRY).encode()),
    "a field twice": file_of(b'{"t":{"dtype":"F32","dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'),
    "metadata of numbers": file_of({"__metadata__": {"a": 1}, "t": ENTRY}),
    "metadata nested": file_of({"__metadata__": {"a": {}}, "t": ENTRY}),
    "metadata null": file_of({"__metadata__": None, "t": ENTRY}),
    "lone surrogate": file_of(b'{"\\ud800":%s}' % json.dumps(ENTRY).encode()),
    "entry is a number": file_of({"t": 1}),
    "field missing": file_of({"t": {"dtype": "F32", "shape": [6]}}),
    "field too many": file_of({"t": {**ENTRY, "device": "cpu"}}),
    "unknown dtype": file_of({"t": {**ENTRY, "dtype": "F33"}}),
    "dtype a list": file_of({"t": {**ENTRY, "dtype": ["F32"]}}),
    "negative size": file_of({"t": {**ENTRY, "shape": [-2, -3]}}),
    "size a boolean": file_of({"t": {"dtype": "F32", "shape": [True, 6], "data_offsets": [0, 24]}}),
    "size a float": file_of({"t": {**ENTRY, "shape": [2.0, 3]}}),
    "size a string": file_of({"t": {**ENTRY, "shape": ["2", 3]}}),
    "shape a number": file_of({"t": {**ENTRY, "shape": 6}}),
    "size of 10,000 digits": file_of(b'{"t":{"dtype":"F32","shape":[%s],"data_offsets":[0,24]}}' % (b"9" * 10_000)),
    "product of 2^64 and more": file_of({"t": {**ENTRY, "shape": [2**33, 2**33]}}),
    "product that wraps to the right number": file_of({"t": {**ENTRY, "shape": [2**62 + 6, 4]}}),
    "a thousand axes": file_of({"t": {**ENTRY, "shape": [1] * 1000 + [6]}}),
    "offsets reversed": file_of({"t": {**ENTRY, "data_offsets": [24, 0]}}),
    "offsets negative": file_of({"t": {**ENTRY, "data_offsets": [-24, 0]}}),
    "one offset": file_of({"t": {**ENTRY, "data_offsets": [24]}}),
    "offsets beyond the file": file_of({"t": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
    "overlap": file_of({"t": ENTRY, "u": {**ENTRY, "data_offsets": [20, 44]}}, payload=44),
    "hole": file_of({"t": ENTRY, "u": {**ENTRY, "data_offsets": [28, 52]}}, payload=52),
    "hole at the start": file_of({"t": {**ENTRY, "data_offsets": [4, 28]}}, payload=28),
    "same bytes twice": file_of({"t": ENTRY, "u": ENTRY}),
    "file cut short": file_of({"t": ENTRY}, payload=23),
    "bytes left over": file_of({"t": ENTRY}, payload=25),
    "half a byte": file_of({"t": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, payload=2),
    "deep nesting": file_of(b'{"t":' + b"[" * 100_000),
    "deep nesting in an entry": file_of(b'{"t":{"shape":' + b"[" * 50_000 + b"]" * 50_000 + b"}}"),
    "an entry of a megabyte": file_of(
        b'{"t":{"dtype":"F32","shape":[' + b"1," * 500_000 + b'6],"data_offsets":[0,24]}}'
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_lying_header_is_an_error_that_names_the_file_without_large_memory(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(LIES[lie])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000 + 40 * len(LIES[lie])


def test_ten_million_empty_lists_are_refused_before_they_are_built(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of(b'{"t":[' + b"[]," * 3_000_000 + b"[]]}"))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="no entry"):
            read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * path.stat().st_size


def test_error_names_the_tensor(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of({"encoder.weight": {**ENTRY, "shape": [2, 4]}}))
    with pytest.raises(CheckpointError, match=r"'encoder\.weight' of dtype F32 and shape \(2, 4\) has 24 bytes"):
        read_header(path)


def library_accepts(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)
    except Exception:  # noqa: BLE001 (the library's own error class, whatever it is called)
        return False
    return True


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_element_sizes_are_those_of_the_library(tmp_path: Path, dtype: str) -> None:
    described = [("t", dtype, (8,), DTYPE_BITS[dtype])]
    data = header_bytes(described, None) + bytes(DTYPE_BITS[dtype])
    (tmp_path / "model.safetensors").write_bytes(data)
    assert library_accepts(data)
    assert read_header(tmp_path / "model.safetensors").tensors[0].nbytes == DTYPE_BITS[dtype]


GOOD = header_bytes([("a", "F32", (2, 3), 24), ("b", "BF16", (4,), 8), ("c", "U8", (), 1)], {"format": "pt"}) + bytes(
    33
)


@given(data=st.data())
def test_mutated_files_give_an_error_or_what_the_library_reads(data: st.DataObject) -> None:
    mutated = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        kind = data.draw(st.sampled_from(["flip", "digit", "delete", "insert", "cut"]))
        if kind == "flip":
            mutated[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "digit":
            digits = [position for position, byte in enumerate(mutated) if chr(byte).isdigit()] or [place]
            mutated[data.draw(st.sampled_from(digits))] = data.draw(st.sampled_from(b"0123456789"))
        elif kind == "delete" and len(mutated) > 9:
            del mutated[place]
        elif kind == "insert":
            mutated.insert(place, data.draw(st.sampled_from(b'{}[]",:0-9e. \\u')))
        elif kind == "cut":
            del mutated[max(1, place) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(bytes(mutated))
        try:
            header = read_header(path)
        except CheckpointError:
            return
    assert library_accepts(bytes(mutated))
    theirs = {
        name: (info["dtype"], info["shape"], len(info["data"]))
        for name, info in safetensors.deserialize(bytes(mutated))
    }
    assert {t.name: (t.dtype, list(t.shape), t.nbytes) for t in header.tensors} == theirs


@given(text=st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789 \\u', max_size=80).map(str.encode))
def test_any_bytes_as_a_header_never_crash(text: bytes) -> None:
    try:
        parse_header(text, Path("f"), 8 + len(text))
    except CheckpointError:
        return
    assert library_accepts(len(text).to_bytes(8, "little") + text)


def test_headers_of_the_library_are_read_as_it_reads_them(save: Callable[..., Path], tmp_path: Path) -> None:
    names = ["a", 'quo"te', "back\\slash", "brace}", "ünï", "tab\t", "😀", ""]
    tensors = {name: torch.full((position, 2), float(position)) for position, name in enumerate(names)}
    folder = save(tmp_path / "m", tensors, 1, {"k}": 'v"}{', "ü": "😀\n"})
    checkpoint = Checkpoint.open(folder)
    with safetensors.safe_open(folder / "model.safetensors", "pt") as handle:
        assert handle.metadata() == checkpoint.headers["model.safetensors"].metadata
        assert {name: list(t.shape) for name, t in checkpoint.tensors.items()} == {
            name: handle.get_slice(name).get_shape()
            for name in handle.keys()  # noqa: SIM118 (no mapping)
        }


def test_no_metadata_and_no_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of({}, payload=0))
    assert read_header(path).tensors == ()
    assert read_header(path).metadata is None
    with pytest.raises(CheckpointError, match="holds no tensor"):
        Checkpoint.open(tmp_path)


@pytest.fixture
def sharded(save: Callable[..., Path], tmp_path: Path) -> Path:
    return save(tmp_path / "m", {f"t{i}": torch.full((3,), float(i)) for i in range(4)}, 2)


def edit_index(folder: Path, **changes: str | None) -> None:
    index = json.loads((folder / INDEX).read_text())
    for name, file in changes.items():
        index["weight_map"][name] = file
        if file is None:
            del index["weight_map"][name]
    (folder / INDEX).write_text(json.dumps(index))


def test_sharded_checkpoint_is_read(sharded: Path) -> None:
    checkpoint = Checkpoint.open(sharded)
    assert checkpoint.files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert sorted(checkpoint.tensors) == ["t0", "t1", "t2", "t3"]


def test_missing_shard_is_named(sharded: Path) -> None:
    (sharded / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(
        CheckpointError, match=r"model-00002-of-00002\.safetensors is missing; it holds 2 tensors.*'t1'"
    ):
        Checkpoint.open(sharded)


def test_tensor_that_no_shard_has(sharded: Path) -> None:
    edit_index(sharded, ghost="model-00001-of-00002.safetensors")
    with pytest.raises(CheckpointError, match=r"'ghost'.*no shard has it"):
        Checkpoint.open(sharded)


def test_tensor_in_another_shard_than_the_index_says(sharded: Path) -> None:
    edit_index(sharded, t0="model-00002-of-00002.safetensors")
    with pytest.raises(CheckpointError, match=r"'t0'.*it is in model-00001"):
        Checkpoint.open(sharded)


def test_tensor_that_the_index_forgot(sharded: Path) -> None:
    edit_index(sharded, t0=None)
    with pytest.raises(CheckpointError, match="does not list tensor 't0'"):
        Checkpoint.open(sharded)


def test_one_name_in_two_shards(sharded: Path) -> None:
    (sharded / "model-00002-of-00002.safetensors").write_bytes(
        (sharded / "model-00001-of-00002.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match=r"'t0' is in both model-00001.* and model-00002"):
        Checkpoint.open(sharded)


@pytest.mark.parametrize(
    "file", ["../m/model-00001-of-00002.safetensors", "/etc/passwd", "", "..", "weights.bin", 3, None]
)
def test_index_that_points_outside_or_nowhere(sharded: Path, file: object) -> None:
    index = json.loads((sharded / INDEX).read_text())
    index["weight_map"]["t0"] = file
    (sharded / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="'t0' is said to be in"):
        Checkpoint.open(sharded)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', '{"weight_map": {"a": "b", "a": "b"}}']
)
def test_broken_index(sharded: Path, text: str) -> None:
    (sharded / INDEX).write_text(text)
    with pytest.raises(CheckpointError, match=r"index\.json"):
        Checkpoint.open(sharded)


def test_single_file_beside_an_index_is_ambiguous_until_one_is_dropped(sharded: Path) -> None:
    (sharded / "model.safetensors").write_bytes((sharded / "model-00001-of-00002.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="holds both"):
        Checkpoint.open(sharded)
    assert len(Checkpoint.open(sharded, drop_files=["model.safetensors"]).tensors) == 4
    assert len(Checkpoint.open(sharded, drop_files=[INDEX]).tensors) == 2


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["pytorch_model.bin"], "prunus convert"),
        (["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"], "prunus convert"),
        (["model.gguf", "tf_model.h5"], "load the model with transformers"),
        (["model.fp16.safetensors"], "save the variant under that name"),
        (["adapter_model.safetensors"], "merge"),
        ([], "holds no model.safetensors"),
    ],
)
def test_other_formats_are_refused_with_what_to_do(tmp_path: Path, names: list[str], hint: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(tmp_path)
    assert hint in str(caught.value)
    assert all(name in str(caught.value) for name in names)


def test_weights_one_level_below_are_pointed_at(save: Callable[..., Path], tmp_path: Path) -> None:
    save(tmp_path / "0_Transformer", {"t": torch.zeros(2)})
    with pytest.raises(CheckpointError, match="0_Transformer"):
        Checkpoint.open(tmp_path)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a directory"):
        Checkpoint.open(tmp_path / "nowhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="not a regular file"):
        Checkpoint.open(tmp_path)


def test_a_directory_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        Checkpoint.open(tmp_path)


def test_links_into_a_cache_are_followed(save: Callable[..., Path], tmp_path: Path) -> None:
    save(tmp_path / "blobs", {"t": torch.zeros(2)})
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.safetensors").symlink_to(tmp_path / "blobs" / "model.safetensors")
    assert list(Checkpoint.open(snapshot).tensors) == ["t"]
