"""Mode `output`: only an untied head is small. Inputs are any ids, labels and what is generated are kept ones."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from prunus.errors import LiveModelError
from prunus.training.entry import around, renumbered_labels
from prunus.training.places import override

if TYPE_CHECKING:
    from contextlib import ExitStack

    from prunus.training.liveconfig import LiveConfig
    from prunus.training.lookup import Renumbering


class OutputEntry:
    """Hooks around `forward` and `generate` of one model.

    Args:
        model: The model.
        renumbering: Old id → new id of the head's rows.
        kept: New id → old id `(kept,)`, int64.
        sizes: The configs' sizes, which are those of the small head while the loss is computed.
    """

    def __init__(self, model: Any, renumbering: Renumbering, kept: Any, sizes: LiveConfig) -> None:
        self._model, self._renumbering, self._kept, self._sizes = model, renumbering, kept, sizes
        self._generating = False
        self._names = tuple(inspect.signature(model.forward).parameters)

    def install(self, stack: ExitStack) -> None:
        """Puts the hooks in place until the stack is closed."""
        model = self._model
        stack.callback(model.register_forward_pre_hook(self._entering, with_kwargs=True, prepend=True).remove)
        stack.callback(model.register_forward_hook(self._leaving, always_call=True).remove)
        if hasattr(model, "generate"):
            override(stack, model, "generate", around(model.generate, self._generate))

    def _entering(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002
        named = dict(zip(self._names, args, strict=False))
        labels = kwargs.get("labels", named.get("labels"))
        if isinstance(labels, torch.Tensor):
            self._start_decoder(named, kwargs, labels)
            new = renumbered_labels(labels, self._renumbering, self._kept)
            (kwargs if "labels" in kwargs else named)["labels"] = new
        if not self._generating:
            self._sizes.apply()
        return (*named.values(), *args[len(named) :]), kwargs

    def _start_decoder(self, named: dict[str, Any], kwargs: dict[str, Any], labels: Any) -> None:
        """A decoder that would make its inputs of the labels gets them of the original ones."""
        given = any((named | kwargs).get(f"decoder_{name}") is not None for name in ("input_ids", "inputs_embeds"))
        if given or not getattr(self._model.config, "is_encoder_decoder", False):
            return
        shift = getattr(self._model, "prepare_decoder_input_ids_from_labels", None)
        if shift is None:
            raise LiveModelError(
                f"{type(self._model).__name__} makes decoder inputs of labels in a way of its own",
                hint="Pass decoder_input_ids.",
            )
        (named if "decoder_input_ids" in named else kwargs)["decoder_input_ids"] = shift(labels=labels)

    def _leaving(self, module: Any, args: Any, output: Any) -> Any:  # noqa: ARG002 - torch's signature
        self._sizes.undo()
        if self._generating and output is not None:
            output.logits = self._whole(output.logits)
        return output

    def _whole(self, logits: Any) -> Any:
        """Logits with a column for every token: those that are not kept cannot be chosen."""
        full = logits.new_full((*logits.shape[:-1], self._renumbering.rows), -torch.inf)
        full[..., self._kept.to(full.device)] = logits
        return full

    def _generate(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        self._generating = True
        try:
            return original(*args, **kwargs)
        finally:
            self._generating = False
