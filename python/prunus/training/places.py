"""Where modules hold the tables, and what other code may not put there inside the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from prunus.errors import UsageError
from prunus.training.table import swap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

    from prunus.training.table import Table

_NOTHING = object()


class Places:
    """The modules and names under which a model holds its tables.

    Args:
        model: The model.
        tables: Its shrunk tables.
    """

    def __init__(self, model: Any, tables: Iterable[Table]) -> None:
        known = {id(table.tensor): table for table in tables}
        self._places = [
            (module, name, known[id(tensor)])
            for module in model.modules()
            for name, tensor in _held(module)
            if id(tensor) in known
        ]

    def settle(self) -> None:
        """Takes the tables back to where other tensors are now, before they are whole again.

        Raises:
            UsageError: A table was replaced. Values of the kept rows are taken over from the replacement; a full-size
                one is left where it is.
        """
        replaced = []
        for module, name, table in self._places:
            other = dict(_held(module)).get(name)
            if other is None or other is table.tensor:
                continue
            replaced.append(table.name)
            if tuple(other.shape) == table.small_shape:
                swap(table.tensor, other.detach(), None)
                (module._parameters if name in module._parameters else module._buffers)[name] = table.tensor
        if replaced:
            raise UsageError(
                f"{replaced[0]} was replaced by another tensor inside the block: the block did not see what was done "
                "with it. The model has all rows again, those that were not kept as the last step that was seen left "
                "them",
                hint="Change the parameter in place (`weight.data.copy_`), or replace it outside the block.",
                tensor=replaced[0],
            )


def _held(module: Any) -> list[tuple[str, Any]]:
    return [*module._parameters.items(), *module._buffers.items()]  # the public iterators skip shared ones


def refuse_resizing(stack: ExitStack, model: Any) -> None:
    """Makes `resize_token_embeddings` an error until the stack is closed: which ids would be new is not known."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise UsageError(
            "resize_token_embeddings inside the block: the table there is not the one that would be resized",
            hint="Resize the model first, then enter the block.",
        )

    for module in model.modules():
        if hasattr(module, "resize_token_embeddings"):
            override(stack, module, "resize_token_embeddings", refuse)


def override(stack: ExitStack, module: Any, name: str, value: Any) -> None:
    """Sets an attribute of one object until the stack is closed; what the object itself had there comes back."""
    before = vars(module).get(name, _NOTHING)
    vars(module)[name] = value

    def undo() -> None:
        if before is _NOTHING:
            vars(module).pop(name, None)
        else:
            vars(module)[name] = before

    stack.callback(undo)
