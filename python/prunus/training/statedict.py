"""Checkpoints from inside the block: full-size and ordinary by default, and full-size ones can be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import torch

from prunus.errors import UsageError

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
        self._modules: dict[int, Any] = {}
        self._last: dict[int, tuple[str, Any]] = {}

    def __enter__(self) -> StateDicts:
        for module in self._model.modules():
            held = (*module._parameters.values(), *module._buffers.values())
            if any(id(tensor) in self._tables for tensor in held):
                self._modules[id(module)] = module
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
        self._refuse_copy(module)
        for name, table in self._held(module):
            if prefix + name in state_dict:
                state_dict[prefix + name] = self._whole(table, state_dict, prefix + name)

    def _refuse_copy(self, module: Any) -> None:
        """A copy has the hooks of the original, and none of the rows that wait."""
        if id(module) not in self._modules:
            raise UsageError(
                f"this {type(module).__name__} belongs to a copy of the model that was made inside the block: it has "
                "the kept rows alone, and cannot be saved whole",
                hint='Copy the model outside the block, or choose save="pruned".',
            )

    def _whole(self, table: Table, state_dict: dict[str, Any], key: str) -> Any:
        """The full tensor; that of another name in the same dictionary, if there is one: a tie stays a tie."""
        before, full = self._last.get(id(table.tensor), (key, None))
        full = None if full is None else full()
        if full is not None and before != key and state_dict.get(before) is full:
            return full
        self._watch.advance()
        table.own_rest()  # what is saved now may be written over the checkpoint that rows are read from
        full = table.full("cpu")
        self._last[id(table.tensor)] = key, ref(full)
        return full

    def _loading(self, module: Any, state_dict: dict[str, Any], prefix: str, local_metadata: Any, *_: Any) -> None:
        for name, table in self._held(module):
            if local_metadata.get("assign_to_params_buffers"):
                raise UsageError(
                    f"{prefix}{name}: load_state_dict(assign=True) would put another parameter in place of the one "
                    "that the block watches",
                    hint="Load without assign=True, or before the block.",
                )
            value = state_dict.get(prefix + name)
            if isinstance(value, torch.Tensor) and tuple(value.shape) == table.full_shape != table.small_shape:
                self._watch.advance()  # optimizer states keep the steps until now; the rows themselves are replaced
                table.own_rest().copy_(table.pick_rest(value))
                state_dict[prefix + name] = table.pick(value)
