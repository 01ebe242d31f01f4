"""`counts.parquet` on disk: written whole or not at all, read with every claim checked."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.counts import TokenCounts
from prunus.errors import CorpusError, OutputError
from prunus.given import not_empty
from prunus.wholefile import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import pyarrow as pa

    from prunus.knowntokens import KnownTokens

MARK = b"prunus.tokens"

# Fixed so that equal counts give equal bytes, whatever defaults a pyarrow has.
_WRITE = {
    "version": "2.6",
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": False,
    "data_page_version": "1.0",
}
# Results of units are read by the million: these are smaller and quicker, but not every old Parquet reader knows them.
_WRITE_RESULT = _WRITE | {
    "compression": {"id": "none", "token": "zstd", "count": "lz4"},
    "compression_level": None,
    "column_encoding": {"id": "DELTA_BINARY_PACKED", "token": "PLAIN", "count": "BYTE_STREAM_SPLIT"},
}


def save(counts: TokenCounts, path: str | PathLike[str]) -> None:
    """Write the counts to a temporary sibling and rename it.

    Raises:
        OutputError: The file cannot be written, or is another one; whatever was there before is untouched.
    """
    check_replaceable(path)
    _write(counts.to_arrow(), path, _WRITE)


def check_replaceable(path: str | PathLike[str]) -> None:
    """Refuse to replace a file that holds anything but counts; an empty one, as a shell makes it, holds nothing.

    Raises:
        OutputError: It does, and may be somebody's corpus or tokenizer.
        UsageError: The name is empty.
    """
    not_empty("output", path)
    target = Path(path)
    if target.is_file() and target.stat().st_size and not _is_counts(target):
        raise OutputError(
            f"{path}: exists, and is no counts file of Prunus: it is not replaced",
            hint="Name another file, or remove this one first.",
            file=str(path),
        )


def _is_counts(path: Path) -> bool:
    import pyarrow.parquet as pq

    try:
        with naming(path), path.open("rb") as stream, pq.ParquetFile(stream) as file:
            TokenCounts.check_schema(file.schema_arrow)
    except CorpusError:
        return False
    return True


def save_result(counts: TokenCounts, path: str | PathLike[str], known: KnownTokens) -> None:
    """Write the counts of a unit as `save` does, laid out to be added up: with a mark of their tokens.

    Raises:
        OutputError: The file cannot be written.
        TokenizerMismatchError: Its tokens are not the known ones.
    """
    known.learn(counts.ids, counts.tokens)
    table = counts.to_arrow()
    metadata = table.schema.metadata | {MARK: b"%016x" % known.mark(counts.ids)}
    _write(table.replace_schema_metadata(metadata), path, _WRITE_RESULT)


def _write(table: pa.Table, path: str | PathLike[str], options: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    with whole_file(path) as file:
        pq.write_table(table, file, row_group_size=max(len(table), 1), **options)


def load(path: str | PathLike[str]) -> TokenCounts:
    """Read the counts.

    Raises:
        CorpusError: No such file, a truncated or foreign one, or one whose parts do not fit together.
    """
    import pyarrow.parquet as pq

    with naming(path), pq.ParquetFile(path) as file:
        return TokenCounts.from_arrow(file.read())


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Whatever goes wrong inside is an error that names the counts file.

    Raises:
        CorpusError: Something went wrong.
    """
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError as error:
        hint = "Name a file written by `prunus scan -o counts.parquet`."
        raise CorpusError(f"{path}: no such file", hint=hint, file=str(path)) from error
    except (OSError, pa.ArrowException, UnicodeError) as error:
        raise CorpusError(
            f"{path}: cannot be read as counts: {error}",
            hint="Name a file written by `prunus scan -o counts.parquet`; a truncated one must be scanned again.",
            file=str(path),
        ) from error
    except CorpusError as error:
        raise CorpusError(f"{path}: {error.message}", hint=error.hint, file=str(path)) from error
