"""The checks of `verify` on a live model: tokenizer and configs as files, tensors and outputs in memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from prunus.checks.configs import check_configs
from prunus.checks.document import check_document
from prunus.checks.forward import NAME as FORWARD
from prunus.checks.forward import forward_rows
from prunus.checks.loading import check_loading
from prunus.checks.models import TOLERANCE, Running, compare_runs, quietly
from prunus.checks.outcome import Looking
from prunus.checks.pair import Pair
from prunus.checks.renumbering import check_remap
from prunus.checks.rescan import check_rescan
from prunus.checks.rows import check_rows
from prunus.checks.sidecars import check_sidecars
from prunus.live.tables import named_tensors, place_of
from prunus.verification import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prunus.checkpoint.index import Checkpoint
    from prunus.checks.runtime import Runtime
    from prunus.planned import PrunePlan
    from prunus.plugin.family import Check


@dataclass(frozen=True, eq=False)
class LivePair(Pair):
    """A live model, before and after, seen as the pair of directories that `verify` compares.

    Attributes:
        before: Its tensors before.
        after: Its tensors after.
    """

    before: Checkpoint | None = None
    after: Checkpoint | None = None

    @cached_property
    def source(self) -> Checkpoint:
        """The tensors before."""
        assert self.before is not None
        return self.before

    @cached_property
    def pruned(self) -> Checkpoint:
        """The tensors after."""
        assert self.after is not None
        return self.after


def check_files(pair: LivePair, runtime: Runtime) -> Iterator[Check]:
    """Everything that can be checked before the model is touched."""
    yield guarded("remap", lambda: check_remap(pair))
    yield guarded("configs", lambda: check_configs(pair))
    yield guarded("tokenizer.json", lambda: check_document(pair))
    yield guarded("tokenizer.load", lambda: check_loading(pair, runtime))
    yield guarded("tokenizer.files", lambda: check_sidecars(pair, runtime))
    yield guarded("tokenizer.rows", lambda: check_rows(pair, runtime))
    yield guarded("tokenizer.rescan", lambda: check_rescan(pair, runtime))


class Witness:
    """What a model was and computed before it was pruned.

    Args:
        model: The model, as it is now.
        pair: The pair, for the texts.
        runtime: The tokenizers.
    """

    def __init__(self, model: Any, pair: LivePair, runtime: Runtime) -> None:
        self._model, self._pair = model, pair
        self._groups = _groups(model)
        self._gradients = {name: t.requires_grad for name, t in named_tensors(model)}
        self._rows, self._why_not = _texts(model, pair, runtime)
        self._outputs: list[dict[str, Any]] = []
        if not self._why_not:
            try:
                self._outputs = _outputs(model, self._rows)
            except Exception as error:  # noqa: BLE001 - a model that does not run is no fault of the pruning
                self._why_not = f"the model does not run: {type(error).__name__}: {error}"[:300]

    def checks(self, plan: PrunePlan) -> Iterable[Check]:
        """Compares the model of now with what it was."""
        yield guarded("tensors", lambda: self._tensors(plan))
        yield guarded(FORWARD, self._forward)

    def _tensors(self, plan: PrunePlan) -> Check:
        looking = Looking("tensors")
        shapes = {name: tuple(t.shape) for name, t in self._model.state_dict(keep_vars=True).items()}
        wanted = {tensor.name: tensor.new_shape for tensor in plan.tensors}
        for name, info in self._pair.source.tensors.items():
            want = wanted.get(name, info.shape)
            looking.expect(shapes.get(name) == want, f"{name}: {shapes.get(name)} should be {want}")
        looking.expect(_groups(self._model) == self._groups, "other tensors share storage than before")
        now = {name: t.requires_grad for name, t in named_tensors(self._model)}
        looking.expect(now == self._gradients, "requires_grad changed")
        ties = sum(len(group) - 1 for group in self._groups)
        return looking.done(f"{len(wanted)} of {len(shapes)} tensors smaller, {ties} ties and requires_grad as before")

    def _forward(self) -> Check:
        looking = Looking(FORWARD)
        if self._why_not:
            return looking.skipped(self._why_not)
        new = [[self._pair.remap.new_of(i) for i in ids] for ids in self._rows]
        results = _outputs(self._model, new)
        runs = self._outputs, results
        return compare_runs(self._pair, type(self._model).__name__, runs, looking, _tolerance(self._model))


def _texts(model: Any, pair: LivePair, runtime: Runtime) -> tuple[Sequence[list[int]], str]:
    if not pair.options.forward:
        return (), "switched off"
    if any(tensor.is_meta for _, tensor in named_tensors(model)):
        return (), "the model is on the meta device"
    size = sum(t.nbytes for t in pair.source.tensors.values())
    if size > pair.options.largest_forward:
        return (
            (),
            f"the model has {size / 1e9:.1f} GB of weights, more than {pair.options.largest_forward / 1e9:.1f} GB",
        )
    rows = forward_rows(pair, runtime)
    return rows, "" if rows else "no text consists of kept tokens only"


def _outputs(model: Any, rows: Sequence[list[int]]) -> list[dict[str, Any]]:
    running = Running(model)
    with quietly(), _evaluating(model):
        return [running.run(ids) for ids in rows]


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Every module in evaluation mode inside, and as it was afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _tolerance(model: Any) -> float:
    """One rounding of the largest logit in the model's own precision, where that is coarser."""
    kinds = {t.dtype for _, t in named_tensors(model) if t.is_floating_point()}
    return max([TOLERANCE, *(2.0 * float(torch.finfo(kind).eps) for kind in kinds)])


def _groups(model: Any) -> frozenset[frozenset[str]]:
    groups: dict[object, set[str]] = {}
    for name, tensor in named_tensors(model):
        if prod(tensor.shape):
            groups.setdefault(place_of(tensor), set()).add(name)
    return frozenset(frozenset(group) for group in groups.values() if len(group) > 1)
