"""JSON of a tokenizer, with every decimal number kept as it was spelled.

Unigram scores decide between segmentations by their last digit, so parsing and printing them again is not harmless.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.jsontext import bounded_integer, unique_pairs
from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHORT = 4
_DEEPEST = 128


class SpelledFloat(float):
    """A decimal number that remembers how it was spelled.

    Example:
        >>> score = SpelledFloat("-2.0122928619384766")
        >>> score < 0, score.text
        (True, '-2.0122928619384766')
    """

    text: str

    def __new__(cls, text: str) -> SpelledFloat:  # noqa: D102
        value = super().__new__(cls, text)
        if not math.isfinite(value):
            raise ValueError(f"the number {text} is out of range")
        value.text = text
        return value


def parse(data: bytes, file: str) -> dict[str, Any]:
    """The JSON object in `data`, decimal numbers as `SpelledFloat`.

    Raises:
        TokenizerError: Not UTF-8, not JSON, too deeply nested, a name twice, a lone surrogate, or not an object.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=SpelledFloat,
            parse_int=bounded_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=unique_pairs,
        )
        _refuse_deep(value)
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as cause:
        what = "nested too deeply" if isinstance(cause, RecursionError) else str(cause)
        raise TokenizerError(
            f"{file}: cannot be read as JSON: {what}", hint="The file is damaged.", file=file
        ) from cause
    if not isinstance(value, dict):
        raise TokenizerError(f"{file}: holds a JSON {type(value).__name__}, not an object", file=file)
    return value


def spell(value: object) -> bytes:
    r"""`value` as JSON over several lines, decimal numbers as they were read.

    Example:
        >>> spell({"vocab": [["a", SpelledFloat("-1.50")]]})
        b'{\n  "vocab": [\n    ["a", -1.50]\n  ]\n}'
    """
    return "".join(_spelled(value, "\n")).encode("utf-8")


def _refuse_deep(value: object) -> None:
    """The library reads 128 levels; recursion over more could exhaust the stack."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _spelled(value: object, newline: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        inner = newline + "  "
        lead = "{" + inner
        for key, member in value.items():
            yield f"{lead}{encode_basestring(key)}: "
            if isinstance(member, (dict, list)):
                yield from _spelled(member, inner)
            else:
                yield _scalar(member)
            lead = "," + inner
        yield newline + "}"
    elif isinstance(value, list) and value:
        yield from _spelled_list(value, newline)
    else:
        yield "{}" if value == {} else "[]" if value == [] else _scalar(value)


def _spelled_list(value: list[Any], newline: str) -> Iterator[str]:
    if len(value) <= _SHORT and not any(isinstance(member, (dict, list)) for member in value):
        yield f"[{', '.join(map(_scalar, value))}]"
        return
    inner = newline + "  "
    lead = "[" + inner
    for member in value:
        yield lead
        yield from _spelled(member, inner)
        lead = "," + inner
    yield newline + "]"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return str(encode_basestring(value))
    return value.text if isinstance(value, SpelledFloat) else json.dumps(value)
