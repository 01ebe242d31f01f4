"""Maps between the ids of a small table and those of the tokenizer, in the forms that runtimes read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from prunus.checkpoint.copying import write_new
from prunus.checkpoint.writer import Added

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from prunus.remap import IdRemap

OFFSETS, MASK = "d2t", "t2d"
TOKEN_MAP = "token_map.json"


def offsets(remap: IdRemap) -> NDArray[np.int64]:
    """`d2t` of EAGLE-3 `(kept,)`: the tokenizer's id is the row number plus this.

    Example:
        >>> from prunus import IdRemap
        >>> offsets(IdRemap.of([0, 3, 4])).tolist()
        [0, 2, 2]
    """
    found: NDArray[np.int64] = remap.old_ids.astype(np.int64) - np.arange(len(remap))
    return found


def mask(remap: IdRemap, rows: int) -> NDArray[np.bool_]:
    """`t2d` of EAGLE-3 `(rows,)`: whether an id of the tokenizer has a row.

    Example:
        >>> from prunus import IdRemap
        >>> mask(IdRemap.of([0, 3]), 5).tolist()
        [True, False, False, True, False]
    """
    found = np.zeros(rows, dtype=np.bool_)
    found[remap.old_ids] = True
    return found


def map_tensors(remap: IdRemap, rows: int) -> dict[str, Added]:
    """Both maps as tensors to add to a checkpoint."""
    first, second = offsets(remap), mask(remap, rows)
    return {
        OFFSETS: Added("I64", (len(remap),), lambda: [first.astype("<i8").tobytes()]),
        MASK: Added("BOOL", (rows,), lambda: [second.tobytes()]),
    }


def write_token_map(folder: Path, remap: IdRemap) -> None:
    """Writes `token_map.json`: the tokenizer's id by row number, as ExecuTorch's exporter reads it.

    Raises:
        OutputError: The file cannot be written.
    """
    found = {str(new): old for new, old in enumerate(remap.old_ids.tolist())}
    write_new(folder / TOKEN_MAP, (json.dumps(found) + "\n").encode())
