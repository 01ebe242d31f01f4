"""Which fields of Hugging Face configs hold token ids, and how: data, for any architecture.

Names beyond these rules come from a family's `id_fields`.
"""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from prunus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunus.checkpoint.jsontext import Json


class Shape(Enum):
    """How ids lie in a value."""

    IDS = "an id, or lists or maps of ids at any depth"
    PAIRS = "a list of [position, id]"
    BIAS = "a list of [[ids], number]"


CONFIG_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "sentence_bert_config.json",
)
"""Files of a model directory that may name token ids."""

FIELDS: Mapping[str, Shape] = MappingProxyType(
    # XLM and Flaubert; HunYuan-VL; Molmo 2.
    dict.fromkeys(("bos_index", "eos_index", "pad_index", "unk_index", "mask_index"), Shape.IDS)
    | dict.fromkeys(("im_start_id", "im_end_id", "im_newline_id", "image_patch_id"), Shape.IDS)
    # MiniCPM-V 4.7; Chameleon and Emu 3, whose map from token to id holds image codes.
    | dict.fromkeys(("image_start_id", "image_end_id", "newline_id", "slice_start_id", "slice_end_id"), Shape.IDS)
    | {"vocabulary_map": Shape.IDS}
    | {
        "suppress_tokens": Shape.IDS,
        "begin_suppress_tokens": Shape.IDS,
        "bad_words_ids": Shape.IDS,
        "force_words_ids": Shape.IDS,
        "lang_to_id": Shape.IDS,
        "task_to_id": Shape.IDS,
        "forced_decoder_ids": Shape.PAIRS,
        "sequence_bias": Shape.BIAS,
    }
)
"""Fields known by their whole name."""

# Every name that says "token" and ends like an id is taken for one: a wrong guess is an error the user sees (no such
# token), a missed one would be silent.
_ID_NAME = re.compile(r"(?i)(.*_)?tokens?_(.*_)?(ids?|index|indices)")
_NO_IDS = frozenset(
    {"token_type_id", "token_type_ids", "pad_token_type_id", "pad_token_segment_id", "cls_token_segment_id"}
)


def shape_of(name: str) -> Shape | None:
    """How a field of this name holds token ids; None if it holds none.

    Example:
        >>> shape_of("decoder_start_token_id"), shape_of("hidden_size")
        (<Shape.IDS: 'an id, or lists or maps of ids at any depth'>, None)
    """
    if name in _NO_IDS:
        return None
    return FIELDS.get(name) or (Shape.IDS if _ID_NAME.fullmatch(name) else None)


def map_ids(value: Json, shape: Shape, convert: Callable[[int], int], where: str) -> Json:
    """The value with every id converted; None and negative numbers, which name no token, stay.

    Args:
        value: A value parsed from JSON.
        shape: How ids lie in it.
        convert: New id by old.
        where: File and field, for the message.

    Raises:
        ConfigError: The value is not of that shape.
    """
    if value is None:
        return None
    if shape is Shape.IDS:
        return _map_nested(value, convert, where)
    if not isinstance(value, list) or not all(isinstance(item, list) and len(item) == 2 for item in value):
        raise _misshapen(value, shape, where)
    if shape is Shape.PAIRS:
        return [[position, _map_nested(identifier, convert, where)] for position, identifier in value]
    if not all(isinstance(ids, list) for ids, _ in value):
        raise _misshapen(value, shape, where)
    return [[_map_nested(ids, convert, where), bias] for ids, bias in value]


def _map_nested(value: Json, convert: Callable[[int], int], where: str) -> Json:
    if value is None:
        return None
    if isinstance(value, list):
        return [_map_nested(item, convert, where) for item in value]
    if isinstance(value, dict):
        return {name: _map_nested(item, convert, where) for name, item in value.items()}
    if type(value) is not int:
        raise _misshapen(value, Shape.IDS, where)
    return convert(value) if value >= 0 else value


def _misshapen(value: Json, shape: Shape, where: str) -> ConfigError:
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}…"
    hint = f"Expected {shape.value}. Correct the field in the source, or set it to null."
    return ConfigError(
        f"{where} is {shown} (a {type(value).__name__}), which names no token id", hint=hint, field=where
    )
