"""Rows scattered back: a full tensor from a base's rows and, in their places, those of a pruned one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from prunus.checkpoint.header import DTYPE_BITS
from prunus.checkpoint.rows import BLOCK, open_file
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from prunus.checkpoint.header import TensorInfo
    from prunus.checkpoint.index import Checkpoint

_WIDER = {("BF16", "F32"), ("F16", "F32"), ("F32", "F64")}


@dataclass(frozen=True, eq=False)
class Scatter:
    """A full tensor as the base's rows with some of them replaced.

    Attributes:
        base: The full checkpoint.
        base_name: Its tensor.
        small: The pruned checkpoint.
        small_name: Its tensor, whose row `i` replaces row `old_ids[i]`; rows beyond are padding and left out.
        axis: The axis that the token id indexes.
        old_ids: The kept ids `(kept,)`, ascending.

    Raises:
        CheckpointError: The tensors do not fit each other, or the base's dtype cannot become the other's without loss.
    """

    base: Checkpoint
    base_name: str
    small: Checkpoint
    small_name: str
    axis: int
    old_ids: NDArray[np.uint32]

    def __post_init__(self) -> None:
        full, small, axis = self.full, self.tensor, self.axis
        where = f"{small.name} {small.shape} in {self.small.directory}"
        rows = small.shape[axis] if axis < len(small.shape) else -1
        if (*full.shape[:axis], *full.shape[axis + 1 :]) != (*small.shape[:axis], *small.shape[axis + 1 :]):
            raise CheckpointError(f"{where} is no part of {full.name} {full.shape} of the base", tensor=small.name)
        if rows < len(self.old_ids) or (len(self.old_ids) and int(self.old_ids[-1]) >= full.shape[axis]):
            raise CheckpointError(f"{where} does not hold the {len(self.old_ids)} kept rows", tensor=small.name)
        if full.dtype != small.dtype and (full.dtype, small.dtype) not in _WIDER:
            raise CheckpointError(
                f"{where} is {small.dtype}, the base {full.dtype}: the base's rows would lose digits",
                hint=f"Save the tuned model as {full.dtype}, or take a base in {small.dtype}.",
                tensor=small.name,
            )

    @property
    def full(self) -> TensorInfo:
        """The base's tensor."""
        return self.base.tensors[self.base_name]

    @property
    def tensor(self) -> TensorInfo:
        """The pruned tensor."""
        return self.small.tensors[self.small_name]

    @property
    def nbytes(self) -> int:
        """Bytes of the result."""
        return prod(self.full.shape) * DTYPE_BITS[self.tensor.dtype] // 8

    def blocks(self, *, block: int = BLOCK) -> Iterator[NDArray[np.uint8]]:
        """The bytes of the result, in order.

        Raises:
            CheckpointError: A file changed or cannot be read.
        """
        full, small = self.full, self.tensor
        inner = prod(full.shape[self.axis + 1 :])
        rows, few = full.shape[self.axis], small.shape[self.axis]
        old_row, row = inner * DTYPE_BITS[full.dtype] // 8, inner * DTYPE_BITS[small.dtype] // 8
        step = max(1, block // max(1, row))
        with open_file(self.base, full.file) as base, open_file(self.small, small.file) as other:
            for slab in range(prod(full.shape[: self.axis])):
                for first in range(0, rows, step):
                    count = min(step, rows - first)
                    read = np.empty(count * old_row, dtype=np.uint8)
                    base.read_into(full.start + (slab * rows + first) * old_row, read.data)
                    block_bytes = widened(read, full.dtype, small.dtype)
                    low, high = np.searchsorted(self.old_ids, [first, first + count]).tolist()
                    kept = np.empty((high - low) * row, dtype=np.uint8)
                    other.read_into(small.start + (slab * few + low) * row, kept.data)
                    places = self.old_ids[low:high].astype(np.int64) - first
                    block_bytes.reshape(count, row)[places] = kept.reshape(high - low, row)
                    yield block_bytes


def widened(data: NDArray[np.uint8], before: str, after: str) -> NDArray[np.uint8]:
    """The bytes of elements in a wider floating dtype that holds each of them exactly."""
    if before == after:
        return data
    if before == "BF16":
        return (data.view("<u2").astype("<u4") << 16).view(np.uint8)
    kinds = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
    return data.view(kinds[before]).astype(kinds[after]).view(np.uint8)
