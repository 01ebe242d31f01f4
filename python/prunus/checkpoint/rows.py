"""Bytes of tensors in bounded memory: whole tensors block by block, and rows gathered along any axis.

Blocks are read with plain reads into one reused buffer, not through a memory map: see docs/decisions/0004.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.checkpoint.header import DTYPE_BITS
from prunus.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from numpy.typing import NDArray

    from prunus.checkpoint.header import TensorInfo
    from prunus.checkpoint.index import Checkpoint

BLOCK = 8 * 2**20
# Rows shorter than this are cheaper to read together with the dropped rows between them than one by one.
_SHORT_ROW = 512
_DENSE = 4


@dataclass(frozen=True, eq=False)
class Gather:
    """Which rows of a vocabulary-indexed tensor to keep.

    Attributes:
        axis: The axis that the token id indexes: 0 for `(rows, hidden)`, 1 for `(hidden, rows)` or `(1, rows)`.
        old_ids: The kept ids `(kept,)`; the row of `old_ids[i]` becomes row `i`.
        rows: Rows of the result, at least `kept`; those beyond are zero.

    Raises:
        UsageError: Fewer rows than kept ids, ids that are no one-dimensional integers, or a negative axis.

    Example:
        >>> Gather(axis=0, old_ids=np.array([0, 5, 7]), rows=8).rows
        8
    """

    axis: int
    old_ids: NDArray[np.integer]
    rows: int

    def __post_init__(self) -> None:
        if self.old_ids.ndim != 1 or not np.issubdtype(self.old_ids.dtype, np.integer):
            raise UsageError("the ids of a gather must be one list of integers")
        if self.axis < 0 or self.rows < len(self.old_ids):
            raise UsageError(f"a gather of {len(self.old_ids)} ids along axis {self.axis} into {self.rows} rows")

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that a tensor of `shape` gets."""
        return (*shape[: self.axis], self.rows, *shape[self.axis + 1 :])


class TensorFile:
    """A safetensors file opened for reading bytes at given places; a context manager.

    Raises:
        CheckpointError: The file cannot be opened, or has another length than when its header was read.
    """

    def __init__(self, path: Path, expected_size: int) -> None:
        self.path = path
        try:
            self.raw: FileIO = path.open("rb", buffering=0)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read: {error.strerror}", file=str(path)) from error
        size = self.raw.seek(0, 2)
        if size != expected_size:
            self.raw.close()
            raise CheckpointError(
                f"{path}: changed while in use, from {expected_size:,} to {size:,} bytes", file=str(path)
            )

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.close()

    def read_into(self, position: int, target: memoryview) -> None:
        """Fills `target` with the bytes from `position` on.

        Raises:
            CheckpointError: The file ends before, or reading fails.
        """
        try:
            while target:
                count = self._read_at(position, target)
                if not count:
                    raise CheckpointError(f"{self.path}: became shorter while it was read", file=str(self.path))
                position += count
                target = target[count:]
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be read: {error.strerror}", file=str(self.path)) from error

    def _read_at(self, position: int, target: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.raw.fileno(), (target,), position)
        self.raw.seek(position)
        return self.raw.readinto(target) or 0


def open_file(checkpoint: Checkpoint, file: str) -> TensorFile:
    """One of the checkpoint's files.

    Raises:
        CheckpointError: It cannot be opened or has changed.
    """
    return TensorFile(checkpoint.directory / file, checkpoint.headers[file].file_size)


def read_blocks(checkpoint: Checkpoint, name: str, *, block: int = BLOCK) -> Iterator[memoryview]:
    """The bytes of a tensor, in order; each block is valid only until the next is asked for.

    Args:
        checkpoint: The checkpoint.
        name: Name of the tensor.
        block: Most bytes in a block.

    Raises:
        CheckpointError: The file changed or cannot be read.
    """
    tensor = checkpoint.tensors[name]
    buffer = memoryview(bytearray(min(block, tensor.nbytes)))
    with open_file(checkpoint, tensor.file) as file:
        for start in range(tensor.start, tensor.end, block):
            view = buffer[: min(block, tensor.end - start)]
            file.read_into(start, view)
            yield view


def gather_blocks(checkpoint: Checkpoint, name: str, gather: Gather, *, block: int = BLOCK) -> Iterator[memoryview]:
    """The bytes of a tensor after gathering; each block is valid only until the next is asked for.

    Args:
        checkpoint: The checkpoint.
        name: Name of the tensor.
        gather: The rows to keep.
        block: About the most bytes in a block; memory in use is a few times that.

    Raises:
        CheckpointError: The tensor has no such axis or row, its elements are smaller than a byte, or the file changed.
    """
    tensor = checkpoint.tensors[name]
    layout = _Layout.of(tensor, gather)
    with open_file(checkpoint, tensor.file) as file:
        if max(layout.slab, gather.rows * layout.row) <= block:
            yield from _whole_slabs(file, tensor, layout, gather, block)
        else:
            for slab in range(layout.outer):
                yield from _one_slab(file, tensor.start + slab * layout.slab, layout, gather, block)


def check_gather(tensor: TensorInfo, gather: Gather) -> None:
    """Checks that a gather fits a tensor.

    Raises:
        CheckpointError: The tensor has no such axis or row, or its elements are smaller than a byte.
    """
    _Layout.of(tensor, gather)


@dataclass(frozen=True)
class _Layout:
    """A tensor seen as `outer` slabs of `rows` rows of `row` bytes."""

    outer: int
    rows: int
    row: int

    @classmethod
    def of(cls, tensor: TensorInfo, gather: Gather) -> _Layout:
        where = f"{tensor.file}: tensor {tensor.name!r} of dtype {tensor.dtype} and shape {tensor.shape}"
        bits, axis = DTYPE_BITS[tensor.dtype], gather.axis
        if bits % 8:
            hint = "Its table is packed below a byte, so rows cannot be told apart: prune the unquantised checkpoint."
            raise CheckpointError(f"{where} cannot be gathered", hint=hint, tensor=tensor.name)
        if axis >= len(tensor.shape):
            raise CheckpointError(f"{where} has no axis {axis}", tensor=tensor.name)
        rows, ids = tensor.shape[axis], gather.old_ids
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < rows:
            wrong = int(ids.max()) if int(ids.max()) >= rows else int(ids.min())
            raise CheckpointError(f"{where} has no row {wrong} on axis {axis}", tensor=tensor.name, id=wrong)
        return cls(prod(tensor.shape[:axis]), rows, prod(tensor.shape[axis + 1 :]) * bits // 8)

    @property
    def slab(self) -> int:
        return self.rows * self.row


def _whole_slabs(
    file: TensorFile, tensor: TensorInfo, layout: _Layout, gather: Gather, block: int
) -> Iterator[memoryview]:
    """Slabs that fit a block are read as they are, several at a time."""
    new_slab = gather.rows * layout.row
    if not new_slab:
        return
    group = max(1, min(layout.outer, block // max(layout.slab, new_slab)))
    source = np.empty(group * layout.slab, dtype=np.uint8)
    target = np.zeros(group * new_slab, dtype=np.uint8)
    element = _element(layout.row)
    old = source.view(element).reshape(group, layout.rows)
    new = target.view(element).reshape(group, gather.rows)
    for first in range(0, layout.outer, group):
        count = min(group, layout.outer - first)
        file.read_into(tensor.start + first * layout.slab, source.data[: count * layout.slab])
        new[:count, : len(gather.old_ids)] = old[:count, gather.old_ids]
        yield target.data[: count * new_slab]


def _element(row: int) -> np.dtype[Any]:
    """A dtype of `row` bytes without arithmetic meaning; the integer kinds only because numpy copies them faster."""
    return np.dtype(f"u{row}") if row in {1, 2, 4, 8} else np.dtype((np.void, row))


def _one_slab(file: TensorFile, start: int, layout: _Layout, gather: Gather, block: int) -> Iterator[memoryview]:
    """A slab larger than a block: as many rows at a time as a block takes, then the zero rows."""
    slab = _Slab(file, start, layout.row)
    if layout.row > block:
        yield from _huge_rows(slab, gather, block)
    else:
        yield from _row_chunks(slab, gather, block)
    missing = (gather.rows - len(gather.old_ids)) * layout.row
    zeros = memoryview(bytes(min(missing, block)))
    for done in range(0, missing, block):
        yield zeros[: min(block, missing - done)]


@dataclass(frozen=True)
class _Slab:
    """Rows of `row` bytes that lie one after the other in a file."""

    file: TensorFile
    start: int
    row: int

    def read(self, first: int, target: memoryview, skip: int = 0) -> None:
        """Fills `target` from row `first` on, after its first `skip` bytes."""
        self.file.read_into(self.start + first * self.row + skip, target)


def _huge_rows(slab: _Slab, gather: Gather, block: int) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(block))
    for old in gather.old_ids.tolist():
        for done in range(0, slab.row, block):
            view = buffer[: min(block, slab.row - done)]
            slab.read(old, view, done)
            yield view


def _row_chunks(slab: _Slab, gather: Gather, block: int) -> Iterator[memoryview]:
    at_once = block // slab.row
    target = np.empty(min(at_once, len(gather.old_ids)) * slab.row, dtype=np.uint8)
    scratch = np.empty(block // slab.row * slab.row, dtype=np.uint8)
    for first in range(0, len(gather.old_ids), at_once):
        ids = gather.old_ids[first : first + at_once].astype(np.int64)
        view = target[: len(ids) * slab.row]
        span = int(ids.max()) - int(ids.min()) + 1
        if slab.row < _SHORT_ROW or span < _DENSE * len(ids):
            _read_dense(slab, ids, view, scratch)
        else:
            _read_runs(slab, ids, view.data)
        yield view.data


def _read_runs(slab: _Slab, ids: NDArray[np.int64], target: memoryview) -> None:
    """Reads each run of consecutive ids straight to its place."""
    breaks = np.flatnonzero(np.diff(ids) != 1) + 1
    for begin, end in pairwise([0, *breaks.tolist(), len(ids)]):
        slab.read(int(ids[begin]), target[begin * slab.row : end * slab.row])


def _read_dense(slab: _Slab, ids: NDArray[np.int64], target: NDArray[np.uint8], scratch: NDArray[np.uint8]) -> None:
    """Reads all rows from the lowest to the highest id, a scratch buffer at a time, and picks the wanted ones."""
    element = _element(slab.row)
    picked = target.view(element)
    at_once = len(scratch) // slab.row
    lowest, highest = int(ids.min()), int(ids.max())
    for low in range(lowest, highest + 1, at_once):
        wanted = np.flatnonzero((ids >= low) & (ids < low + at_once))
        if len(wanted):
            part = scratch[: min(at_once, highest + 1 - low) * slab.row]
            slab.read(low, part.data)
            picked[wanted] = part.view(element)[ids[wanted] - low]
