"""Rows that wait outside memory: a tensor backed by an unlinked file, whose pages the system may drop at any time."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from prunus.checkpoint.copying import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 2**20
"""Elements that are handled together when a large tensor is moved."""


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Ranges of rows of about `BLOCK` elements each.

    Example:
        >>> [(part.start, part.stop) for part in blocks(5, BLOCK // 2)]
        [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, BLOCK // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def spill(table: Any, ids: Any, directory: str | os.PathLike[str] | None = None, dtype: Any = None) -> Any:
    """The rows `ids` of `table`, copied to a temporary file and mapped from it; writable.

    The bytes are written before they are mapped, so that a full disk is an error here and not a crash later.

    Args:
        table: A tensor `(rows, hidden)` or `(rows,)` on any device.
        ids: Which rows `(spilled,)`, int64, on the CPU.
        directory: Where the file lies until it is unlinked; the system's temporary directory by default.
        dtype: What they are converted to; that of the table by default.

    Raises:
        OutputError: The file cannot be written: the disk is full, or permission is missing.
    """
    dtype = dtype or table.dtype
    shape = (len(ids), *table.shape[1:])
    count = len(ids) * table[:1].numel()
    if not count:
        return torch.empty(shape, dtype=dtype)
    size = count * dtype.itemsize
    with writing(Path(directory or tempfile.gettempdir()), size):
        handle, name = tempfile.mkstemp(prefix="prunus-rows-", dir=directory)
    try:
        with writing(Path(name), size), os.fdopen(handle, "wb") as file:
            for part in blocks(len(ids), table[:1].numel()):
                rows = table.index_select(0, ids[part].to(table.device)).to("cpu", dtype).contiguous()
                file.write(memoryview(rows.view(-1).view(torch.uint8).numpy()))
        return torch.from_file(name, shared=True, size=count, dtype=dtype).view(shape)
    finally:
        with suppress(OSError):  # where an open file cannot be unlinked it stays for the system to clear
            Path(name).unlink()
