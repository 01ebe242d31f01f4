"""Protocol buffers on the wire: fields found without a schema, so that what is kept can be copied byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: Its number in the schema.
        wire_type: How it is encoded.
        value: Its payload: bytes of a delimited or fixed field, an integer of a varint.
        raw: The whole field, tag included.
    """

    number: int
    wire_type: int
    value: bytes | int
    raw: bytes


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a message, in order.

    Raises:
        ValueError: The bytes are no message.
    """
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        value: bytes | int
        if wire_type == VARINT:
            value, position = _varint(message, position)
        else:
            length, position = _length(message, position, wire_type)
            value, position = message[position : position + length], position + length
        if position > len(message) or not number:
            raise ValueError(f"the message is damaged at byte {start}")
        yield Field(number, wire_type, value, message[start:position])


def varint_field(number: int, value: int) -> bytes:
    """A field that holds an integer; negative ones take ten bytes, as the format has it.

    Example:
        >>> varint_field(4, 300).hex()
        '20ac02'
    """
    return _encoded(number << 3 | VARINT) + _encoded(value & (2**64 - 1))


def delimited_field(number: int, value: bytes) -> bytes:
    """A field that holds bytes.

    Example:
        >>> delimited_field(1, b"ab").hex()
        '0a026162'
    """
    return _encoded(number << 3 | DELIMITED) + _encoded(len(value)) + value


def signed(value: int) -> int:
    """A varint as the signed 32- or 64-bit integer that it stands for."""
    return value - 2**64 if value >= 2**63 else value


def _length(message: bytes, position: int, wire_type: int) -> tuple[int, int]:
    if wire_type == DELIMITED:
        return _varint(message, position)
    if wire_type in {EIGHT_BYTES, FOUR_BYTES}:
        return (8 if wire_type == EIGHT_BYTES else 4), position
    raise ValueError(f"wire type {wire_type} at byte {position}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for step, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            return value, position + step + 1
    raise ValueError(f"no integer at byte {position}")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
