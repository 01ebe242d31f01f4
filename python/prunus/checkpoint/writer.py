"""Writing a checkpoint: the same files, names, order and metadata, with some tensors gathered."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from prunus.checkpoint.copying import copy_range, new_file, write_all, write_new, writing
from prunus.checkpoint.header import DTYPE_BITS, TensorInfo, header_bytes
from prunus.checkpoint.jsontext import parse_object, read_bytes, replace_value
from prunus.checkpoint.rows import check_gather, gather_blocks, open_file
from prunus.errors import CheckpointError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from prunus.checkpoint.index import Checkpoint
    from prunus.checkpoint.rows import Gather

_SPARE = 1 * 2**20


@dataclass(frozen=True)
class Added:
    """A tensor that the source has not.

    Attributes:
        dtype: As safetensors names it.
        shape: Its shape.
        blocks: Gives its bytes, in order.
    """

    dtype: str
    shape: tuple[int, ...]
    blocks: Callable[[], Iterable[bytes | memoryview]]


@dataclass(frozen=True)
class _File:
    """One file to write: its first bytes, and the tensors that follow with their new lengths."""

    name: str
    header: bytes
    tensors: tuple[tuple[TensorInfo, int], ...]

    @property
    def size(self) -> int:
        return len(self.header) + sum(length for _, length in self.tensors)


def written_bytes(checkpoint: Checkpoint, gathers: Mapping[str, Gather]) -> int:
    """How many bytes `write_checkpoint` will write into safetensors files.

    Raises:
        CheckpointError: A gather does not fit its tensor.
        UsageError: A gather names no tensor.
    """
    return sum(file.size for file in _files(checkpoint, gathers))


def write_checkpoint(
    checkpoint: Checkpoint,
    gathers: Mapping[str, Gather],
    out: Path,
    on_bytes: Callable[[int], None] | None = None,
    *,
    added: Mapping[str, Added] = MappingProxyType({}),
) -> None:
    """Writes the checkpoint into an existing directory: untouched tensors as bytes, the others gathered.

    Memory in use does not depend on the size of a tensor. `Staging.publish` flushes the files to disk.

    Args:
        checkpoint: The source; only ever read.
        gathers: What to gather, by tensor name.
        out: An existing directory without these files.
        on_bytes: Called with the number of bytes after each piece written.
        added: Tensors to add to the last file, by name.

    Raises:
        CheckpointError: A gather does not fit its tensor, or a source file changed or cannot be read.
        OutputError: A file exists, or cannot be written: too little space, permission.
        UsageError: A gather names no tensor, or a tensor to add is there already.

    Example:
        >>> import numpy as np  # doctest: +SKIP
        >>> gather = Gather(axis=0, old_ids=np.array([0, 2]), rows=2)  # doctest: +SKIP
        >>> write_checkpoint(Checkpoint.open("model"), {"embed.weight": gather}, Path("out"))  # doctest: +SKIP
    """
    files = _files(checkpoint, gathers, added)
    _check_space(out, sum(file.size for file in files))
    for file in files:
        _write_file(checkpoint, file, _Sources(gathers, added), out, on_bytes)
    if checkpoint.index is not None:
        write_new(out / checkpoint.index, _new_index(checkpoint, gathers, checkpoint.index, added))


def _files(
    checkpoint: Checkpoint, gathers: Mapping[str, Gather], added: Mapping[str, Added] = MappingProxyType({})
) -> list[_File]:
    for name in added.keys() & checkpoint.tensors.keys():
        raise UsageError(f"the checkpoint has a tensor {name!r} already", tensor=name)
    for name, gather in gathers.items():
        if name not in checkpoint.tensors:
            raise UsageError(f"the checkpoint has no tensor {name!r}", tensor=name)
        check_gather(checkpoint.tensors[name], gather)
    more = {checkpoint.files[-1]: [_described(name, tensor) for name, tensor in added.items()]}
    return [_file(checkpoint, name, gathers, more.get(name, [])) for name in checkpoint.files]


def _described(name: str, added: Added) -> TensorInfo:
    return TensorInfo(name, added.dtype, added.shape, "", 0, 0)


def _file(checkpoint: Checkpoint, name: str, gathers: Mapping[str, Gather], more: list[TensorInfo]) -> _File:
    header = checkpoint.headers[name]
    sized = [(tensor, _new_length(tensor, gathers)) for tensor in (*header.tensors, *more)]
    if not _aligned(sized):
        sized.sort(key=lambda pair: -DTYPE_BITS[pair[0].dtype])
    described = [(t.name, t.dtype, _new_shape(t, gathers), length) for t, length in sized]
    first = _at_same_residue(header_bytes(described, header.metadata), header.tensors[0].start if header.tensors else 8)
    return _File(name, first, tuple(sized))


def _at_same_residue(header: bytes, data_start: int) -> bytes:
    """Pads the header so that data begins at the source's address modulo 64.

    Files are mapped into memory, and the rounding of a product with one row depends on the alignment of its weights.
    """
    text = header[8:] + b" " * ((data_start - len(header)) % 64)
    return len(text).to_bytes(8, "little") + text


def _new_shape(tensor: TensorInfo, gathers: Mapping[str, Gather]) -> tuple[int, ...]:
    gather = gathers.get(tensor.name)
    return gather.shape(tensor.shape) if gather else tensor.shape


def _new_length(tensor: TensorInfo, gathers: Mapping[str, Gather]) -> int:
    return prod(_new_shape(tensor, gathers)) * DTYPE_BITS[tensor.dtype] // 8


def _aligned(sized: list[tuple[TensorInfo, int]]) -> bool:
    """Whether every tensor begins at a multiple of its element: readers that view the file in place need that."""
    offset = 0
    for tensor, length in sized:
        if offset % max(1, DTYPE_BITS[tensor.dtype] // 8):
            return False
        offset += length
    return True


def _check_space(out: Path, needed: int) -> None:
    with writing(out, needed):
        free = shutil.disk_usage(out).free
    if needed + _SPARE > free:
        raise OutputError(
            f"{out}: {needed + _SPARE:,} bytes are needed ({needed:,} for the tensors), {free:,} are free",
            hint="Free space, or write to another disk.",
            file=str(out),
            bytes=needed,
            free=free,
        )


@dataclass(frozen=True)
class _Sources:
    """Tensors whose bytes are not a range of the source."""

    gathers: Mapping[str, Gather]
    added: Mapping[str, Added]

    def __contains__(self, name: str) -> bool:
        return name in self.gathers or name in self.added

    def blocks(self, checkpoint: Checkpoint, name: str) -> Iterable[bytes | memoryview]:
        if name in self.added:
            return self.added[name].blocks()
        return gather_blocks(checkpoint, name, self.gathers[name])


def _write_file(
    checkpoint: Checkpoint,
    file: _File,
    made: _Sources,
    out: Path,
    on_bytes: Callable[[int], None] | None,
) -> None:
    with open_file(checkpoint, file.name) as source, new_file(out / file.name, file.size) as target:
        write_all(target, file.header)
        for name, start, end in _segments(file, made):
            if name is None:
                copy_range(source.raw, start, end - start, target, on_bytes)
                continue
            for block in made.blocks(checkpoint, name):
                write_all(target, block)
                if on_bytes:
                    on_bytes(len(block))
        if target.tell() != file.size:
            raise CheckpointError(
                f"{file.name}: {target.tell():,} bytes were written, not {file.size:,}", file=file.name
            )


def _segments(file: _File, made: _Sources) -> Iterator[tuple[str | None, int, int]]:
    """What to write, in order: byte ranges of the source, neighbours joined, and names of tensors made anew."""
    start = end = 0
    for tensor, _ in file.tensors:
        if tensor.name in made or tensor.start != end:
            yield None, start, end
            start = end = tensor.start
        if tensor.name in made:
            yield tensor.name, 0, 0
        else:
            end = tensor.end
    yield None, start, end


def _new_index(checkpoint: Checkpoint, gathers: Mapping[str, Gather], index: str, added: Mapping[str, Added]) -> bytes:
    """The index as it was, with the totals of its metadata brought up to date, and what was added."""
    data = read_bytes(checkpoint.directory / index, CheckpointError)
    document = parse_object(data, index, CheckpointError)
    metadata, weight_map = document.get("metadata"), document["weight_map"]
    text = data.decode("utf-8")
    if isinstance(metadata, dict) and "total_size" in metadata:
        more = [_described(name, tensor) for name, tensor in added.items()]
        total = sum(_new_length(tensor, gathers) for tensor in (*checkpoint.tensors.values(), *more))
        text = replace_value(text, ["metadata", "total_size"], total)
    if isinstance(metadata, dict) and isinstance(metadata.get("total_parameters"), int):
        total = _new_parameters(checkpoint, gathers, metadata["total_parameters"])
        total += sum(prod(tensor.shape) for tensor in added.values())
        text = replace_value(text, ["metadata", "total_parameters"], total)
    if added:
        text = replace_value(text, ["weight_map"], {**weight_map, **dict.fromkeys(added, checkpoint.files[-1])})
    return text.encode("utf-8")


def _new_parameters(checkpoint: Checkpoint, gathers: Mapping[str, Gather], before: int) -> int:
    """`total_parameters` counts no buffers; a gathered tensor that accounts for the whole gap is one (BART's bias)."""
    uncounted = sum(prod(tensor.shape) for tensor in checkpoint.tensors.values()) - before
    buffers = [name for name in gathers if prod(checkpoint.tensors[name].shape) == uncounted]
    counted = gathers.keys() - buffers if len(buffers) == 1 else gathers.keys()
    shapes = [checkpoint.tensors[name].shape for name in counted]
    return before - sum(
        prod(shape) - prod(gathers[name].shape(shape)) for name, shape in zip(counted, shapes, strict=True)
    )
