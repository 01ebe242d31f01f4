"""Truncation as a scan does it: asked for by number, or as the tokenizer's file says; carried out by the library."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from prunus.errors import UsageError
from prunus.given import at_least_one

if TYPE_CHECKING:
    from prunus._engine import Engine

TruncateSide = Literal["right", "left"]
TruncateStrategy = Literal["longest_first", "only_first", "only_second"]

_SIDES = {"right": "Right", "left": "Left"}
_STRATEGIES = {"longest_first": "LongestFirst", "only_first": "OnlyFirst", "only_second": "OnlySecond"}


def truncating(
    document: bytes, length: int | str | None, side: str | None, strategy: str | None
) -> tuple[bytes, dict[str, Any] | None]:
    """A tokenizer.json that truncates as asked, and the record of it for the result's options.

    Args:
        document: The bytes of a tokenizer.json.
        length: Most tokens of a row, special tokens included; `"configured"` for what the file says; None for no end.
        side: Which side is cut off, `right` if None.
        strategy: What is cut off of a pair, `longest_first` if None.

    Raises:
        UsageError: A value is out of range, a side or strategy comes without a length, or the file does not truncate.

    Example:
        >>> truncating(b"{}", 128, None, None)[1]
        {'length': 128, 'side': 'right', 'strategy': 'longest_first'}
    """
    _check(length, side, strategy)
    if length is None:
        return document, None
    length = length if isinstance(length, str) else at_least_one("truncate", length)
    values = json.loads(document)
    if length == "configured":
        configured = values.get("truncation")
        if not isinstance(configured, dict):
            raise UsageError(
                "truncation was asked for, but the tokenizer's file does not say how",
                hint="Leave it off, or give a number of tokens.",
            )
        return document, _record(configured)
    values["truncation"] = {
        "direction": _SIDES[side or "right"],
        "max_length": length,
        "strategy": _STRATEGIES[strategy or "longest_first"],
        "stride": 0,
    }
    return json.dumps(values, ensure_ascii=False).encode(), _record(values["truncation"])


def check_room(engine: Engine, truncate: dict[str, Any] | None, *, pair: bool) -> None:
    """Refuse what the library would not refuse: with no room for the special tokens it silently does not truncate.

    Raises:
        UsageError: The special tokens alone are longer, or the second text is to be cut where there is none.
    """
    if truncate is None:
        return
    if truncate["strategy"] == "only_second" and not pair:
        raise UsageError("only_second cuts the second text of pairs, and there are no pairs", hint="Name a pair.")
    special = len(engine.encode("", "" if pair else None))
    if truncate["length"] < special:
        raise UsageError(
            f"truncation to {truncate['length']} tokens leaves no room for the {special} special tokens of a row",
            hint="Give a larger number.",
        )


def _check(length: int | str | None, side: str | None, strategy: str | None) -> None:
    if (side or strategy) and (length is None or isinstance(length, str)):
        raise UsageError("a side or strategy of truncation needs a number of tokens", hint="Give truncate=N.")
    if isinstance(length, str) and length != "configured":
        raise UsageError(f"truncate must be a number of tokens or 'configured', not {length!r}")
    for value, known in ((side, _SIDES), (strategy, _STRATEGIES)):
        if value is not None and value not in known:
            raise UsageError(f"{value!r} is no way to truncate", hint=f"Choose one of {', '.join(known)}.")


def _record(truncation: dict[str, Any]) -> dict[str, Any]:
    sides = {name: ours for ours, name in _SIDES.items()}
    strategies = {name: ours for ours, name in _STRATEGIES.items()}
    return {
        "length": truncation["max_length"],
        "side": sides[truncation.get("direction", "Right")],
        "strategy": strategies[truncation["strategy"]],
    }
