"""Ids renumbered where a model is entered: the model inside is the small one, the caller sees original ids."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from prunus.errors import UsageError
from prunus.training.generating import Options
from prunus.training.places import override

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

    from prunus.training.liveconfig import LiveConfig
    from prunus.training.lookup import Renumbering

_IGNORED = -100


class Entry:
    """Hooks around `forward`, `generate` and `save_pretrained` of one model.

    Args:
        model: The model.
        renumbering: Old id → new id.
        kept: New id → old id `(kept,)`, int64.
        labels: Whether `labels` are token ids.
        config: The configs, which `save_pretrained` writes as those of the full model.
        full: Whether checkpoints are full-size.
    """

    def __init__(
        self, model: Any, renumbering: Renumbering, kept: Any, config: LiveConfig, *, labels: bool, full: bool
    ) -> None:
        self._model, self._renumbering, self._kept, self._config = model, renumbering, kept, config
        self._labels, self._full = labels, full
        self._options = Options(model, renumbering, kept)
        self._generating = False
        self._depth = 0
        self._names = tuple(inspect.signature(model.forward).parameters)

    def install(self, stack: ExitStack, lookups: Iterable[Any]) -> None:
        """Puts the hooks in place until the stack is closed.

        Args:
            stack: Undoes it.
            lookups: The embedding modules that hold the table; they are called with new ids only.
        """
        stack.callback(self._model.register_forward_pre_hook(self._entering, with_kwargs=True, prepend=True).remove)
        stack.callback(self._model.register_forward_hook(self._leaving, always_call=True).remove)
        for module in lookups:
            stack.callback(module.register_forward_pre_hook(self._looking_up).remove)
        for name, wrapper in (("generate", self._generate), ("save_pretrained", self._save_pretrained)):
            if hasattr(self._model, name) and (name == "generate" or self._full):
                override(stack, self._model, name, around(getattr(self._model, name), wrapper))

    def _entering(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002
        self._depth += 1
        if self._generating:
            return None
        new = tuple(self._converted(name, value) for name, value in zip(self._names, args, strict=False))
        return (*new, *args[len(new) :]), {name: self._converted(name, value) for name, value in kwargs.items()}

    def _leaving(self, module: Any, args: Any, output: Any) -> None:  # noqa: ARG002 - torch's signature
        self._depth = max(0, self._depth - 1)

    def _looking_up(self, module: Any, args: Any) -> None:  # noqa: ARG002 - torch's signature
        """Ids that did not come through the model's entry are original ones, or whose they are is not known."""
        if not self._depth and not self._generating:
            raise UsageError(
                f'{self._renumbering.where} was looked up, in mode="input+output", by a call that did not go through '
                f"{type(self._model).__name__}, where ids are renumbered",
                hint="Call the model itself (not its forward, not a part of it), or do it after the block.",
            )

    def _converted(self, name: str, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if name.endswith("input_ids"):
            return self._renumbering(value)
        if name == "labels" and self._labels:
            return renumbered_labels(value, self._renumbering, self._kept)
        return value

    def _generate(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        parameters = inspect.signature(original).parameters.values()
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = dict(zip(names, args, strict=False)) | kwargs
        options = {name: self._options.inside(name, value) for name, value in named.items()}
        args = tuple(self._options.inside("inputs", value) for value in args[len(names) :])
        self._generating = True
        try:
            result = original(*args, **options)
        finally:
            self._generating = False
        if isinstance(result, torch.Tensor):
            return self._options.old(result)
        result.sequences = self._options.old(result.sequences)
        return result

    def _save_pretrained(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        self._config.undo()
        try:
            return original(*args, **kwargs)
        finally:
            self._config.apply()


def renumbered_labels(labels: Any, renumbering: Renumbering, kept: Any) -> Any:
    """New ids of labels; −100, which the loss leaves out, stays."""
    ignored = labels == _IGNORED
    some = kept[0].to(device=labels.device, dtype=labels.dtype)
    return torch.where(ignored, labels, renumbering(torch.where(ignored, some, labels)))


def around(original: Any, wrapper: Any) -> Any:
    """`original`, called by `wrapper`, which gets it as the first argument; a copy of the model gets its own."""
    return partial(wrapper, original)
