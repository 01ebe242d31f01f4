"""`counts.parquet` on disk: written whole or not at all, read with every claim checked."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.counts import TokenCounts
from prunus.errors import CorpusError, OutputError

if TYPE_CHECKING:
    from os import PathLike

# Fixed so that equal counts give equal bytes, whatever defaults a pyarrow has.
_WRITE = {
    "version": "2.6",
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": False,
    "data_page_version": "1.0",
}


def save(counts: TokenCounts, path: str | PathLike[str]) -> None:
    """Write the counts to a temporary sibling and rename it.

    Raises:
        OutputError: The file cannot be written; whatever was there before is untouched.
    """
    import pyarrow.parquet as pq

    target = Path(path)
    temporary = target.with_name(f"{target.name}.prunus-tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            pq.write_table(counts.to_arrow(), file, row_group_size=max(len(counts), 1), **_WRITE)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written: {error.strerror or error}",
            hint="Name a file in a writable directory with enough space.",
            file=str(target),
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | PathLike[str]) -> TokenCounts:
    """Read the counts.

    Raises:
        CorpusError: No such file, a truncated or foreign one, or one whose parts do not fit together.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return TokenCounts.from_arrow(file.read())
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{path}: cannot be read as counts: {error}",
            hint="Name a file written by `prunus scan -o counts.parquet`; a truncated one must be scanned again.",
            file=str(path),
        ) from error
    except CorpusError as error:
        raise CorpusError(f"{path}: {error.message}", hint=error.hint, file=str(path)) from error
