"""The vocabulary tensors of a live model: which share storage, and how kept rows are picked and put in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from prunus.checkpoint.header import TensorInfo
from prunus.errors import LiveModelError
from prunus.training.table import swap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from prunus.planned import PlannedTensor

# Rows are moved as integers: any dtype, fp8 too, has an integer of its size that every device can gather.
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class LiveTable:
    """One storage that token ids index.

    Attributes:
        planned: What becomes of it.
        tensors: The parameters and buffers over it: one, or several that were tied through `.data`.
    """

    planned: PlannedTensor
    tensors: tuple[Any, ...]


def tensor_infos(state: Mapping[str, Any]) -> tuple[dict[str, TensorInfo], frozenset[str]]:
    """Tensors in memory described like those of a checkpoint, and the names that are a second one of a tensor."""
    infos: dict[str, TensorInfo] = {}
    seconds: set[str] = set()
    seen: set[object] = set()
    for name, tensor in state.items():
        size = tensor.numel() * tensor.element_size()
        infos[name] = TensorInfo(name, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), "", 0, size)
        place = place_of(tensor)
        seconds |= {name} if place in seen else set()
        seen.add(place)
    return infos, frozenset(seconds)


def place_of(tensor: Any) -> object:
    """Equal for two tensors exactly where they show the same elements."""
    if tensor.is_meta or not tensor.numel():
        return id(tensor)
    return str(tensor.device), tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def live_tables(model: Any, planned: Iterable[PlannedTensor]) -> tuple[LiveTable, ...]:
    """Finds the tensors of a plan in a live model, ties once.

    Raises:
        LiveModelError: A tensor is quantised, sharded or offloaded, or shares part of its storage with another one.
    """
    _refuse_offloaded(model)
    everything = dict(named_tensors(model))
    places: dict[object, dict[int, Any]] = {}
    for tensor in everything.values():
        places.setdefault(place_of(tensor), {})[id(tensor)] = tensor
    tables: dict[object, LiveTable] = {}
    state = model.state_dict(keep_vars=True)
    for tensor in planned:
        live = state[tensor.name]
        _refuse_unusual(live, tensor.name)
        place = place_of(live)
        tables.setdefault(place, LiveTable(tensor, tuple(places[place].values())))
    _refuse_parts(everything, tables)
    return tuple(tables.values())


def named_tensors(model: Any) -> Iterator[tuple[str, Any]]:
    """Every parameter and buffer under each of its names, buffers that are never saved included."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def picked(table: LiveTable, old_ids: NDArray[Any]) -> Any:
    """A new tensor with the kept rows, and zero rows up to the planned number; on meta just its shape."""
    axis, tensor = table.planned.axis, table.tensors[0].detach()
    ids = torch.from_numpy(old_ids[old_ids < tensor.shape[axis]].astype("int64"))
    rows = tensor.view(_BITS[tensor.element_size()]).index_select(axis, ids.to(tensor.device))
    missing = table.planned.new_shape[axis] - len(ids)
    if missing:
        shape = (*rows.shape[:axis], missing, *rows.shape[axis + 1 :])
        rows = torch.cat([rows, rows.new_zeros(shape)], dim=axis)
    return rows.view(tensor.dtype)


def put(stack: ExitStack, table: LiveTable, data: Any, old_ids: NDArray[Any]) -> None:
    """Swaps the storage under every tensor of a table; gradients keep the kept rows. Undone by the stack."""
    for tensor in table.tensors:
        grad = tensor.grad
        stack.callback(swap, tensor, tensor.data, grad)
        swap(
            tensor, data, None if grad is None or grad.is_sparse else picked(LiveTable(table.planned, (grad,)), old_ids)
        )


def _refuse_unusual(tensor: Any, name: str) -> None:
    if type(tensor) not in {torch.Tensor, torch.nn.Parameter, torch.nn.Buffer} or hasattr(tensor, "ds_id"):
        raise LiveModelError(
            f"{name} is a {type(tensor).__module__}.{type(tensor).__qualname__}, not a plain tensor",
            hint="Quantised and sharded tables (bitsandbytes, torchao, DTensor, FSDP2, DeepSpeed) cannot be pruned "
            "in memory: prune the checkpoint on disk, and load that.",
            tensor=name,
        )


def _refuse_offloaded(model: Any) -> None:
    for name, module in model.named_modules():
        if getattr(getattr(module, "_hf_hook", None), "offload", False):
            raise LiveModelError(
                f"the weights of {name or 'the model'} are offloaded by accelerate, and are not in memory",
                hint="Prune the checkpoint on disk, or load the model without offloading.",
            )


def _refuse_parts(everything: Mapping[str, Any], tables: Mapping[object, LiveTable]) -> None:
    """A view of part of a table would go on showing the rows of before."""
    own = {
        table.tensors[0].untyped_storage().data_ptr(): table.planned.name
        for table in tables.values()
        if not table.tensors[0].is_meta and table.tensors[0].numel()
    }
    for name, tensor in everything.items():
        plain = not tensor.is_meta and tensor.numel() and place_of(tensor) not in tables
        table = own.get(tensor.untyped_storage().data_ptr()) if plain else None
        if table is not None:
            raise LiveModelError(
                f"{name} shows part of the storage of {table}, or shows it otherwise",
                hint="Tie them by assigning one parameter to both modules.",
                tensor=name,
            )
