"""PEFT's trainable tokens: a layer that looks the table up by itself and names rows by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack


def token_layers(model: Any) -> Iterator[Any]:
    """The `TrainableTokensLayer` modules of a model."""
    for module in model.modules():
        if type(module).__name__ == "TrainableTokensLayer" and type(module).__module__.startswith("peft."):
            yield module


def entered_at(model: Any, lookup: Any) -> Any:
    """Where ids enter an embedding module: itself, or the trainable tokens around it, which do not call it."""
    return next((layer for layer in token_layers(model) if layer.base_layer is lookup), lookup)


def trained_ids(model: Any) -> set[int]:
    """The ids of all trainable tokens."""
    return {i for layer in token_layers(model) for ids in layer.token_indices.values() for i in ids}


def renumber_tokens(stack: ExitStack, layer: Any, kept: Any) -> None:
    """Names the trained rows of `layer` by their place among the kept ones, until the stack is closed.

    Args:
        stack: Undoes it.
        layer: Where ids enter; anything but trainable tokens is left alone.
        kept: Kept ids `(kept,)`, ascending, int64.

    Raises:
        SelectionError: A trained token is not kept.
    """
    indices = getattr(layer, "token_indices", None)
    if not isinstance(indices, dict):
        return
    places = {identifier: place for place, identifier in enumerate(kept.tolist())}
    for adapter, ids in list(indices.items()):
        missing = next((i for i in ids if i not in places), None)
        if missing is not None:
            raise SelectionError(
                f"adapter {adapter!r} trains token {missing}, which is not kept", hint="Keep it.", id=missing
            )
        stack.callback(indices.__setitem__, adapter, ids)
        indices[adapter] = [places[i] for i in ids]
