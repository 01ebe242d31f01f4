"""Ids renumbered where a table is looked up, by an operation that `torch.compile` sees as one opaque call."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import torch

from prunus.errors import UnseenTokenError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = count(1)
_RENUMBERINGS: WeakValueDictionary[int, Renumbering] = WeakValueDictionary()
_CONTEXT = 12


class Renumbering:
    """Old id → new id for one set of kept rows, on whatever device the ids are.

    Args:
        kept: Kept ids `(kept,)`, ascending, int64; position is the new id.
        rows: Rows of the full table.
        tokenizer: Names tokens in errors; None shows ids alone.
        unseen: New id of every id that is not kept, or None, which makes such an id an error.
        where: Name of the table, for errors.

    Attributes:
        fetch: Brings the rows of ids into memory before they are looked up, or None.
    """

    def __init__(self, kept: Any, rows: int, tokenizer: Any, unseen: int | None, where: str) -> None:
        self.rows = rows
        self.tokenizer = tokenizer
        self.where = where
        self.number = next(_NUMBERS)
        self.fetch: Callable[[Any], None] | None = None
        # One entry before and one after the ids of the table, so that a clamped id beyond it is found to be unknown.
        table = torch.full((rows + 2,), -1, dtype=torch.int64)
        if unseen is not None:
            table[1:-1] = unseen
        table[kept + 1] = torch.arange(len(kept))
        self._tables = {torch.device("cpu"): table}
        _RENUMBERINGS[self.number] = self

    def __call__(self, ids: Any) -> Any:
        """New ids, of the shape and dtype of `ids`.

        Raises:
            UnseenTokenError: An id is not kept, or lies beyond the table.
        """
        if torch.compiler.is_compiling():
            return torch.ops.prunus.renumber(ids, self.number)
        return self.convert(ids)

    def convert(self, ids: Any) -> Any:
        """As the call does, for ids at hand."""
        if self.fetch is not None:
            self.fetch(ids)
        new = self.look(ids)
        if new.numel() and int(new.min()) < 0:
            raise self.unknown(ids, new)
        return new.to(ids.dtype)

    def look(self, ids: Any) -> Any:
        """New ids, −1 where an id is not kept, int64."""
        table = self._tables.get(ids.device)
        if table is None:
            table = self._tables[ids.device] = self._tables[torch.device("cpu")].to(ids.device)
        return table[ids.clamp(-1, self.rows).long() + 1]

    def renumber(self, kept: Any) -> None:
        """Other rows are in memory from now on: `kept` `(kept,)`, int64, position is the new id; the rest is unseen."""
        for device, table in self._tables.items():
            table.fill_(-1)
            table[kept.to(device) + 1] = torch.arange(len(kept), device=device)

    def unknown(self, ids: Any, new: Any) -> UnseenTokenError:
        """The error about the first id that is not kept: the token, its row and column, the text around it."""
        position = tuple(int(i) for i in (new < 0).nonzero()[0])
        identifier = int(ids[position])
        row, column = (position[:-1] or (0,)), position[-1] if position else 0
        place = f"row {', '.join(map(str, row))}, column {column}"
        if not 0 <= identifier < self.rows:
            return UnseenTokenError(
                f"{self.where}: token id {identifier} at {place} lies beyond the {self.rows} rows of the full table",
                hint="The batch was made with another tokenizer, or labels were passed as ids.",
                id=identifier,
            )
        named, text = self._names(identifier, ids, position)
        missing = int((new < 0).sum())
        more = f", and {missing - 1} more ids of this batch" if missing > 1 else ""
        return UnseenTokenError(
            f"{self.where}: token id {identifier}{named} at {place} is not among the kept rows{more}{text}",
            hint='Count every data set that the run will see, or choose unseen="fetch" or unseen="unk".',
            id=identifier,
            row=list(row),
            column=column,
        )

    def _names(self, identifier: int, ids: Any, position: tuple[int, ...]) -> tuple[str, str]:
        if self.tokenizer is None:
            return "", ""
        column = position[-1] if position else 0
        row = ids[position[:-1]] if position else ids.view(1)
        around = [int(i) for i in row[max(0, column - _CONTEXT) : column + _CONTEXT]]
        inside = [i for i in around if 0 <= i < self.rows]
        return (
            f" ({self.tokenizer.convert_ids_to_tokens(identifier)!r})",
            f"; the text there: {self.tokenizer.decode(inside)!r}",
        )


def _renumber(ids: Any, number: int) -> Any:
    return _RENUMBERINGS[number].convert(ids)


def _like(ids: Any, number: int) -> Any:  # noqa: ARG001 - the signature of the operation
    return torch.empty_like(ids)


_operation = torch.library.custom_op(
    "prunus::renumber", _renumber, mutates_args=(), schema="(Tensor ids, int number) -> Tensor"
)
_operation.register_fake(_like)


def lookup_hook(renumbering: Renumbering, own: Any) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]:
    """A forward pre-hook of an embedding module, `own`, that renumbers its ids.

    Where rows are fetched, `torch.compile` leaves the hook out of its graph: the table's shape may change in it. A copy
    of the module has the hook too; its table does not follow when rows are fetched, which is a `UsageError`.
    """

    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if renumbering.fetch is not None and module is not own:
            raise UsageError(
                f"{renumbering.where}: a copy of the model that was made inside the block cannot fetch rows",
                hint="Copy the model outside the block.",
            )
        if args:
            return (renumbering(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "input": renumbering(kwargs["input"])}

    return hook if renumbering.fetch is None else torch.compiler.disable(hook)
