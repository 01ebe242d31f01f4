"""Ids renumbered where a model is entered: the model inside is the small one, the caller sees original ids."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from prunus.training.liveconfig import renumber_option

if TYPE_CHECKING:
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
        self._inside = False
        self._names = tuple(inspect.signature(model.forward).parameters)

    def install(self, stack: ExitStack) -> None:
        """Puts the hooks in place until the stack is closed."""
        stack.callback(self._model.register_forward_pre_hook(self._entering, with_kwargs=True, prepend=True).remove)
        for name, wrapper in (("generate", self._generate), ("save_pretrained", self._save_pretrained)):
            if hasattr(self._model, name) and (name == "generate" or self._full):
                vars(self._model)[name] = around(getattr(self._model, name), wrapper)
                stack.callback(vars(self._model).pop, name)

    def _entering(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002
        if self._inside:
            return None
        new = tuple(self._converted(name, value) for name, value in zip(self._names, args, strict=False))
        return (*new, *args[len(new) :]), {name: self._converted(name, value) for name, value in kwargs.items()}

    def _converted(self, name: str, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        if name.endswith("input_ids"):
            return self._renumbering(value)
        if name == "labels" and self._labels:
            return renumbered_labels(value, self._renumbering, self._kept)
        return value

    def _generate(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple(self._renumbering(value) if _are_ids(value) else value for value in args)
        for name, value in kwargs.items():
            if name == "inputs" or name.endswith("input_ids"):
                kwargs[name] = self._renumbering(value) if _are_ids(value) else value
            else:
                kwargs[name] = renumber_option(name, value, self._new_of)
        self._inside = True
        try:
            result = original(*args, **kwargs)
        finally:
            self._inside = False
        if isinstance(result, torch.Tensor):
            return self._old(result)
        result.sequences = self._old(result.sequences)
        return result

    def _save_pretrained(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        self._config.undo()
        try:
            return original(*args, **kwargs)
        finally:
            self._config.apply()

    def _new_of(self, old: int) -> int:
        return int(self._renumbering.convert(torch.tensor([old]))[0])

    def _old(self, ids: Any) -> Any:
        return self._kept.to(ids.device)[ids]


def _are_ids(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_floating_point()


def renumbered_labels(labels: Any, renumbering: Renumbering, kept: Any) -> Any:
    """New ids of labels; −100, which the loss leaves out, stays."""
    ignored = labels == _IGNORED
    some = kept[0].to(device=labels.device, dtype=labels.dtype)
    return torch.where(ignored, labels, renumbering(torch.where(ignored, some, labels)))


def around(original: Any, wrapper: Any) -> Any:
    """`original`, called by `wrapper`, which gets it as the first argument."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    return call
