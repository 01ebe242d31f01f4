"""Bytes as tokens: the characters of byte-level BPE, and the pieces `<0x00>` to `<0xFF>`."""

from __future__ import annotations

from functools import cache


@cache
def byte_pieces() -> tuple[str, ...]:
    """The pieces that stand for single bytes where a character has no token.

    Example:
        >>> byte_pieces()[10]
        '<0x0A>'
    """
    return tuple(f"<0x{byte:02X}>" for byte in range(256))


@cache
def byte_characters() -> tuple[str, ...]:
    """The character that stands for each byte in byte-level BPE (Radford et al. 2019).

    Example:
        >>> byte_characters()[ord(" ")], byte_characters()[ord("a")]
        ('Ġ', 'a')
    """
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in shown]
    return tuple(chr(byte if byte in shown else 256 + hidden.index(byte)) for byte in range(256))
