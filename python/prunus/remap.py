"""The order-preserving renumbering of token ids: the only value that crosses from the tokenizer to the weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from prunus.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class Renumbers(Protocol):
    """What configs are renumbered by: an `IdRemap`, or its inverse on the way back."""

    def get(self, old: int, /) -> int | None:
        """The other id of `old`, or None if it has none."""


@dataclass(frozen=True, eq=False)
class IdRemap:
    """Kept ids in ascending order, renumbered `0..k-1`.

    Because the order is preserved, special ids below the first dropped id keep their value, `argmax(input_ids)` pooling
    still finds the same position, and descending sentinels still descend.

    Attributes:
        old_ids: The kept ids `(kept,)`, ascending, `uint32`; the new id of `old_ids[i]` is `i`.

    Example:
        >>> remap = IdRemap.of([7, 0, 3])
        >>> remap.new_of(7), remap.old_of(1), len(remap)
        (2, 3, 3)
    """

    old_ids: NDArray[np.uint32]

    def __post_init__(self) -> None:
        if len(self.old_ids) > 1 and not bool(np.all(self.old_ids[1:] > self.old_ids[:-1])):
            raise SelectionError("kept ids must be unique and ascending")
        self.old_ids.setflags(write=False)

    @classmethod
    def of(cls, ids: Iterable[int]) -> IdRemap:
        """The remap that keeps `ids`, in whatever order and however often they are named."""
        return cls(np.unique(np.fromiter(ids, dtype=np.uint32)))

    def __len__(self) -> int:
        return len(self.old_ids)

    def __contains__(self, old: int) -> bool:
        return self.get(old) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdRemap) and bool(np.array_equal(self.old_ids, other.old_ids))

    def __hash__(self) -> int:
        return hash(self.old_ids.tobytes())

    def __repr__(self) -> str:
        return f"IdRemap(kept={len(self)}, largest_old_id={int(self.old_ids[-1]) if len(self) else None})"

    @cached_property
    def _new_ids(self) -> dict[int, int]:
        return {old: new for new, old in enumerate(self.old_ids.tolist())}

    def get(self, old: int) -> int | None:
        """The new id of `old`, or None if it was dropped."""
        return self._new_ids.get(old)

    def new_of(self, old: int) -> int:
        """The new id of `old`.

        Raises:
            SelectionError: `old` was dropped.
        """
        new = self.get(old)
        if new is None:
            raise SelectionError(f"token id {old} was dropped", id=old)
        return new

    def old_of(self, new: int) -> int:
        """The old id that became `new`.

        Raises:
            SelectionError: `new` is not below the number of kept tokens.
        """
        if not 0 <= new < len(self):
            raise SelectionError(f"new id {new} is not below {len(self)}", id=new)
        return int(self.old_ids[new])

    def table(self, rows: int) -> NDArray[np.int64]:
        """New id by old id `(rows,)`, −1 where dropped."""
        table = np.full(rows, -1, dtype=np.int64)
        inside = self.old_ids[self.old_ids < rows]
        table[inside] = np.arange(len(inside))
        return table
