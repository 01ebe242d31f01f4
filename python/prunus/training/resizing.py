"""What modules say of their own size, while they hold fewer rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from contextlib import ExitStack


def holds(module: Any, tensor: Any) -> bool:
    """Whether a module itself holds this very parameter or buffer."""
    held = (*module._parameters.values(), *module._buffers.values())  # shared ones too
    return any(other is tensor for other in held)


def resize(stack: ExitStack, module: Any, kept: Any, rows: int | None = None) -> None:
    """Sizes and `padding_idx` in terms of the rows in memory; as they were when the stack is closed.

    Args:
        stack: Undoes it.
        module: An embedding, or with `rows` also a linear layer; its weight is small already.
        kept: Kept ids `(kept,)`, int64.
        rows: Rows of the full vocabulary: features of a linear layer that are as many become fewer.
    """
    if isinstance(module, nn.Embedding):
        _set(stack, module, "num_embeddings", module.weight.shape[0])
        _set(stack, module, "padding_idx", padding_place(module.padding_idx, kept))
    elif isinstance(module, nn.Linear):
        for name, size in zip(("out_features", "in_features"), module.weight.shape, strict=True):
            if getattr(module, name) == rows:
                _set(stack, module, name, size)


def padding_place(padding: int | None, kept: Any) -> int | None:
    """The place of the padding row among the rows in memory, or None where it is not one of them.

    Args:
        padding: Its id, or None.
        kept: Ids of the rows in memory `(kept,)`, int64.
    """
    place = kept[:0] if padding is None else (kept == padding).nonzero()
    return int(place[0]) if len(place) else None


def _set(stack: ExitStack, module: Any, name: str, value: Any) -> None:
    stack.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, value)
