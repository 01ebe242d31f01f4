"""A tiny config of any architecture, sub-configs included, whose vocabulary is that of a tiny tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.checkpoint.schema import shape_of
from prunus.plugin import probe_worker
from prunus.plugin.auto_vocabulary import is_other, is_partial
from prunus.testing.checkpoints import TINY
from prunus.testing.differential import Config, config_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prunus.testing.tokenizers import TinyTokenizer

# A partial table lacks these rows; another vocabulary has so many.
LACKING = 11
_OTHER_ROWS = 41
_MORE = {
    "head_dim": 8,
    "num_kv_shared_layers": 0,
    **dict.fromkeys(("num_local_experts", "n_routed_experts", "moe_num_experts", "num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_k", "n_group", "topk_group"), 1),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "hidden_size_per_layer_input"), 16),
}


def tiny_configs(model_type: str, fields: Iterable[str], tokenizer: TinyTokenizer) -> Iterator[Config]:
    """Ever more cautious configs: everything small, then few layers only, each with the tokenizer's ids and size.

    Args:
        model_type: A model type of transformers.
        fields: The size fields that govern tensors of the class, by path.
        tokenizer: The tokenizer.

    Raises:
        FamilyError: transformers does not know the type.
    """
    kind = config_class(model_type)
    for sizes in ({**TINY, **_MORE}, TINY, {}):
        values = kind().to_dict()
        _shrink(values, sizes)
        _number(values, tokenizer)
        for path in fields:
            _set(values, path.split("."), _rows(path, tokenizer))
        try:
            config = kind.from_dict(values)
            if not sizes:
                probe_worker.shrink(config)
        except Exception:  # noqa: BLE001 - the config class says that sizes do not fit; the next may
            continue
        yield config


def _rows(path: str, tokenizer: TinyTokenizer) -> int:
    if is_other(path):
        return _OTHER_ROWS
    return tokenizer.size - LACKING if is_partial(path) else tokenizer.size


def _shrink(values: dict[str, Any], sizes: dict[str, Any]) -> None:
    layers = values.get("num_hidden_layers")
    for name, value in list(values.items()):
        if isinstance(value, dict):
            _shrink(value, sizes)
        elif name in sizes and type(value) is int:
            values[name] = min(value, sizes[name])
        elif isinstance(value, list) and sizes and type(layers) is int and len(value) == layers:
            values[name] = value[: sizes["num_hidden_layers"]]


def _number(values: dict[str, Any], tokenizer: TinyTokenizer) -> None:
    """Gives every id field a token of its role, or one of its own."""
    free = tokenizer.size // 2
    for name, value in values.items():
        if isinstance(value, dict):
            _number(value, tokenizer)
        elif type(value) is int and shape_of(name) is not None and value >= 0:
            role = name.removesuffix("_token_id")
            values[name] = tokenizer.special.get("pad" if role == "decoder_start" else role, free)
            free -= 1
        elif isinstance(value, list) and shape_of(name) is not None:
            values[name] = [tokenizer.special["eos"]] if all(type(item) is int for item in value) and value else None


def _set(values: dict[str, Any], parts: list[str], value: int) -> None:
    for part in parts[:-1]:
        values = values.setdefault(part, {})
    values[parts[-1]] = value
