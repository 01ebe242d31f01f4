"""Which family serves a checkpoint: the plugin that claims its model type, held against `auto`; else `auto` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import FamilyError
from prunus.plugin.auto import auto_family, indexed_tensors
from prunus.plugin.facts import shipped_facts, tail
from prunus.plugin.manager import plugin_manager
from prunus.plugin.matching import match_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunus.plugin.family import ModelFamily


def family_of(config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], tokens: int) -> ModelFamily:
    """The family that describes a checkpoint.

    Args:
        config: Its parsed `config.json`.
        shapes: Shape by tensor name, for all tensors of the checkpoint.
        tokens: One more than the largest token id of its tokenizer.

    Raises:
        FamilyError: No plugin claims the model type and `auto` cannot serve it, or a plugin and `auto` disagree.
        PluginError: Two plugins claim it.

    Example:
        >>> config = {"model_type": "llama", "architectures": ["LlamaModel"]}
        >>> family_of(config, {"embed_tokens.weight": (32000, 8), "norm.weight": (8,)}, 32000).name
        'auto'
    """
    family = plugin_manager().claimed(str(config.get("model_type")))
    if family is None:
        return auto_family(config, shapes, tokens)
    cross_check(family, config, shapes)
    return family


def cross_check(family: ModelFamily, config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> None:
    """Holds what a plugin declares against the structure of the architecture, where Prunus knows it.

    Raises:
        FamilyError: They disagree about a tensor, or the checkpoint is not what the family describes.
    """
    facts = shipped_facts(str(config.get("model_type")))
    if facts is None:
        return
    matched, rows = match_tensors(family, shapes)
    declared = {tensor.name: tensor.axis for tensor in matched}
    found = indexed_tensors(facts, config, shapes)
    shown = {name: indexed.axis for name, indexed in found.items() if shapes[name][indexed.axis] == rows}
    known = {name for name in declared if name in found or tail(name) in facts.rest}
    for name in sorted(shown.keys() | known):
        if declared.get(name) != shown.get(name):
            raise FamilyError(
                f"tensor {name} {tuple(shapes[name])}: family {family.name!r} says {_along(declared.get(name))}, "
                f"its architecture shows {_along(shown.get(name))} ({facts.source})",
                hint="Mend the family, or leave its plugin alone with PRUNUS_DISABLE_PLUGINS.",
                tensor=name,
            )


def _along(axis: int | None) -> str:
    return "it is not indexed by token id" if axis is None else f"axis {axis} is indexed by token id"
