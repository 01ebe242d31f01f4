"""From a corpus of files to units: footers and line ends are looked at, rows are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.corpus.jsontypes import settled
from prunus.corpus.parquet import open_parquet
from prunus.corpus.reader import open_reader
from prunus.corpus.streams import open_file, reading
from prunus.errors import UsageError
from prunus.units.plan import Unit, UnitPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.files import FileCorpus

UNIT_BYTES = 128 << 20
_LOOK_BYTES = 1 << 16
_Stretch = tuple[int, int, int]


def plan_units(corpus: FileCorpus, scan: Mapping[str, Any], unit_bytes: int | None = None) -> UnitPlan:
    """Divides a corpus into units of about equal size; the same files give the same plan on any machine.

    Parquet is divided at row groups, JSONL and text at line ends. Arrow files, compressed files and texts that are one
    row are units as they are.

    Args:
        corpus: Files opened by `open_corpus`.
        scan: What else the counts depend on, as `Scanner.identity` gives it.
        unit_bytes: Bytes of text a unit, about; None for 128 MiB.

    Raises:
        UsageError: The size is not positive, or a source is a pipe, which can be read only once.
        CorpusError: A file cannot be read.
    """
    size = UNIT_BYTES if unit_bytes is None else unit_bytes
    if size < 1:
        raise UsageError(f"a unit must hold at least 1 byte, not {size}")
    units = []
    for number, file in enumerate(corpus.files):
        if file.size is None:
            raise UsageError(
                f"{file.path}: a pipe cannot be divided into units or read again", hint="Save it to a file first."
            )
        with reading(file.path):
            stretches = list(_divided(file, corpus.columns, corpus.text_rows, size))
        units += [Unit(number, *stretch) for stretch in stretches or [(0, 0, file.size)]]
    return UnitPlan(scan, size, corpus.files, tuple(units))


def _divided(file: SourceFile, columns: Sequence[str], text_rows: str, size: int) -> Iterator[_Stretch]:
    """The stretches of a file; none where it is one unit."""
    if file.compression or file.format == "arrow" or (file.format == "text" and text_rows == "file"):
        return
    if file.format == "parquet":
        with open_parquet(file, None) as reader:
            yield from _grouped(reader.weights(columns), size)
    elif file.size is not None and file.size > size and (file.format == "text" or _is_settled(file, columns)):
        yield from _lines(file.path, file.size, size)


def _is_settled(file: SourceFile, columns: Sequence[str]) -> bool:
    """Whether the start of a JSONL file tells the types of its columns, so that no stretch has to guess them."""
    with open_reader(file, columns, "line") as reader:
        return reader.schema is not None and settled(reader.schema, columns)


def _grouped(weights: Sequence[int], size: int) -> Iterator[_Stretch]:
    """Neighbouring row groups together, as long as they stay below `size`."""
    start = held = 0
    for group, weight in enumerate(weights):
        if group > start and held + weight > size:
            yield start, group, held
            start, held = group, 0
        held += weight
    if weights:
        yield start, len(weights), held


def _lines(path: str, length: int, size: int) -> Iterator[_Stretch]:
    """Byte ranges of about equal length that end behind a line feed; a longer line is a range of its own."""
    number = -(-length // size)
    start = 0
    with open_file(path) as stream:
        for target in (length * k // number for k in range(1, number + 1)):
            if target <= start:
                continue
            stop = _behind_line(stream, target - 1, length)
            yield start, stop, stop - start
            start = stop


def _behind_line(stream: pa.NativeFile, position: int, length: int) -> int:
    """Place behind the first line feed at or after a position; the end of the file if there is none."""
    stream.seek(position)
    while block := stream.read(_LOOK_BYTES):
        at: int = block.find(b"\n")
        if at >= 0:
            return position + at + 1
        position += len(block)
    return length
