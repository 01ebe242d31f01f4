"""Compares the bytes of two checkpoints in bounded memory, reading them by other code than the one that wrote them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from prunus.checkpoint.header import DTYPE_BITS
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

    from numpy.typing import NDArray

    from prunus.checkpoint.index import Checkpoint, TensorInfo

WINDOW = 4 * 2**20


@dataclass(frozen=True)
class RowComparison:
    """What a comparison of gathered rows found.

    Attributes:
        wrong: New ids of the rows that are not the source's, ascending, some of them.
        padding: Whether every row beyond the kept ones is zero.
        before: Digest of the kept rows in the source; equal for tensors with equal rows.
        after: Digest of the kept rows in the output.
    """

    wrong: tuple[int, ...]
    padding: bool
    before: bytes
    after: bytes


class Files:
    """The open files of two checkpoints; a context manager."""

    def __init__(self) -> None:
        self._open: dict[Path, BinaryIO] = {}

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def read(self, checkpoint: Checkpoint, tensor: TensorInfo, offset: int, length: int) -> bytes:
        """`length` bytes of a tensor from `offset` on.

        Raises:
            CheckpointError: The file ends before.
        """
        path = checkpoint.directory / tensor.file
        if path not in self._open:
            self._open[path] = path.open("rb", buffering=0)
        file = self._open[path]
        file.seek(tensor.start + offset)
        pieces = []
        while length:
            piece = file.read(length)
            if not piece:
                raise CheckpointError(f"{path}: ends inside tensor {tensor.name!r}", file=str(path))
            pieces.append(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def first_difference(files: Files, one: Checkpoint, other: Checkpoint, name: str) -> int | None:
    """Offset of the first window of a tensor in which two checkpoints differ; None where all bytes are equal."""
    a, b = one.tensors[name], other.tensors[name]
    for offset in range(0, a.nbytes, WINDOW):
        length = min(WINDOW, a.nbytes - offset)
        if files.read(one, a, offset, length) != files.read(other, b, offset, length):
            return offset
    return None


def compare_rows(
    files: Files, one: Checkpoint, other: Checkpoint, name: str, *, axis: int, old_ids: NDArray[np.integer]
) -> RowComparison:
    """Compares row `old_ids[i]` of a tensor in `one` with row `i` in `other`, and looks for zeros behind them.

    Args:
        files: Open files.
        one: The source.
        other: The output.
        name: Name of the tensor.
        axis: The axis that the token id indexes.
        old_ids: The kept ids `(kept,)`, ascending or not, all of them rows of the source.

    Raises:
        CheckpointError: A row does not begin at a byte, or a file ends too early.
    """
    a, b = one.tensors[name], other.tensors[name]
    bits = DTYPE_BITS[a.dtype] * prod(a.shape[axis + 1 :])
    if bits % 8:
        raise CheckpointError(f"{name}: a row of {bits} bits does not begin at a byte", tensor=name)
    width, ids = bits // 8, old_ids.astype(np.int64)
    wrong: set[int] = set()
    padding = True
    before, after = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    for outer in range(prod(a.shape[:axis])):
        old_base, new_base = outer * a.shape[axis] * width, outer * b.shape[axis] * width
        for start, stop in _windows(ids, width):
            span = files.read(one, a, old_base + int(ids[start]) * width, int(ids[stop - 1] - ids[start] + 1) * width)
            mine = np.frombuffer(span, np.uint8).reshape(-1, width)[ids[start:stop] - ids[start]]
            theirs = np.frombuffer(files.read(other, b, new_base + start * width, (stop - start) * width), np.uint8)
            theirs = theirs.reshape(-1, width)
            wrong.update((np.flatnonzero((mine != theirs).any(axis=1)) + start).tolist())
            before.update(mine.tobytes())
            after.update(theirs.tobytes())
        position, end = new_base + len(ids) * width, new_base + b.shape[axis] * width
        while position < end and padding:
            piece = files.read(other, b, position, min(WINDOW, end - position))
            padding, position = not any(piece), position + len(piece)
    return RowComparison(tuple(sorted(wrong)), padding, before.digest(), after.digest())


def _windows(ids: NDArray[np.int64], width: int) -> list[tuple[int, int]]:
    """Ranges of `ids` whose rows lie within one window of the source, each of one id at least."""
    rows = max(1, WINDOW // max(width, 1))
    # Other tools may have put the rows in another order: a window ends where the ids descend.
    turns = [*(np.flatnonzero(ids[1:] <= ids[:-1]) + 1).tolist(), len(ids)]
    found, start, turn = [], 0, 0
    while start < len(ids):
        while turns[turn] <= start:
            turn += 1
        within = ids[start : turns[turn]]
        stop = start + max(1, int(np.searchsorted(within, ids[start] + rows)))
        found.append((start, stop))
        start = stop
    return found
