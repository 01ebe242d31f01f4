"""What a model's modules say of the vocabulary beside its tensors, found by building the model twice.

Modules copy sizes and ids out of their config (`padding_idx`, `n_words`, `ignore_index`, an encoder's own config). The
class is built on the meta device with the config of before and with that of after: whatever differs is such a copy.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from prunus.checks.models import quietly
from prunus.errors import LiveModelError
from prunus.live.tables import named_tensors
from prunus.training.liveconfig import CONFIGS, place_of, set_field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from prunus.planned import PrunePlan

_OF_TORCH = frozenset(vars(torch.nn.Module()))
_PLAIN = (bool, int, float, str, bytes, type(None), torch.dtype)


class Twins:
    """The class of a model built with the config of before and with that of after.

    Args:
        model: A model of transformers, as it was before.
        plan: The plan.

    Raises:
        LiveModelError: The class cannot be built from a config, or the one built has other sizes than the plan.
    """

    def __init__(self, model: Any, plan: PrunePlan) -> None:
        config = copy.deepcopy(model.config)
        for edit in plan.edits:
            if CONFIGS.get(edit.file) == "config":
                set_field(*place_of(config, edit.path), edit.after)
        self.before, self.after = _built(model, model.config), _built(model, config)
        _check_shapes(self, plan)

    def follow(self, stack: ExitStack, model: Any) -> None:
        """Brings every attribute of a module that differs between the two to that of after; undone by the stack.

        Raises:
            LiveModelError: An attribute differs between the two, and is neither of both in the model.
        """
        generation = getattr(model, "generation_config", None)
        seen = set() if generation is None else {id(generation)}
        before, after = (dict(twin.named_modules()) for twin in (self.before, self.after))
        for name, module in model.named_modules():
            if name in before and name in after:
                _Attributes(stack, seen).follow(module, before[name], after[name], name or type(model).__name__)


class _Attributes:
    """Walks three objects of one class side by side."""

    def __init__(self, stack: ExitStack, seen: set[int]) -> None:
        self._stack, self._seen = stack, seen

    def follow(self, live: Any, before: Any, after: Any, where: str) -> None:
        if id(live) in self._seen:
            return
        self._seen.add(id(live))
        for name in vars(after).keys() & vars(before).keys() & vars(live).keys() - _OF_TORCH:
            self._value(live, name, vars(before)[name], vars(after)[name], f"{where}.{name}")

    def _value(self, holder: Any, name: str, before: Any, after: Any, where: str) -> None:
        live = vars(holder)[name]
        if _is_plain(before) and _is_plain(after):
            if not _same(before, after) and not _same(live, after):
                if not _same(live, before):
                    raise LiveModelError(
                        f"{where} is {live!r}; the class sets {before!r} for the vocabulary of now, and {after!r} for "
                        "the small one",
                        hint="It was changed by hand: set it back, prune, and set it again.",
                    )
                self._stack.callback(setattr, holder, name, live)
                setattr(holder, name, copy.deepcopy(after))
        elif isinstance(after, torch.Tensor) or isinstance(before, torch.Tensor):
            if getattr(before, "shape", None) != getattr(after, "shape", None):
                raise LiveModelError(f"{where} is a tensor that depends on the vocabulary and belongs to no state dict")
        elif type(live) is type(before) is type(after) and hasattr(after, "__dict__") and not callable(after):
            self.follow(live, before, after, where)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_plain(item) for item in value)
    return isinstance(value, _PLAIN)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or repr(one) == repr(other)  # NaN equals itself here


def _built(model: Any, config: Any) -> Any:
    kind = type(model)
    try:
        with quietly(), torch.random.fork_rng(devices=[]), torch.device("meta"):
            return kind(copy.deepcopy(config))
    except Exception as error:  # whatever a foreign class raises
        raise LiveModelError(
            f"{kind.__name__} cannot be built from its config to see what depends on the vocabulary: "
            f"{type(error).__name__}: {error}"[:400],
            hint="Pass the model of transformers itself, or prune its checkpoint on disk.",
        ) from error


def _check_shapes(twins: Twins, plan: PrunePlan) -> None:
    """What the class itself makes of the small config must be what the plan makes of the tensors."""
    planned = {tensor.name: tensor for tensor in plan.tensors}
    before, after = (_shapes(twin) for twin in (twins.before, twins.after))
    for name in before.keys() & after.keys():
        tensor = planned.get(name)
        wanted = before[name] if tensor is None else tensor.new_shape
        if after[name] != wanted or (tensor is not None and before[name] != tensor.shape):
            raise LiveModelError(
                f"{name} {before[name]} becomes {after[name]} in the class {type(twins.after).__name__}, and "
                f"{wanted} in the plan",
                hint="Report this: the architecture holds the vocabulary in a way that Prunus does not know.",
                tensor=name,
            )


def _shapes(model: Any) -> Mapping[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in named_tensors(model)}
