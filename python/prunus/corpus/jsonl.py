"""JSONL: blocks of lines parsed by pyarrow for the wanted columns, or line by line where something is wrong."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.json as pj

from prunus.corpus.batches import bounded
from prunus.corpus.columns import resolve
from prunus.corpus.jsontypes import merged_schema, mismatch, settled, wanted_schema
from prunus.corpus.spans import ByteRange
from prunus.corpus.streams import checked_encoding, line_blocks, open_bytes
from prunus.errors import ColumnError, CorpusError, InvalidTextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunus.corpus.discover import SourceFile
    from prunus.corpus.spans import Span
    from prunus.corpus.streams import Pipe

_SAMPLE_ROWS = 1000
_BLANK = b" \t\r"


class JsonlReader:
    """An open JSONL file; its schema is what its first rows say.

    A column must occur in the first block of each file (8 MB); from then on a row without it holds null.
    """

    def __init__(
        self, file: SourceFile, columns: Sequence[str] | None, stream: pa.NativeFile, consumed: Callable[[], int]
    ) -> None:
        self._path = file.path
        self._blocks = line_blocks(stream)
        self._lines_before = 0
        self._first = self._first_block()
        self.consumed = consumed
        self.schema: pa.Schema | None = None
        if self._first:
            self.schema = self._learned(pa.schema([]), self._first, columns or ())

    def narrow(self, stream: pa.NativeFile, span: Span) -> None:
        """Read only a range of bytes; what the start of the file says about its columns stays."""
        part = ByteRange(stream, span.start, span.stop)
        self.consumed = part.consumed
        self._blocks = line_blocks(part, at_start=span.start == 0)
        self._lines_before = span.rows_before
        self._first = next(self._blocks, b"")

    def _first_block(self) -> bytes:
        """The first block with a row in it."""
        for block in self._blocks:
            checked_encoding(block, self._path)
            if block.strip():
                return block
            self._lines_before += block.count(b"\n")
        return b""

    def _learned(self, schema: pa.Schema, block: bytes, columns: Sequence[str]) -> pa.Schema:
        """A schema with what the first rows of a block say, or as many as it takes to know the types of the columns."""
        for number, (_, row) in enumerate(_rows(block, self._path, self._lines_before)):
            if number >= _SAMPLE_ROWS and settled(schema, columns):
                break
            schema = merged_schema(schema, row)
        return schema

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Bounded batches of the wanted columns, each with the number of lines before it."""
        if self.schema is None:
            return
        schema = self.schema
        block = self._first
        while block:
            if not settled(schema, columns):
                schema = self._learned(schema, block, columns)
                resolve(schema, columns, self._path)
            row = self._lines_before
            for batch in _parsed(block, wanted_schema(schema, columns), self._path, self._lines_before):
                yield batch, row
                row += batch.num_rows
            self._lines_before += block.count(b"\n")
            block = next(self._blocks, b"")


@contextmanager
def open_jsonl(
    file: SourceFile, columns: Sequence[str] | None, pipe: Pipe | None, span: Span | None = None
) -> Iterator[JsonlReader]:
    """Open a JSONL file.

    Args:
        file: The file.
        columns: The columns that will be wanted, if known, whose types it then looks for.
        pipe: A stream to read instead of the file's path.
        span: The bytes to read of a file that is not compressed; None for all.
    """
    with open_bytes(file, pipe) as (stream, consumed):
        reader = JsonlReader(file, columns, stream, consumed)
        if span is not None:
            reader.narrow(stream, span)
        yield reader


def _parsed(block: bytes, schema: pa.Schema, path: str, lines_before: int) -> Iterator[pa.RecordBatch]:
    read = pj.ReadOptions(use_threads=False, block_size=len(block) + 1)
    parse = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        table = pj.read_json(pa.BufferReader(block), read_options=read, parse_options=parse)
        # pyarrow checks neither the encoding nor that a line is one object.
        table.validate(full=True)
        parsed = table.num_rows == _row_count(block)
    except (pa.ArrowInvalid, OverflowError):
        parsed = False
    if not parsed:
        table = _slowly(block, schema, path, lines_before)
    for batch in table.to_batches():
        yield from bounded(batch)


def _row_count(block: bytes) -> int:
    return sum(1 for line in block.split(b"\n") if line.strip(_BLANK))


def _slowly(block: bytes, schema: pa.Schema, path: str, lines_before: int) -> pa.Table:
    """A block parsed line by line, to name the line that is wrong; without one, its rows."""
    rows = []
    for line, row in _rows(block, path, lines_before, _wanted_names(schema)):
        for field in schema:
            _check(row.get(field.name), field, path, line)
        rows.append({name: row.get(name) for name in schema.names})
    return pa.Table.from_pylist(rows, schema)


def _check(value: object, field: pa.Field, path: str, line: int) -> None:
    why = mismatch(value, field.type)
    if why:
        raise ColumnError(
            f"{path}, line {line}: column {field.name!r} holds {why}",
            hint="The type of a column is that of its first value in the file.",
            file=path,
            line=line,
            column=field.name,
        )
    try:
        pa.array([value], field.type)
    except UnicodeEncodeError as error:
        raise InvalidTextError(
            f"{path}, line {line}: column {field.name!r} holds a surrogate that is not half of a pair",
            hint="Such a string is no Unicode text; repair the line.",
            file=path,
            line=line,
            column=field.name,
        ) from error


def _rows(
    block: bytes, path: str, lines_before: int, wanted: frozenset[str] = frozenset()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a block with their line numbers, from 1; blank lines are skipped.

    Raises:
        CorpusError: A line is no JSON object, or names a wanted column twice.
        InvalidTextError: A line is not UTF-8.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            twice = sorted(name for name in wanted.intersection(names) if names.count(name) > 1)
            if twice:
                raise _BrokenLineError(f"the name {twice[0]!r} occurs twice in an object")
        return row

    lines = block.split(b"\n")
    for number, text in enumerate(lines, lines_before + 1):
        if not text.strip(_BLANK):
            continue
        try:
            row = json.loads(text.decode(), object_pairs_hook=unique if wanted else None)
            if not isinstance(row, dict):
                raise _BrokenLineError(f"a {type(row).__name__}, not an object")
        except UnicodeDecodeError as error:
            raise InvalidTextError(
                f"{path}, line {number}: invalid UTF-8 at byte {error.start} of the line", file=path, line=number
            ) from error
        except (ValueError, RecursionError) as error:
            last = number == lines_before + len(lines)
            raise CorpusError(
                f"{path}, line {number}: broken JSON: {error}",
                hint="The last line has no line feed: is the file truncated?"
                if last and not text.lstrip().startswith(b"[")
                else "Each line must be one JSON object.",
                file=path,
                line=number,
            ) from error
        yield number, row


class _BrokenLineError(ValueError):
    """A line is JSON, but no row."""


def _wanted_names(schema: pa.Schema) -> frozenset[str]:
    names: set[str] = set()
    kinds = [pa.struct(list(schema))]
    while kinds:
        kind = kinds.pop()
        if pa.types.is_list(kind):
            kinds.append(kind.value_type)
        elif pa.types.is_struct(kind):
            names.update(field.name for field in kind)
            kinds.extend(field.type for field in kind)
    return frozenset(names)
