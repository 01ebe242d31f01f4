"""Checks that the values read for a dataclass are of the types that its fields say."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def checked(kind: type[Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values themselves; fields of types that are not plain are left to their own readers.

    Raises:
        TypeError: A value is not of its field's type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Point:
        ...     x: "int"
        >>> checked(Point, {"x": "1"})
        Traceback (most recent call last):
        TypeError: x is '1', not int
    """
    for name, type_, fits in _fields(kind):  # type: ignore[arg-type]  # a class is hashable
        if name in values and not fits(values[name]):
            raise TypeError(f"{name} is {values[name]!r}, not {type_}")
    return values


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, str, Callable[[object], bool]], ...]:
    return tuple((f.name, str(f.type), _FITS[str(f.type)]) for f in fields(kind) if str(f.type) in _FITS)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: object) -> bool:
    return value is None or isinstance(value, float) or _is_int(value)


def _tuple_of(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, tuple) and all(fits(one) for one in value)


_FITS: dict[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _is_int,
    "bool": lambda value: isinstance(value, bool),
    "float | None": _is_share,
    "Mapping[str, Any]": lambda value: isinstance(value, dict),
    "tuple[int, int]": lambda value: _tuple_of(_is_int)(value) and len(value) == 2,  # type: ignore[arg-type]
    "tuple[int, ...]": _tuple_of(_is_int),
    "tuple[str, ...]": _tuple_of(lambda value: isinstance(value, str)),
    "tuple[Mapping[str, Any], ...]": _tuple_of(lambda value: isinstance(value, dict)),
}
