"""What callers give, checked where the types alone would let it through."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, SupportsFloat

from prunus.errors import CorpusError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 2**63 - 1
"""What the scanner and the records of what it did can hold."""


def several(values: Iterable[str]) -> tuple[str, ...]:
    """The strings; a lone one is one of them, not its characters.

    Example:
        >>> several("a text"), several(["a", "b"])
        (('a text',), ('a', 'b'))
    """
    return (values,) if isinstance(values, str) else tuple(values)


def not_empty(what: str, path: object) -> None:
    """Refuse an empty path, which the system takes for the current directory.

    Raises:
        UsageError: It is empty.
    """
    if isinstance(path, str) and not path:
        raise UsageError(f"the name of the {what} is empty", hint="Name one; is a variable unset?")


def utf8_name(path: str) -> str:
    """A path whose name Arrow and the records of what was read can hold.

    Raises:
        CorpusError: It has bytes that are no UTF-8.

    Example:
        >>> utf8_name("corpus/é.txt")
        'corpus/é.txt'
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(f"{path!r}: the name is not UTF-8", hint="Rename it.", file=repr(path)) from error
    return path


def at_least_one(name: str, number: int, most: int = MOST) -> int:
    """A whole number from 1 on.

    Raises:
        UsageError: It is none, or larger than makes sense.

    Example:
        >>> at_least_one("top_k", 3)
        3
    """
    try:
        whole = operator.index(number)
    except TypeError as error:
        raise UsageError(f"{name} must be a whole number, not {number!r}") from error
    if isinstance(number, bool):
        raise UsageError(f"{name} must be a whole number, not {number!r}")
    if whole < 1:
        raise UsageError(f"{name} must be at least 1, not {number}")
    if whole > most:
        raise UsageError(f"{name} must be at most {most:,}, not {number:,}")
    return whole


def share(name: str, value: object, hint: str) -> float:
    """A number between 0 and 1, both excluded.

    Raises:
        UsageError: It is none.

    Example:
        >>> share("sample", 0.01, "")
        0.01
    """
    number = float(value) if isinstance(value, SupportsFloat) and not isinstance(value, bool) else 0.0
    if not 0 < number < 1:
        raise UsageError(f"{name} must be a number above 0 and below 1, not {value!r}", hint=hint)
    return number
