"""Holds a family's declaration against transformers: tensors, default ids, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.plugin.matching import match_tensors
from prunus.testing.differential import (
    ROWS,
    config_class,
    default_config,
    differing_axes,
    outline,
    task_classes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.plugin.family import ModelFamily


def check_declared(
    family: ModelFamily, model_type: str, class_name: str, fields: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """What is wrong with a family's tensors for one model class; empty if it names exactly the right ones.

    The class is built twice without weights, with two vocabulary sizes: the tensors whose shape differs, along the axis
    where it differs, are the truth. The names that `save_pretrained` writes must be enough for the family too.

    Args:
        family: The family that claims `model_type`.
        model_type: One of its model types.
        class_name: A model class of transformers, see `task_classes`.
        fields: Config fields other than their defaults.

    Raises:
        FamilyError: The names or shapes of the class are such that no family of records can describe them.

    Example:
        >>> from prunus import ModelFamily, Role, VocabTensor
        >>> emb = VocabTensor("*wte.weight", 0, Role.INPUT)
        >>> check_declared(ModelFamily(name="g", model_types=frozenset({"gpt2"}), tensors=(emb,)), "gpt2", "GPT2Model")
        ()
    """
    one, other = (outline(class_name, default_config(model_type, n, **(fields or {}))) for n in (ROWS, ROWS + 7))
    truth = differing_axes(class_name, one, other)
    matched, _ = match_tensors(family, one.shapes)
    declared = {tensor.name: tensor.axis for tensor in matched}
    found = [
        f"{class_name}: {name} {one.shapes[name]}: axis {truth.get(name)} depends on the vocabulary, "
        f"the family says {declared.get(name)}"
        for name in sorted(set(truth) | set(declared))
        if truth.get(name) != declared.get(name)
    ]
    matched, rows = match_tensors(family, one.saved)
    if {tensor.name for tensor in matched} != set(truth) & set(one.saved) or rows != ROWS:
        found.append(f"{class_name}: the family does not fit the names that are saved")
    return tuple(found)


def default_ids(model_type: str) -> dict[str, int]:
    """The `*_token_id` fields to which the config class gives a value, as a family's `IdField.default` must say.

    Raises:
        FamilyError: transformers does not know the type.

    Example:
        >>> default_ids("bert")
        {'pad_token_id': 0}
    """
    values = config_class(model_type)().to_dict()
    return {name: value for name, value in values.items() if name.endswith("_token_id") and isinstance(value, int)}


def counts_positions_from(
    model_type: str, field: str = "pad_token_id", fields: Mapping[str, Any] | None = None
) -> bool:
    """Whether hidden states change with the value of `field` for a text in which that token does not occur.

    Where they do, positions are counted from the id, and a family must name the field in `pinned_fields`.

    Args:
        model_type: A model type.
        field: An id field of its config.
        fields: Config fields of a tiny model, see `tiny_config`.

    Raises:
        FamilyError: transformers does not know the type.
    """
    import torch
    import transformers

    from prunus.testing.checkpoints import tiny_config
    from prunus.testing.comparison import inputs_for, one_thread, tensors_in
    from prunus.testing.tokenizers import tiny_tokenizer

    tokenizer = tiny_tokenizer("wordpiece")
    base = next(name for name in task_classes(model_type) if name.endswith(("Model", "Encoder")))
    outputs = []
    weights: Any = None
    for value in (1, 5):
        torch.manual_seed(0)
        config = tiny_config(model_type, tokenizer, {**(fields or {}), field: value})
        model = getattr(transformers, base)(config).eval()
        weights = weights or model.state_dict()
        model.load_state_dict(weights)
        with torch.no_grad(), one_thread():
            outputs.append(tensors_in(model(**inputs_for(model, torch.tensor([[20, 31, 22, 33, 24]])))))
    return any(not torch.equal(one, outputs[1][name]) for name, one in outputs[0].items())
