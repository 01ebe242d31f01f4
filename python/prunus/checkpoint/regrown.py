"""Writing a checkpoint that was pruned back at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.checkpoint.copying import copy_range, new_file, write_all, write_new
from prunus.checkpoint.header import header_bytes
from prunus.checkpoint.jsontext import parse_object, read_bytes, replace_value
from prunus.checkpoint.rows import open_file
from prunus.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunus.checkpoint.header import TensorInfo
    from prunus.checkpoint.index import Checkpoint
    from prunus.checkpoint.scatter import Scatter


def write_regrown(
    layout: Checkpoint, small: Checkpoint, scatters: Mapping[str, Scatter], names: Mapping[str, str], out: Path
) -> None:
    """Writes the files of `layout` with tensors of `small`, some of them scattered.

    Args:
        layout: Whose files, names and order are written: the base, or the pruned checkpoint.
        small: The pruned checkpoint, perhaps tuned since.
        scatters: The tensors that become full-size, by name in `layout`.
        names: Name in `small` of every other tensor of `layout`.
        out: An existing directory without these files.

    Raises:
        CheckpointError: A file changed or cannot be read.
        OutputError: A file exists or cannot be written.
    """
    as_it_was = layout is not small
    for file in layout.files:
        tensors = layout.headers[file].tensors
        header = _same_header(layout, file) if as_it_was else _header(layout, file, scatters)
        with new_file(out / file, len(header)) as target:
            write_all(target, header)
            for tensor in tensors:
                if tensor.name in scatters:
                    for block in scatters[tensor.name].blocks():
                        write_all(target, block.data)
                else:
                    source = small.tensors[names[tensor.name]]
                    with open_file(small, source.file) as opened:
                        copy_range(opened.raw, source.start, source.nbytes, target)
    if layout.index is not None:
        write_new(out / layout.index, _index(layout, layout.index, scatters, as_it_was=as_it_was))


def _same_header(layout: Checkpoint, file: str) -> bytes:
    tensors = layout.headers[file].tensors
    with open_file(layout, file) as opened:
        header = bytearray(tensors[0].start)
        opened.read_into(0, memoryview(header))
    return bytes(header)


def _header(layout: Checkpoint, file: str, scatters: Mapping[str, Scatter]) -> bytes:
    described = []
    for tensor in layout.headers[file].tensors:
        scatter = scatters.get(tensor.name)
        shape, length = (scatter.full.shape, scatter.nbytes) if scatter else (tensor.shape, tensor.nbytes)
        described.append((tensor.name, tensor.dtype, shape, length))
    return header_bytes(described, layout.headers[file].metadata)


def _index(layout: Checkpoint, index: str, scatters: Mapping[str, Scatter], *, as_it_was: bool) -> bytes:
    data = read_bytes(layout.directory / index, CheckpointError)
    metadata = parse_object(data, index, CheckpointError).get("metadata")
    if as_it_was or not isinstance(metadata, dict):
        return data
    text = data.decode("utf-8")
    grown = [(layout.tensors[name], scatter) for name, scatter in scatters.items()]
    more = sum(scatter.nbytes - tensor.nbytes for tensor, scatter in grown)
    if isinstance(metadata.get("total_size"), int):
        text = replace_value(text, ["metadata", "total_size"], metadata["total_size"] + more)
    if isinstance(metadata.get("total_parameters"), int):
        elements = sum(_elements(scatter.full) - _elements(tensor) for tensor, scatter in grown)
        text = replace_value(text, ["metadata", "total_parameters"], metadata["total_parameters"] + elements)
    return text.encode("utf-8")


def _elements(tensor: TensorInfo) -> int:
    total = 1
    for size in tensor.shape:
        total *= size
    return total
