"""Rows brought into memory when they are first looked up: `unseen="fetch"`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from prunus.errors import UsageError
from prunus.training.resizing import padding_place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunus.training.lookup import Renumbering
    from prunus.training.optimizers import OptimizerWatch
    from prunus.training.table import Table

FETCHED = 1024
"""How many fetched rows may stay in memory at least, while nothing is trained."""


class Fetching:
    """Fetched rows of one table, behind those that are kept anyway.

    While a table is only read, fetched rows make room for others once they are more than the kept ones (and more than
    `FETCHED`). From the first lookup that is differentiated on, or once an optimizer holds the table, they stay: graphs
    and optimizer states refer to their places.

    Args:
        table: The table, shrunk.
        renumbering: Its ids.
        modules: The embedding modules that hold it, with the `padding_idx` of all rows.
        watch: The optimizers; they bring rows up to date before they are read.
    """

    def __init__(self, table: Table, renumbering: Renumbering, modules: Iterable[Any], watch: OptimizerWatch) -> None:
        self._table = table
        self._renumbering = renumbering
        self._paddings = [(module, module.padding_idx) for module in modules]
        self._watch = watch
        self._stays = False
        renumbering.fetch = self.bring

    def bring(self, ids: Any) -> None:
        """Brings the rows of all `ids` into memory; ids beyond the table are left to the lookup, which refuses them.

        Args:
            ids: Token ids of any shape.

        Raises:
            UsageError: A row would have to be fetched in training on several processes.
        """
        tensor = self._table.tensor
        self._stays = self._stays or (torch.is_grad_enabled() and tensor.requires_grad) or self._watch.holds(tensor)
        missing = self._renumbering.look(ids) < 0
        if not bool(missing.any()):
            return
        with torch.inference_mode(mode=False), torch.no_grad():
            self._hold(self._chosen(ids, missing))

    def check(self, grad: Any) -> None:
        """A hook on the table: a gradient from before rows were fetched has no place in the table of now.

        Raises:
            UsageError: Rows were fetched between a forward pass and its backward pass.
        """
        if tuple(grad.shape) != tuple(self._table.tensor.shape):
            raise UsageError(
                f"{self._table.name}: rows were fetched after a forward pass and before its backward pass",
                hint="Call session.fetch(ids) with the ids of all batches that are differentiated together, first.",
                tensor=self._table.name,
            )

    def _chosen(self, ids: Any, missing: Any) -> Any:
        """What is to be held behind the kept rows: what is held and what is missing, or what this lookup needs."""
        held = self._table.spilled
        new = self._inside(ids[missing])
        if self._stays or len(held) + len(new) <= max(FETCHED, self._table.stayed):
            return torch.cat([held, new])
        wanted = self._inside(ids)
        return wanted[~torch.isin(wanted, self._table.kept[: self._table.stayed])]

    def _inside(self, ids: Any) -> Any:
        found = ids.unique().to("cpu", torch.int64)
        return found[(found >= 0) & (found < self._table.rows)]

    def _hold(self, extra: Any) -> None:
        if torch.equal(extra, self._table.spilled):
            return  # all that was missing lies beyond the table
        if self._stays:
            _refuse_processes(self._table.name)
        self._watch.hold(self._table, extra)
        self._renumbering.renumber(self._table.kept)
        for module, padding in self._paddings:
            module.num_embeddings = len(self._table.kept)
            module.padding_idx = padding_place(padding, self._table.kept)


def fetch_ahead(model: Any, fetchings: Iterable[Fetching]) -> Any:
    """A forward pre-hook of the model: what encoder and decoder will look up is fetched before either looks it up."""
    names = tuple(inspect.signature(model.forward).parameters)
    shifts = bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))

    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - torch's signature
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            ids = name.endswith("input_ids") or (name == "labels" and shifts)
            if ids and isinstance(value, torch.Tensor) and not value.is_floating_point():
                for fetching in fetchings:
                    fetching.bring(value)

    return torch.compiler.disable(hook)


def _refuse_processes(name: str) -> None:
    parallel = torch.distributed
    if parallel.is_available() and parallel.is_initialized() and parallel.get_world_size() > 1:
        raise UsageError(
            f"{name}: rows cannot be fetched while several processes train: their tables would differ",
            hint="Count every data set that is trained on.",
        )
