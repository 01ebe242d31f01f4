"""JSON files read strictly, and changed in place so that every other byte of them stays as it was."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunus.errors import PrunusError

Json: TypeAlias = Any
"""A value parsed from JSON."""

LARGEST_FILE = 64 * 2**20
_LONGEST_INTEGER = 400
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; a name that occurs twice is a ValueError, since readers differ on which one counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice")
    return members


def bounded_integer(digits: str) -> int:
    """An integer of at most 400 digits: transformers writes `int(1e30)`; longer ones cost quadratic time."""
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def parse_object(data: bytes, file: str, error: type[PrunusError]) -> dict[str, Any]:
    """The JSON object in `data`.

    Args:
        data: UTF-8 JSON.
        file: Name for the message.
        error: The class to raise.

    Raises:
        PrunusError: As `error`: not UTF-8, not JSON, too deeply nested, a name twice, or not an object.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique_pairs, parse_int=bounded_integer)
    except (ValueError, RecursionError) as cause:
        what = "nested too deeply" if isinstance(cause, RecursionError) else str(cause)
        raise error(f"{file}: cannot be read as JSON: {what}", hint="The file is damaged.", file=file) from cause
    if not isinstance(value, dict):
        raise error(f"{file}: holds a JSON {type(value).__name__}, not an object", file=file)
    return value


def read_bytes(path: Path, error: type[PrunusError], largest: int = LARGEST_FILE) -> bytes:
    """The content of a small regular file.

    Raises:
        PrunusError: As `error`: absent, unreadable, not a regular file, or larger than `largest` bytes.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{path}: is not a regular file", file=str(path))
        if status.st_size > largest:
            raise error(f"{path}: has {status.st_size:,} bytes; at most {largest:,} are read", file=str(path))
        return path.read_bytes()
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror or cause}", file=str(path)) from cause


def read_object(path: Path, error: type[PrunusError], largest: int = LARGEST_FILE) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        PrunusError: As `error`: anything that `read_bytes` and `parse_object` raise.
    """
    return parse_object(read_bytes(path, error, largest), str(path), error)


def replace_value(text: str, path: Sequence[str], value: Json) -> str:
    """The JSON `text` with the value at `path` replaced, or added as the last member where it is absent.

    Indentation, order, escapes and the spelling of every other number stay as they are.

    Args:
        text: A valid JSON object without duplicate names.
        path: Member names from the root; all but the last must exist.
        value: The new value.

    Example:
        >>> replace_value('{"a": {"eos_token_id": 7, "eps": 1e-05}}', ["a", "eos_token_id"], 3)
        '{"a": {"eos_token_id": 3, "eps": 1e-05}}'
    """
    start = skip_space(text, 0)
    for depth, name in enumerate(path):
        found, where = _member(text, start, name)
        if not found:
            if depth != len(path) - 1:
                raise KeyError(".".join(path))
            return _insert(text, start, where, name, value)
        start = where
    end = value_at(text, start)[1]
    return text[:start] + _spelled(value, text, start, end) + text[end:]


def value_at(text: str, position: int) -> tuple[Json, int]:
    """The JSON value that begins at `position`, and where it ends.

    Raises:
        ValueError: There is none.
    """
    value, end = _DECODER.raw_decode(text, position)
    return value, end


def skip_space(text: str, position: int) -> int:
    """Where the first character that is no JSON white space lies."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _member(text: str, start: int, name: str) -> tuple[bool, int]:
    """Whether the object at `start` has the member, and where its value begins, else where the last member ends."""
    end = start + 1
    position = skip_space(text, end)
    while text[position] == '"':
        key, position = value_at(text, position)
        position = skip_space(text, skip_space(text, position) + 1)
        if key == name:
            return True, position
        end = value_at(text, position)[1]
        position = skip_space(text, end)
        if text[position] != ",":
            break
        position = skip_space(text, position + 1)
    return False, end


def _insert(text: str, start: int, end: int, name: str, value: Json) -> str:
    lead = text[start + 1 : skip_space(text, start + 1)]
    empty = end == start + 1
    before = (lead if not empty else "") if empty else "," + (lead or " ")
    member = json.dumps(name, ensure_ascii=text.isascii()) + ": " + json.dumps(value, ensure_ascii=text.isascii())
    return text[:end] + before + member + text[end:]


def _spelled(value: Json, text: str, start: int, end: int) -> str:
    """The value as JSON, over several lines if the old one was."""
    old = text[start:end]
    ascii_only = text.isascii()
    if "\n" not in old or not isinstance(value, (list, dict)):
        separators = (",", ": ") if ", " not in old and "," in old else (", ", ": ")
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    line = text.rfind("\n", 0, start) + 1
    margin = text[line : skip_space(text, line)]
    inner = old[old.index("\n") + 1 :]
    step = inner[: len(inner) - len(inner.lstrip(" \t"))].removeprefix(margin) or "  "
    newline = "\r\n" if "\r\n" in old else "\n"
    return json.dumps(value, ensure_ascii=ascii_only, indent=step).replace("\n", newline + margin)
