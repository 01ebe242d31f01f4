"""Rows that wait in the checkpoint which the model came from, instead of in a copy of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import finalize

import torch

from prunus.checkpoint.index import Checkpoint
from prunus.errors import CheckpointError
from prunus.training.store import blocks, spill

if TYPE_CHECKING:
    from pathlib import Path

    from prunus.checkpoint.header import TensorInfo

_DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.float64: "F64"}


class CheckpointRows:
    """Some rows of a tensor in a safetensors file, mapped; to be read only.

    Args:
        file: The file.
        full: The mapped tensor, vocabulary on axis 0.
        ids: Which of its rows `(rows,)`, int64; position is the place that a row is asked for by.

    Attributes:
        shape: `(rows, hidden)` or `(rows,)`.
        dtype: As in the file.
    """

    def __init__(self, file: Path, full: Any, ids: Any) -> None:
        self._file, self._full, self._ids = file, full, ids
        # The file that is mapped, also where another one takes its name: that does no harm.
        self._handle = os.open(file, os.O_RDONLY)
        finalize(self, os.close, self._handle)
        self._state = _state(self._handle)
        self.shape = (len(ids), *full.shape[1:])
        self.dtype = full.dtype

    def __getitem__(self, places: Any) -> Any:
        """The rows at some places, a slice or an index tensor, copied.

        Raises:
            CheckpointError: The file was written to since the block began.
        """
        self._check()
        return self._full.index_select(0, self._ids[places])

    def copied(self, directory: str | os.PathLike[str] | None) -> Any:
        """The rows in a temporary file of their own, writable: training is about to change them.

        Raises:
            CheckpointError: The file was written to since the block began.
            OutputError: The temporary file cannot be written.
        """
        self._check()
        return spill(self._full, self._ids, directory)

    def _check(self) -> None:
        if _state(self._handle) != self._state:
            raise CheckpointError(
                f"{self._file}: was written to while a model reads its rows from it",
                hint="Save the model elsewhere, or leave base= out.",
                file=str(self._file),
            )


class Base:
    """A checkpoint whose tensors may stand in for those in memory.

    Args:
        directory: A model directory with safetensors.

    Raises:
        CheckpointError: It holds no safetensors checkpoint, or a damaged one.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._checkpoint = Checkpoint.open(str(directory))

    def rows(self, tensor: Any, name: str, axis: int, ids: Any) -> CheckpointRows:
        """The rows `ids` of the tensor in the checkpoint that equals `tensor` byte for byte, whatever its name there.

        Args:
            tensor: The parameter or buffer, full-size.
            name: Its name in the model, for the error.
            axis: The axis that the token id indexes.
            ids: Which rows `(rows,)`, int64.

        Raises:
            CheckpointError: No tensor of the checkpoint equals it.
        """
        for info in self._checkpoint.tensors.values():
            if info.shape == tuple(tensor.shape) and info.dtype == _DTYPES.get(tensor.dtype):
                full = self._mapped(info, tensor.dtype).movedim(axis, 0)
                if _equal(full, tensor.movedim(axis, 0)):
                    return CheckpointRows(self._checkpoint.directory / info.file, full, ids)
        raise CheckpointError(
            f"{self._checkpoint.directory}: no tensor equals {name} {tuple(tensor.shape)} of the model, byte for byte",
            hint="Name the checkpoint that the model was loaded from, in its dtype, or leave base= out.",
            tensor=name,
        )

    def _mapped(self, info: TensorInfo, dtype: Any) -> Any:
        file = self._checkpoint.directory / info.file
        size = self._checkpoint.headers[info.file].file_size
        raw = torch.from_file(str(file), shared=False, size=size, dtype=torch.uint8)[info.start : info.end]
        if info.start % dtype.itemsize:
            raise CheckpointError(
                f"{file}: {info.name} begins at byte {info.start}, which is no multiple of {dtype.itemsize}: it cannot "
                "be mapped",
                hint="Save the checkpoint anew with save_pretrained, or leave base= out.",
                tensor=info.name,
            )
        return raw.view(dtype).view(info.shape)


def _equal(one: Any, other: Any) -> bool:
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    return all(
        torch.equal(one[part].contiguous().view(bits), other[part].to("cpu").contiguous().view(bits))
        for part in blocks(len(one), one[:1].numel())
    )


def _state(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_size, found.st_mtime_ns
