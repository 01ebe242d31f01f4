"""Finds the vocabulary-indexed tensors of an architecture by building it twice with two vocabulary sizes."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from prunus.errors import FamilyError

if TYPE_CHECKING:
    from collections.abc import Mapping

Config: TypeAlias = Any  # a config of transformers
Model: TypeAlias = Any  # a model of transformers

# Beyond every default token id of a config class, and like no other length in a default config.
ROWS = 270_029
_MAPPING = re.compile(r"MODEL_\w*MAPPING_NAMES")


def config_class(model_type: str) -> type[Any]:
    """The config class that transformers has for `model_type`.

    Raises:
        FamilyError: transformers does not know the type.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise FamilyError(
            f"transformers knows no model type {model_type!r}", hint="Is the spelling that of config.json?"
        )
    found: type[Any] = CONFIG_MAPPING[model_type]
    return found


def task_classes(model_type: str) -> tuple[str, ...]:
    """Names of all model classes of a model type: those of the auto classes, and the others that take its config.

    Raises:
        FamilyError: transformers does not know the type, or has no PyTorch class for it.

    Example:
        >>> "BertForMaskedLM" in task_classes("bert")
        True
    """
    import transformers
    from transformers.models.auto import modeling_auto

    config = config_class(model_type)
    mappings = [value for name, value in vars(modeling_auto).items() if _MAPPING.fullmatch(name)]
    named = {name for mapping in mappings for name in _names(mapping.get(model_type))}
    module = inspect.getmodule(getattr(transformers, min(named))) if named else None
    for name, value in vars(module).items() if module else ():
        if inspect.isclass(value) and _takes(value, config) and hasattr(transformers, name):
            named.add(name)
    if not named:
        raise FamilyError(f"transformers has no PyTorch class for model type {model_type!r}")
    return tuple(sorted(named))


@dataclass(frozen=True)
class Outline:
    """Shapes of a model's parameters and buffers, by name.

    Attributes:
        shapes: All names of the state dict.
        saved: Those that `save_pretrained` writes: without the names that are tied to another.
    """

    shapes: dict[str, tuple[int, ...]]
    saved: dict[str, tuple[int, ...]]


def outline(class_name: str, config: Config) -> Outline:
    """The outline of a model class, built without weights on the meta device."""
    import torch
    import transformers

    with torch.device("meta"):
        model = getattr(transformers, class_name)(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    return Outline(shapes, {name: shape for name, shape in shapes.items() if name not in tied})


def default_config(model_type: str, rows: int = ROWS, **fields: object) -> Config:
    """The default config with `rows` rows."""
    return config_class(model_type)(**{"vocab_size": rows, **fields})


def vocabulary_axes(class_name: str, model_type: str, fields: Mapping[str, Any] | None = None) -> dict[str, int]:
    """The axis of every tensor whose shape depends on `vocab_size`, by name.

    Args:
        class_name: A model class of transformers.
        model_type: Its model type.
        fields: Config fields other than their defaults.

    Raises:
        FamilyError: A tensor depends on it along two axes, or names depend on it.

    Example:
        >>> vocabulary_axes("GPT2Model", "gpt2")
        {'wte.weight': 0}
    """
    one, other = (outline(class_name, default_config(model_type, n, **(fields or {}))) for n in (ROWS, ROWS + 7))
    return differing_axes(class_name, one, other)


def differing_axes(class_name: str, one: Outline, other: Outline) -> dict[str, int]:
    """The axis along which a tensor differs between two outlines of one class, by name.

    Raises:
        FamilyError: A tensor differs along two axes, or names differ.
    """
    if set(one.shapes) != set(other.shapes):
        only = sorted(set(one.shapes) ^ set(other.shapes))
        raise FamilyError(f"{class_name}: tensor names depend on the number of rows: {only[:4]}")
    axes = {}
    for name, shape in one.shapes.items():
        different = [axis for axis, (a, b) in enumerate(zip(shape, other.shapes[name], strict=True)) if a != b]
        if len(different) > 1:
            raise FamilyError(f"{class_name}: {name} {shape} depends on the number of rows along axes {different}")
        if different:
            axes[name] = different[0]
    return axes


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def _takes(candidate: type[Any], config: type[Any]) -> bool:
    from transformers import PreTrainedModel

    concrete = issubclass(candidate, PreTrainedModel) and not candidate.__name__.endswith("PreTrainedModel")
    return concrete and getattr(candidate, "config_class", None) is config
