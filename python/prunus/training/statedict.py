"""Checkpoints from inside the block: full-size and ordinary by default, and full-size ones can be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prunus.training.optimizers import OptimizerWatch
    from prunus.training.table import Table


class StateDicts:
    """Hooks on every module that holds a table; a context manager.

    The full matrix is put together on the CPU, once for all names of a table, so that a tie stays one storage.

    Args:
        model: The model.
        tables: Its shrunk tables.
        watch: The optimizers' watch: rows that wait are brought up to date before they are saved.
        full: Whether `state_dict()` gives full-size tensors.
    """

    def __init__(self, model: Any, tables: Iterable[Table], watch: OptimizerWatch, *, full: bool) -> None:
        self._model = model
        self._tables = {id(table.tensor): table for table in tables}
        self._watch = watch
        self._full = full
        self._handles: list[Any] = []
        self._last: dict[int, tuple[Any, Any]] = {}

    def __enter__(self) -> StateDicts:
        for module in self._model.modules():
            held = (*module._parameters.values(), *module._buffers.values())
            if any(id(tensor) in self._tables for tensor in held):
                if self._full:
                    self._handles.append(module.register_state_dict_post_hook(self._saving_hook()))
                self._handles.append(module.register_load_state_dict_pre_hook(self._loading))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _held(self, module: Any) -> list[tuple[str, Table]]:
        held = {**module._parameters, **module._buffers}  # the public iterators skip shared ones
        tables = ((name, self._tables.get(id(tensor))) for name, tensor in held.items())
        return [(name, table) for name, table in tables if table is not None]

    def _saving_hook(self) -> Callable[..., None]:
        """Torch marks the hook with an attribute, which a bound method cannot take."""

        def hook(*args: Any) -> None:
            self._saving(*args)

        return hook

    def _saving(self, module: Any, state_dict: dict[str, Any], prefix: str, local_metadata: Any) -> None:  # noqa: ARG002
        for name, table in self._held(module):
            if prefix + name in state_dict:
                state_dict[prefix + name] = self._whole(table)

    def _whole(self, table: Table) -> Any:
        """The full tensor; the same object as long as somebody holds it and nothing was trained meanwhile."""
        self._watch.advance()
        table.own_rest()  # what is saved now may be written over the checkpoint that rows are read from
        tensor = table.tensor
        known = self._last.get(id(tensor))
        full = known[0]() if known is not None and known[1] == tensor._version else None
        if full is None:
            full = table.full("cpu")
            self._last[id(tensor)] = ref(full), tensor._version
        return full

    def _loading(self, module: Any, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        for name, table in self._held(module):
            value = state_dict.get(prefix + name)
            if isinstance(value, torch.Tensor) and tuple(value.shape) == table.full_shape != table.small_shape:
                table.own_rest().copy_(table.pick_rest(value))
                self._watch.forget(table)
                state_dict[prefix + name] = table.pick(value)
