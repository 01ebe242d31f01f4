"""A checkpoint as found on disk: which files hold which tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from prunus.checkpoint.header import Header, TensorInfo, read_header
from prunus.checkpoint.jsontext import read_object
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_CONVERT = (
    "Rewrite it first: prunus convert MODEL -o CONVERTED reads pytorch_model.bin without running code from it. For "
    "other formats, load the model with transformers where it is trusted, and save it."
)
_OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".ot", ".gguf", ".onnx", ".safetensors")
_SHARD = re.compile(r"-\d+-of-\d+\.safetensors$")

__all__ = ["INDEX", "SINGLE", "Checkpoint", "TensorInfo"]


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a model directory, by name; no payload is read.

    Attributes:
        directory: The directory.
        files: Names of the safetensors files, ascending.
        tensors: Every tensor by name, in the order of files and of bytes within each.
        index: Name of the index file of a sharded checkpoint, else None.
        headers: The header of each file.

    Example:
        >>> checkpoint = Checkpoint.open("model")  # doctest: +SKIP
        >>> checkpoint.tensors["embeddings.weight"].shape  # doctest: +SKIP
        (30522, 768)
    """

    directory: Path
    files: tuple[str, ...]
    tensors: Mapping[str, TensorInfo]
    index: str | None
    headers: Mapping[str, Header]

    @classmethod
    def open(cls, directory: str | Path, *, drop_files: Collection[str] = ()) -> Checkpoint:
        """Reads the headers of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.

        Args:
            directory: A model directory.
            drop_files: Names to treat as absent.

        Raises:
            CheckpointError: No safetensors checkpoint, two of them, a damaged or missing file, or an index that
                disagrees with its shards.
        """
        folder = Path(directory)
        if not folder.is_dir():
            raise CheckpointError(f"{folder}: is not a directory", file=str(folder))
        there = {path.name for path in folder.iterdir()} - set(drop_files)
        if SINGLE in there and INDEX in there:
            raise CheckpointError(
                f"{folder}: holds both {SINGLE} and {INDEX}, which may differ",
                hint="Say which one is the model by dropping the other: --drop-file NAME.",
            )
        if INDEX in there:
            return _sharded(folder)
        if SINGLE in there:
            header = read_header(folder / SINGLE)
            return _checkpoint(folder, {SINGLE: header}, None)
        raise _no_checkpoint(folder, there, {SINGLE, INDEX} & set(drop_files))


def _checkpoint(folder: Path, headers: dict[str, Header], index: str | None) -> Checkpoint:
    tensors: dict[str, TensorInfo] = {}
    for file, header in headers.items():
        for tensor in header.tensors:
            other = tensors.setdefault(tensor.name, tensor)
            if other is not tensor:
                raise CheckpointError(
                    f"{folder}: tensor {tensor.name!r} is in both {other.file} and {file}",
                    hint="Fetch the checkpoint again: its shards belong to two versions.",
                    tensor=tensor.name,
                )
    if not tensors:
        raise CheckpointError(f"{folder}: {', '.join(headers)} holds no tensor")
    return Checkpoint(folder, tuple(headers), MappingProxyType(tensors), index, MappingProxyType(headers))


def _sharded(folder: Path) -> Checkpoint:
    path = folder / INDEX
    weight_map = read_object(path, CheckpointError).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path}: has no `weight_map`", file=str(path))
    for name, file in weight_map.items():
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise CheckpointError(f"{path}: tensor {name!r} is said to be in {file!r}", tensor=name, file=str(path))
    headers = {}
    for file in sorted(set(weight_map.values())):
        if not (folder / file).exists():
            missing = sorted(name for name, where in weight_map.items() if where == file)
            raise CheckpointError(
                f"{folder}: shard {file} is missing; it holds {len(missing)} tensors, first {missing[0]!r}",
                hint="The download is incomplete: fetch the shard.",
                file=file,
            )
        headers[file] = read_header(folder / file)
    checkpoint = _checkpoint(folder, headers, INDEX)
    _check_index(checkpoint, weight_map)
    return checkpoint


def _check_index(checkpoint: Checkpoint, weight_map: Mapping[str, str]) -> None:
    path = checkpoint.directory / INDEX
    for name, file in weight_map.items():
        tensor = checkpoint.tensors.get(name)
        if tensor is None or tensor.file != file:
            where = f"it is in {tensor.file}" if tensor else "no shard has it"
            raise CheckpointError(f"{path}: places tensor {name!r} in {file}, but {where}", tensor=name, file=file)
    for name, tensor in checkpoint.tensors.items():
        if name not in weight_map:
            raise CheckpointError(
                f"{path}: does not list tensor {name!r}, which is in {tensor.file}",
                hint="Index and shards belong to two versions: fetch both again.",
                tensor=name,
                file=tensor.file,
            )


def _no_checkpoint(folder: Path, there: Collection[str], dropped: Collection[str]) -> CheckpointError:
    if dropped:
        hint = "The model needs its weights: leave out another file."
        return CheckpointError(f"{folder}: no checkpoint is left without {', '.join(sorted(dropped))}", hint=hint)
    found = sorted(name for name in there if name.endswith(_OTHER_WEIGHTS) or name.endswith(".index.json"))
    if not found:
        nested = sorted(str(path.parent.relative_to(folder)) for path in folder.glob(f"*/{SINGLE}*"))
        hint = f"Weights lie in: {', '.join(nested)}. Name that directory." if nested else "Fetch the weights, too."
        return CheckpointError(f"{folder}: holds no {SINGLE} and no {INDEX}", hint=hint)
    names = ", ".join(found[:5])
    if "adapter_model.safetensors" in found:
        hint = "A PEFT adapter is no model: merge it first (merge_and_unload), save that, and prune the result."
    elif any(_SHARD.search(name) for name in found):
        hint = f"The download is incomplete: fetch {INDEX}, which says what the shards hold."
    elif any(name.endswith(".safetensors") for name in found):
        hint = f"Only {SINGLE}, or shards with {INDEX}, are read: save the variant under that name."
    else:
        hint = _CONVERT
    return CheckpointError(f"{folder}: holds no {SINGLE} and no {INDEX}, but {names}", hint=hint, files=found)
