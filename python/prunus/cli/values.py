"""Values of options that are more than a number or a word."""

from __future__ import annotations

import argparse
import re

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def size(text: str) -> int:
    """Bytes, as in `500MB` (a million each), `2GiB` (of 1024 cubed) or `4096`."""
    match = re.fullmatch(r"(\d{1,20}(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None or (match[3] and not match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 500MB, 2GiB or 4096")
    scale = (_BINARY if match[3] else _UNITS)[match[2]]
    return int(float(match[1]) * scale)


def shard(text: str) -> tuple[int, int]:
    """Which share of how many, as in `3/16`."""
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write I/N with I from 1 to N, as 3/16")
    return int(match[1]), int(match[2])


def tokens(text: str) -> int | str:
    """A number of tokens, or `configured`."""
    if text == "configured":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens: write a number, or `configured`")
    return int(text)
