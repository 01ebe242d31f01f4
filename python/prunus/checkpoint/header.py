"""The header of one safetensors file, read without trusting a single number in it.

Format: https://github.com/huggingface/safetensors#format. Eight bytes give the length of a JSON object that names each
tensor's dtype, shape and byte range; the ranges tile the rest of the file without holes.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.jsontext import bounded_integer, skip_space, unique_pairs, value_at
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LARGEST_HEADER = 100_000_000
_LONGEST_ENTRY = 65_536
_MOST_AXES = 64

DTYPE_BITS: Mapping[str, int] = MappingProxyType(
    {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
    | dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8)
    | dict.fromkeys(("I16", "U16", "F16", "BF16"), 16)
    | dict.fromkeys(("I32", "U32", "F32"), 32)
    | dict.fromkeys(("I64", "U64", "F64", "C64"), 64)
)


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies.

    Attributes:
        name: Name in the checkpoint.
        dtype: As the file says, for example `BF16`.
        shape: Its shape; `()` for a single number.
        file: Name of the safetensors file in the checkpoint's directory.
        start: First byte in that file.
        end: One past the last byte in that file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        """Length in bytes."""
        return self.end - self.start


@dataclass(frozen=True)
class Header:
    """What one safetensors file says of itself.

    Attributes:
        tensors: In the order of their bytes.
        metadata: The `__metadata__` map; None if the file has none.
        file_size: Length of the file in bytes.
    """

    tensors: tuple[TensorInfo, ...]
    metadata: Mapping[str, str] | None
    file_size: int


def read_header(path: Path) -> Header:
    """Reads and checks the header of a safetensors file; the payload is not touched.

    Raises:
        CheckpointError: The file cannot be read or is not a whole, consistent safetensors file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: a pipe would wait for a writer
            raise _damaged(path, "is not a regular file")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            length = int.from_bytes(file.read(8), "little")
            if length > min(LARGEST_HEADER, status.st_size - 8):
                raise _damaged(path, f"claims a header of {length:,} bytes in a file of {status.st_size:,}")
            data = file.read(length)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}", file=str(path)) from error
    return parse_header(data, path, status.st_size)


def parse_header(data: bytes, path: Path, file_size: int) -> Header:
    """Checks the header's JSON text against the length of the file.

    Raises:
        CheckpointError: The text is not the header of a file of this length.
    """
    try:
        entries, metadata = _entries(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"has a header that cannot be read: {error}") from error
    offset = 8 + len(data)
    tensors = [_tensor(name, entry, path, offset) for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    _check_tiling(tensors, path, offset, file_size)
    return Header(tuple(tensors), metadata, file_size)


def _damaged(path: Path, what: str, **details: object) -> CheckpointError:
    hint = "The file is damaged or incomplete: fetch it again."
    return CheckpointError(f"{path}: {what}", hint=hint, file=str(path), **details)


def _entries(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, str] | None]:
    """Walks the outer object member by member, so that off-schema text is refused before it is built in memory."""
    if not text.startswith("{"):
        raise ValueError("it does not begin with '{'")
    entries: dict[str, dict[str, Any]] = {}
    metadata: dict[str, str] | None = None
    position = skip_space(text, 1)
    closed = text[position : position + 1] == "}"
    position += closed
    while not closed:
        name, position = _string(text, position)
        position = _expect(text, position, ":")
        if name == "__metadata__" and metadata is None:
            metadata, position = _string_map(text, position)
        elif name in entries or name == "__metadata__":
            raise ValueError(f"the name {name!r} occurs twice")
        else:
            entries[name], position = _entry(text, position, name)
        closed, position = _separator(text, position)
    if skip_space(text, position) != len(text):
        raise ValueError(f"text follows the object at character {position}")
    return entries, metadata


def _expect(text: str, position: int, character: str) -> int:
    position = skip_space(text, position)
    if text[position : position + 1] != character:
        raise ValueError(f"expected {character!r} at character {position}")
    return skip_space(text, position + 1)


def _separator(text: str, position: int) -> tuple[bool, int]:
    """After a member: whether the object ends here, and where to go on."""
    position = skip_space(text, position)
    if text[position : position + 1] == "}":
        return True, position + 1
    return False, _expect(text, position, ",")


def _string(text: str, position: int) -> tuple[str, int]:
    if text[position : position + 1] != '"':
        raise ValueError(f"expected a string at character {position}")
    value: str
    value, end = value_at(text, position)
    value.encode()  # a lone surrogate has no UTF-8 form, so it could not be written again
    return value, end


def _string_map(text: str, position: int) -> tuple[dict[str, str], int]:
    position = _expect(text, position, "{")
    found: dict[str, str] = {}
    if text[position : position + 1] == "}":
        return found, position + 1
    closed = False
    while not closed:
        name, position = _string(text, position)
        value, position = _string(text, _expect(text, position, ":"))
        if name in found:
            raise ValueError(f"the name {name!r} occurs twice in __metadata__")
        found[name] = value
        closed, position = _separator(text, position)
    return found, position


def _entry(text: str, position: int, name: str) -> tuple[dict[str, Any], int]:
    # An entry holds no nested object, so it ends at the first brace; one with a brace in a string is no entry either.
    end = text.find("}", position, position + _LONGEST_ENTRY) + 1
    if text[position : position + 1] != "{" or not end:
        raise ValueError(f"tensor {name!r} has no entry")
    entry = json.loads(text[position:end], object_pairs_hook=unique_pairs, parse_int=bounded_integer)
    return entry, end


def _tensor(name: str, entry: dict[str, Any], path: Path, offset: int) -> TensorInfo:
    if set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(path, f"tensor {name!r} has the fields {sorted(entry)}", tensor=name)
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        hint = "Prunus knows the dtypes of safetensors 0.8; a newer one needs a newer Prunus."
        raise CheckpointError(f"{path}: tensor {name!r} has the unknown dtype {dtype!r}", hint=hint, tensor=name)
    if not _naturals(shape) or len(shape) > _MOST_AXES:
        raise _damaged(path, f"tensor {name!r} has a shape that is no list of at most {_MOST_AXES} sizes", tensor=name)
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(path, f"tensor {name!r} has data_offsets that are no range", tensor=name)
    start, end = offsets
    bits = DTYPE_BITS[dtype]
    for size in shape:
        bits *= size
    if bits != 8 * (end - start):
        what = f"tensor {name!r} of dtype {dtype} and shape {tuple(shape)} has {end - start:,} bytes"
        raise _damaged(path, what, tensor=name)
    return TensorInfo(name, dtype, tuple(shape), path.name, offset + start, offset + end)


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_tiling(tensors: Sequence[TensorInfo], path: Path, offset: int, file_size: int) -> None:
    for tensor in tensors:
        if tensor.start != offset:
            what = "overlaps the tensor before it" if tensor.start < offset else "leaves a hole before it"
            raise _damaged(path, f"tensor {tensor.name!r} {what}", tensor=tensor.name)
        offset = tensor.end
    if offset != file_size:
        kind = "is cut short" if offset > file_size else "has bytes that no tensor claims"
        last = f" (up to tensor {tensors[-1].name!r})" if tensors else ""
        raise _damaged(path, f"{kind}: the tensors{last} end at byte {offset:,}, the file at {file_size:,}")


def header_bytes(tensors: Sequence[tuple[str, str, Sequence[int], int]], metadata: Mapping[str, str] | None) -> bytes:
    """The first bytes of a safetensors file, spelt as the safetensors library does, padded to a multiple of eight.

    Args:
        tensors: Name, dtype, shape and length in bytes, in the order in which their bytes follow.
        metadata: The `__metadata__` map, or None for none.
    """
    entries: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    offset = 0
    for name, dtype, shape, nbytes in tensors:
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + nbytes]}
        offset += nbytes
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
