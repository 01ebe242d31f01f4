"""Every kind of code point in several contexts: the character classes are the library's own."""

from __future__ import annotations

import os

import pytest

CONTEXTS = (
    "a{c}b {c} ",
    "  {c}{c} '{c}1{c}2 .{c}.{c}",
    "{c}\u0301a {c}\n{c}\u0301\r\n",
    " \u0301{c} \u093f{c}\u00a0{c}x",
)
FULL = bool(os.environ.get("PRUNUS_FULL_SWEEP"))
STRIDE = 1 if FULL else 211


def code_points() -> list[str]:
    """All below U+0250, then every `STRIDE`-th, surrogates left out."""
    codes = [*range(0x250), *range(0x250, 0x110000, STRIDE)]
    return [chr(code) for code in codes if not 0xD800 <= code < 0xE000]


@pytest.mark.parametrize("context", CONTEXTS)
def test_code_points(context, name, real):
    case = real(name)
    characters = code_points()
    for start in range(0, len(characters), 20_000):
        rows = [context.format(c=character) for character in characters[start : start + 20_000]]
        got, expected = case.counted(rows), case.expected(rows)
        if got != expected:
            wrong = [row for row in rows if case.counted([row]) != case.expected([row])]
            pytest.fail(f"{len(wrong)} rows differ, first {[ascii(row) for row in wrong[:5]]}")


@pytest.mark.parametrize("context", CONTEXTS)
def test_whitespace_digits_and_marks(context, name, real):
    case = real(name)
    special = [
        chr(c) for c in [*range(0x300, 0x370), *range(0x2000, 0x2070), *range(0x3000, 0x3040), *range(0xFF00, 0xFF20)]
    ]
    special += [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and (chr(c).isspace() or chr(c).isdigit())]
    rows = [context.format(c=character) for character in special]
    assert case.counted(rows) == case.expected(rows)
