"""Which ids a tokenised data set uses: one pass over its columns of ready ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.corpus.objects import is_dataset, type_name
from prunus.errors import ColumnError, InvalidTextError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIXES = ("input_ids", "labels")
_BATCH = 1000
_MOST = 2**28  # no vocabulary has so many ids; the histogram would not fit in memory


@dataclass(frozen=True, eq=False)
class UsedIds:
    """The ids that occur in a data set.

    Attributes:
        ids: The ids `(used,)`, ascending, int64.
        counts: How often each occurs `(used,)`, int64.
        columns: The columns that were counted, in the order in which they were met.
    """

    ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"UsedIds({len(self):,} ids in {int(self.counts.sum()):,} places, columns {', '.join(self.columns)})"


def used_ids(data: object, columns: Sequence[str] | None = None) -> UsedIds:
    """Counts the token ids of a tokenised data set, all splits together.

    Without `columns`, every column whose name ends in `input_ids` is counted, and `labels` that are sequences: those
    of language models are token ids, and those of taggers add a few small ids, which does no harm. −100 is skipped.

    Args:
        data: A `datasets.Dataset`, `IterableDataset` or `DatasetDict`, any mapping of splits, a torch `DataLoader` or
            another iterable of batches or examples (mappings), an Arrow table, a tensor, an array, or lists of ids.
            An iterator is used up.
        columns: Which columns to count.

    Raises:
        ColumnError: No column holds ids, or a named one is missing or of another type.
        InvalidTextError: A value is negative and not −100, or larger than any vocabulary.

    Example:
        >>> import prunus
        >>> used = prunus.used_ids([{"input_ids": [5, 9, 5]}, {"input_ids": [7]}])
        >>> used.ids.tolist(), used.counts.tolist()
        ([5, 7, 9], [2, 1, 1])
    """
    counter = _Counter(columns)
    counter.add(data)
    return counter.result(data)


class _Counter:
    def __init__(self, columns: Sequence[str] | None) -> None:
        self.wanted = None if columns is None else tuple(columns)
        self.histogram = np.zeros(0, dtype=np.int64)
        self.columns: dict[str, None] = {}
        self.known: tuple[str, ...] = ()

    def add(self, data: Any) -> None:
        if is_dataset(data):
            for batch in _batches(data):
                self.mapping(batch)
        elif hasattr(data, "column_names") and hasattr(data, "column"):
            self.mapping({name: data.column(name) for name in data.column_names})
        elif isinstance(data, Mapping):
            splits = [value for value in data.values() if is_dataset(value) or isinstance(value, Mapping)]
            if splits:
                for split in splits:
                    self.add(split)
            else:
                self.mapping(data)
        elif _is_values(data):
            self.count("ids", data)
        elif isinstance(data, Iterable) and not isinstance(data, str | bytes):
            for item in data:
                self.add(item)
        else:
            raise ColumnError(
                f"a {type_name(data)} holds no token ids", hint="Pass a tokenised data set, a DataLoader, or ids."
            )

    def mapping(self, batch: Mapping[str, Any]) -> None:
        self.known = tuple(batch)
        for name in self.wanted if self.wanted is not None else batch:
            if name not in batch:
                raise ColumnError(f"there is no column {name!r}", hint=f"There are {', '.join(self.known)}.")
            if self.wanted is not None or (name.endswith(_SUFFIXES) and not _is_label(name, batch)):
                self.count(name, batch[name])

    def count(self, name: str, values: Any) -> None:
        flat = _flat(values, name)
        self.columns[name] = None
        flat = flat[flat != -100]
        if len(flat) and int(flat.min()) < 0:
            raise InvalidTextError(f"column {name!r} holds {int(flat.min())}, which is no token id", column=name)
        if len(flat) and int(flat.max()) >= _MOST:
            raise InvalidTextError(f"column {name!r} holds {int(flat.max())}, which is no token id", column=name)
        more = np.bincount(flat)
        if len(more) > len(self.histogram):
            more, self.histogram = self.histogram, more.astype(np.int64)
        self.histogram[: len(more)] += more

    def result(self, data: object) -> UsedIds:
        if not self.columns:
            raise ColumnError(
                f"{type_name(data)}: no column holds token ids",
                hint=f"There are {', '.join(self.known) or 'none'}. Name the columns, or tokenise the data set first.",
            )
        ids = np.flatnonzero(self.histogram)
        return UsedIds(ids.astype(np.int64), self.histogram[ids], tuple(self.columns))


def _batches(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Stored columns in batches; examples where `set_transform` makes them of what is stored."""
    if (getattr(dataset, "format", None) or {}).get("type") == "custom":
        yield from dataset
        return
    for table in dataset.with_format("arrow").iter(batch_size=_BATCH):
        yield {name: table.column(name) for name in table.column_names}


def _is_values(data: Any) -> bool:
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        return True
    if type_name(data).startswith("pyarrow."):
        return True
    return isinstance(data, list | tuple) and all(isinstance(item, int) for item in data)


def _is_label(name: str, batch: Mapping[str, Any]) -> bool:
    """Whether a `labels` column numbers classes or holds scores: it is less nested than the ids beside it."""
    if not name.endswith("labels"):
        return False
    ids = next((values for other, values in batch.items() if other.endswith("input_ids")), None)
    return _is_float(batch[name]) or (ids is not None and _depth(batch[name]) < _depth(ids))


def _is_float(values: Any) -> bool:
    if isinstance(values, list | tuple):
        return bool(values) and _is_float(values[0])
    return isinstance(values, float) or "float" in str(getattr(values, "dtype", ""))


def _depth(values: Any) -> int:
    if type_name(values).startswith("pyarrow."):
        kind, depth = values.type, 1
        while hasattr(kind, "value_type"):
            kind, depth = kind.value_type, depth + 1
        return depth
    if isinstance(values, list | tuple):
        return 1 + (_depth(values[0]) if values else 0)
    return len(getattr(values, "shape", ()))


def _flat(values: Any, name: str) -> NDArray[np.int64]:
    if type_name(values).startswith("pyarrow."):
        return _flat_arrow(values, name)
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    if isinstance(values, list | tuple) and values and not isinstance(values[0], int):
        parts = [_flat(value, name) for value in values]
        return np.concatenate(parts)
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ColumnError(f"column {name!r} holds {array.dtype}, not token ids", column=name)
    return array.reshape(-1).astype(np.int64, copy=False)


def _flat_arrow(values: Any, name: str) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    while pa.types.is_nested(values.type):
        if not hasattr(values.type, "value_type"):
            raise ColumnError(f"column {name!r} holds {values.type}, not token ids", column=name)
        values = pc.list_flatten(values)
    if not pa.types.is_integer(values.type):
        raise ColumnError(f"column {name!r} holds {values.type}, not token ids", column=name)
    array: NDArray[np.int64] = np.asarray(pc.drop_null(values).cast(pa.int64()))
    return array
