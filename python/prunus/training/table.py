"""One vocabulary tensor of a live model while only some of its rows are in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import torch

from prunus.errors import UsageError
from prunus.training.backing import CheckpointRows
from prunus.training.store import blocks, spill

if TYPE_CHECKING:
    import os

    from prunus.training.backing import Base

_SHRUNK: WeakSet[Table] = WeakSet()


class Table:
    """A parameter or buffer whose storage is swapped: kept rows inside the block, all rows outside.

    Args:
        tensor: The parameter or buffer, `(rows, hidden)`, `(rows,)` or with the vocabulary on another axis.
        name: Its name in the model, for messages.
        axis: The axis that the token id indexes.

    Attributes:
        tensor: The object itself; modules and optimizers keep their reference to it.
        name: Its name.
        axis: The axis.
        rows: Rows of the full tensor.
        kept: Ids whose rows are in memory `(kept,)`, int64, on the CPU; position is the new id.
        rest_ids: The ids that left memory, ascending.
        rest: Their rows, mapped from a file, with the vocabulary on axis 0; out of date for those that came back.
    """

    def __init__(self, tensor: Any, name: str, axis: int = 0) -> None:
        self.tensor = tensor
        self.name = name
        self.axis = axis
        self.rows = int(tensor.shape[axis])
        self.full_shape = tuple(tensor.shape)
        self.kept: Any = torch.arange(self.rows)
        self.rest_ids: Any = torch.empty(0, dtype=torch.int64)
        self.rest: Any = None
        self._directory: str | os.PathLike[str] | None = None

    @property
    def spilled(self) -> Any:
        """Ids of `rest` that are in memory again `(fetched,)`, in the order of their places."""
        return self.kept[self.stayed :]

    @property
    def stayed(self) -> int:
        """How many rows never left memory; they come first in `kept`."""
        return self.rows - len(self.rest_ids)

    @property
    def small_shape(self) -> tuple[int, ...]:
        """Shape while only kept rows are in memory."""
        return (*self.full_shape[: self.axis], len(self.kept), *self.full_shape[self.axis + 1 :])

    @property
    def shrunk(self) -> bool:
        """Whether only kept rows are in memory."""
        return self.rest is not None

    def shrink(self, kept: Any, directory: str | os.PathLike[str] | None, base: Base | None = None) -> None:
        """Leaves only the rows `kept` in memory; a gradient that is there is sliced too.

        Args:
            kept: Ids `(kept,)`, int64.
            directory: Where a temporary file for the others lies; the system's place by default.
            base: A checkpoint to read the others from instead, for as long as nothing changes them.

        Raises:
            CheckpointError: The checkpoint holds other values than the model.
            UsageError: Rows that would leave hold a gradient that no optimizer has used yet.
            OutputError: The other rows cannot be written to the temporary file.
        """
        mask = torch.ones(self.rows, dtype=torch.bool)
        mask[kept] = False
        self.rest_ids = mask.nonzero().view(-1)
        grad = self._small_grad(kept)
        self._directory = directory
        if base is None:
            self.rest = spill(self.tensor.data.movedim(self.axis, 0), self.rest_ids, directory)
        else:
            self.rest = base.rows(self.tensor.data, self.name, self.axis, self.rest_ids)
        self.kept = kept
        swap(self.tensor, self.pick(self.tensor.data), grad)
        _SHRUNK.add(self)

    def restore(self) -> None:
        """Puts the full tensor back, the rows of now in their places; a gradient becomes full-size, zero elsewhere."""
        full = self.full(self.tensor.device)
        grad = self.tensor.grad
        if grad is not None:
            grad = moved(grad, self.kept, self.full_shape) if grad.is_sparse else self.scatter(grad, None)
        swap(self.tensor, full, grad)
        self.rest = None
        _SHRUNK.discard(self)

    def own_rest(self) -> Any:
        """`rest`, to be written to: rows of a checkpoint are copied to a temporary file first.

        Raises:
            CheckpointError: The checkpoint was written to since the block began.
            OutputError: The rows cannot be written.
        """
        if isinstance(self.rest, CheckpointRows):
            self.rest = self.rest.copied(self._directory)
        return self.rest

    def convert_rest(self) -> None:
        """Rounds `rest` to the dtype of the rows in memory; rows that are up to date.

        Raises:
            CheckpointError: As `own_rest`.
            OutputError: The rows cannot be written.
        """
        rest = self.own_rest()
        self.rest = spill(rest, torch.arange(len(rest)), self._directory, self.tensor.dtype)

    def hold(self, fetched: Any) -> None:
        """Keeps these ids of `rest` in memory, behind the rows that never left; others that came back leave again.

        A gradient that is there gets zeros for new rows.

        Args:
            fetched: Ids `(fetched,)`, int64, on the CPU, all of `rest_ids`, in the order that they are to have.
        """
        old, base = self.spilled, self.stayed
        longer = len(old) <= len(fetched) and torch.equal(fetched[: len(old)], old)
        stay = len(self.kept) if longer else base
        data, grad = self.tensor.data, self.tensor.grad
        if stay < len(self.kept):
            self.own_rest()[self._places(self.kept[stay:])] = data[stay:].to("cpu", self.rest.dtype)
        new = fetched[stay - base :]
        rows = self.rows_of(self.rest, new, data)
        if grad is not None and grad.is_sparse:  # rows that may have one never leave
            grad = moved(grad, torch.arange(stay), (stay + len(new), *data.shape[1:]))
        elif grad is not None:
            grad = torch.cat([grad[:stay], torch.zeros_like(rows)])
        self.kept = torch.cat([self.kept[:base], fetched])
        swap(self.tensor, torch.cat([data[:stay], rows]), grad)

    def rows_of(self, rest: Any, ids: Any, like: Any) -> Any:
        """Rows of `rest`, or of state beside it, for some of `rest_ids`; zeros where `rest` is None."""
        if rest is None:
            return torch.zeros((len(ids), *like.shape[1:]), dtype=like.dtype, device=like.device)
        return rest[self._places(ids)].to(device=like.device, dtype=like.dtype)

    def _places(self, ids: Any) -> Any:
        return torch.searchsorted(self.rest_ids, ids)

    def full(self, device: Any = "cpu") -> Any:
        """A new tensor of the full shape, on `device`, in the dtype of now."""
        return self.scatter(self.tensor.data, self.rest, device)

    def pick(self, full: Any) -> Any:
        """The kept rows of a tensor of the full shape."""
        return full.index_select(self.axis, self.kept.to(full.device)).contiguous()

    def pick_rest(self, full: Any) -> Any:
        """The other rows of a tensor of the full shape, vocabulary on axis 0."""
        return full.movedim(self.axis, 0).index_select(0, self.rest_ids.to(full.device))

    def scatter(self, small: Any, rest: Any, device: Any = None) -> Any:
        """A tensor of the full shape from kept rows and the others; zero where `rest` is None."""
        full = torch.zeros(self.full_shape, dtype=small.dtype, device=device or small.device)
        view = full.movedim(self.axis, 0)
        if rest is not None:
            for part in blocks(len(self.rest_ids), rest[:1].numel()):
                rows = rest[part].to(device=full.device, dtype=full.dtype)
                view[self.rest_ids[part].to(full.device)] = rows
        view[self.kept.to(full.device)] = small.movedim(self.axis, 0).to(full.device)
        return full

    def _small_grad(self, kept: Any) -> Any:
        grad = self.tensor.grad
        if grad is None:
            return None
        dense = grad.to_dense() if grad.is_sparse else grad
        outside = dense.movedim(self.axis, 0).index_select(0, self.rest_ids.to(grad.device))
        if bool((outside != 0).any()):
            raise UsageError(
                f"{self.name} holds a gradient of rows that are not kept",
                hint="Call optimizer.zero_grad() first, or keep the ids of that batch too.",
                tensor=self.name,
            )
        return grad.index_select(self.axis, kept.to(grad.device))


def moved(grad: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """A sparse gradient whose rows lie elsewhere.

    Args:
        grad: The gradient, sparse in its first axis.
        places: New row by old `(rows,)`, int64.
        shape: The shape that it is to have.
    """
    indices = grad._indices().clone()
    indices[0] = places.to(indices.device)[indices[0]]
    with torch.sparse.check_sparse_tensor_invariants(enable=False):  # or torch warns
        return torch.sparse_coo_tensor(indices, grad._values(), shape)


def refuse_shrunk(model: Any) -> None:
    """Refuses a model that is inside a block already: ids would be renumbered twice.

    Raises:
        UsageError: A parameter or buffer holds only some of its rows.
    """
    inside = {id(table.tensor): table for table in _SHRUNK}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if id(tensor) in inside:
            raise UsageError(
                f"{name} is inside a block of fine_tuning already, of this model or of one that shares it",
                hint="Leave that block first, or call restore() on its session.",
                tensor=name,
            )


def swap(tensor: Any, data: Any, grad: Any) -> None:
    """Puts other storage under a parameter or buffer; modules, ties and optimizers keep their reference to it.

    Args:
        tensor: The parameter or buffer.
        data: Its values from now on, of any shape.
        grad: Its gradient from now on, or None.
    """
    tensor.grad = None
    if tensor.requires_grad:
        # A graph that is still alive holds a gradient accumulator of the old shape; another dtype resets it.
        other = torch.float32 if data.dtype != torch.float32 else torch.float64
        tensor.data = torch.empty(0, dtype=other, device=data.device)
    tensor.data = data
    tensor.grad = grad
