"""Arguments of `generate` that hold token ids, for a model whose ids are others inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from prunus.checkpoint.schema import map_ids, shape_of
from prunus.errors import UsageError
from prunus.training.liveconfig import renumber_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from prunus.training.lookup import Renumbering

_REFUSED = {
    "assistant_model": "the assistant guesses original ids",
    "stop_strings": "they are matched by the tokenizer's vocabulary of original ids",
    "custom_generate": "its code may name token ids",
}


class Options:
    """Converts what a caller passes to `generate`.

    Args:
        model: The model.
        renumbering: Old id → new id.
        kept: New id → old id `(kept,)`, int64.
    """

    def __init__(self, model: Any, renumbering: Renumbering, kept: Any) -> None:
        self._model, self._renumbering, self._kept = model, renumbering, kept

    def inside(self, name: str, value: Any) -> Any:
        """The argument `name` for the small model. What generation calls back sees original ids, as the caller does.

        Raises:
            ConfigError: Ids are not where an argument of this name has them.
            UnseenTokenError: An id is not kept.
            UsageError: The argument cannot be converted.
        """
        if value is None:
            return None
        if name in _REFUSED:
            raise UsageError(
                f'generate({name}=...) in mode="input+output": {_REFUSED[name]}',
                hint="Generate after the block, or leave the argument out.",
            )
        if name == "inputs" or name.endswith("input_ids"):
            return self._renumbering(value) if are_ids(value) else value
        converters: dict[str, Callable[[Any], Any]] = {
            "generation_config": self._config,
            "prefix_allowed_tokens_fn": self._allowed,
            "stopping_criteria": self._criteria,
            "streamer": lambda streamer: _Streamer(streamer, self.old),
        }
        convert = converters.get(name)
        return renumber_option(name, value, self._new_of) if convert is None else convert(value)

    def old(self, ids: Any) -> Any:
        """Original ids of a tensor of new ones."""
        return self._kept.to(ids.device)[ids]

    def _new_of(self, old: int) -> int:
        return int(self._renumbering.convert(torch.tensor([old]))[0])

    def _config(self, config: Any) -> Any:
        """A config of the caller may be a copy of the model's, with new ids, or not: ids must mean the same in both."""
        if config is self._model.generation_config:
            return config
        for name, value in vars(config).items():
            shape = shape_of(name)
            if shape is not None and value is not None and map_ids(value, shape, self._new_of, name) != value:
                raise UsageError(
                    f"generate(generation_config=...) has {name}={value}, which has another number inside the block: "
                    "whether the config is from inside or outside cannot be seen",
                    hint=f"Set {name} to None there and pass generate({name}=...), with original ids.",
                )
        return config

    def _allowed(self, allowed: Callable[[int, Any], Any]) -> Callable[[int, Any], list[int]]:
        return lambda batch, ids: [self._new_of(int(i)) for i in allowed(batch, self.old(ids))]

    def _criteria(self, criteria: Any) -> Any:
        return type(criteria)([_Criterion(criterion, self.old) for criterion in criteria])


class _Criterion:
    """A stopping criterion that sees original ids."""

    def __init__(self, criterion: Any, old: Callable[[Any], Any]) -> None:
        self._criterion, self._old = criterion, old

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return self._criterion(self._old(input_ids), scores, **kwargs)


class _Streamer:
    """A streamer that gets original ids."""

    def __init__(self, streamer: Any, old: Callable[[Any], Any]) -> None:
        self._streamer, self._old = streamer, old

    def put(self, value: Any) -> None:
        self._streamer.put(self._old(value))

    def end(self) -> None:
        self._streamer.end()


def are_ids(value: Any) -> bool:
    """Whether a value is a tensor that can hold token ids."""
    return isinstance(value, torch.Tensor) and not value.is_floating_point()
