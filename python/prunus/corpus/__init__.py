"""From files, pipes and live objects to Arrow batches of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from prunus.corpus.base import Corpus
from prunus.corpus.batches import Batch
from prunus.corpus.discover import STDIN, exists
from prunus.corpus.files import FileCorpus
from prunus.corpus.formats import checked_format, format_of
from prunus.corpus.objects import ArrowCorpus, TextCorpus, is_dataset, type_name
from prunus.errors import CorpusError, UsageError
from prunus.given import not_empty, several

__all__ = ["Batch", "Corpus", "open_corpus"]

_TEXT_ROWS = ("line", "file")
_LOOKED_AT = 1000
_PATH_LENGTH = 4096


def open_corpus(
    source: object,
    columns: Sequence[str] | str | None = None,
    *,
    pair: bool = False,
    format: str | None = None,  # noqa: A002 - the public name
    text_rows: str = "line",
) -> Corpus:
    """Open a corpus and find its columns; rows are read by its `batches()`.

    Files are Parquet, Arrow IPC (file or stream), JSONL or plain text, each also compressed (`.gz`, `.zst`, `.bz2`,
    `.lz4`). A directory is searched for files of known extensions; hidden files, and `.json` and `.md` files, are left
    out there. One glob or directory counts a file once, however many links lead to it; a file that two arguments name
    is an error. The only column of a text file is called `text`.

    A list of strings is a list of paths if all of them exist, and a list of texts if none does and none looks like a
    path; anything in between is an error. `pathlib.Path` objects are always paths, an iterator always gives texts.

    Args:
        source: A path, directory, glob, `-` for standard input, or a list of them; any object with
            `__arrow_c_stream__` (pyarrow, polars, duckdb, pandas); a data set of `datasets`; an iterable of strings,
            None being null.
        columns: Names of the columns to count, dotted for a field inside a struct; None takes the only column of
            strings, or else a single `input_ids`.
        pair: The two columns are encoded together, as a pair.
        format: `parquet`, `arrow`, `jsonl` or `text` for all files, whatever their names say.
        text_rows: In text files, `line` makes each line a row, `file` each file.

    Returns:
        The corpus.

    Raises:
        UsageError: The arguments contradict each other, or this is nothing that can be read.
        CorpusError: A file is missing, damaged, of unknown format or named twice.
        ColumnError: A column is missing, of a type without text, or none was named and the choice is not clear.

    Example:
        >>> corpus = open_corpus(["one text", None, "another"])
        >>> [(batch.first_row, batch.data.num_rows) for batch in corpus.batches()], corpus.columns
        ([(0, 3)], ('text',))
    """
    checked_format(format)
    if text_rows not in _TEXT_ROWS:
        raise UsageError(f"text_rows {text_rows!r} is unknown", hint="Choose one of line, file.")
    number = 2 if pair else None
    if isinstance(source, Corpus):
        _checked_columns(source.columns or None, number)  # files without a row name none
        if columns is not None and _checked_columns(columns, number) != source.columns:
            raise UsageError(f"the corpus is open with the columns {', '.join(source.columns)}", hint="Name no others.")
        return source
    return _opened(source, _checked_columns(columns, number), format, text_rows)


def _checked_columns(columns: Sequence[str] | str | None, number: int | None) -> tuple[str, ...] | None:
    names = () if columns is None else several(columns)
    if (columns is not None and not names) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"columns {columns!r} names no column", hint="Leave it out to take the only column of text.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"column {twice[0]!r} is named twice: it would count twice", hint="Name each column once.")
    if number and len(names) != number:
        raise UsageError(f"a pair takes {number} columns, not {len(names)}", hint="Name both columns.")
    return names or None


def _opened(source: object, columns: tuple[str, ...] | None, format_: str | None, text_rows: str) -> Corpus:
    paths = _paths(source)
    if paths is not None:
        return FileCorpus(paths, columns, format_, text_rows)
    if format_ is not None:
        raise UsageError(f"format {format_!r} says how files are read, not a {type_name(source)}", hint="Leave it out.")
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__") or is_dataset(source):
        return ArrowCorpus(source, columns)
    if isinstance(source, Mapping):
        keys = ", ".join(repr(key) for key in list(source)[:5])
        raise UsageError(f"a {type_name(source)} is no corpus", hint=f"Pass one of its values: {keys}.")
    if isinstance(source, (bytes, bytearray)) or hasattr(source, "read") or not isinstance(source, Iterable):
        raise UsageError(
            f"a {type_name(source)} is no corpus",
            hint="Pass paths, an object with __arrow_c_stream__, or an iterable of str.",
        )
    return TextCorpus(source, columns)


def _paths(source: object) -> list[str] | None:
    """The paths that a source names; None if it is something else."""
    not_empty("corpus", source)
    if isinstance(source, (str, os.PathLike)):
        return [os.fspath(source)]
    if not isinstance(source, (list, tuple)) or not source:
        return None
    if any(isinstance(item, os.PathLike) for item in source):
        wrong = next((item for item in source if not isinstance(item, (str, os.PathLike))), None)
        if wrong is not None:
            raise UsageError(f"a list of paths holds a {type_name(wrong)}", hint="Pass paths only.")
        return [os.fspath(item) for item in source]
    strings = source[:_LOOKED_AT]
    if not all(isinstance(item, str) for item in strings):
        return None
    named = [item for item in strings if item != STDIN]
    missing = [item for item in named if not (_may_be_path(item) and exists(item))]
    if not missing:
        return list(source)
    suspect = next((item for item in missing if _looks_like_path(item)), None)
    if suspect is None and len(missing) == len(named):
        return None
    raise CorpusError(
        f"{suspect or missing[0]!r}: no such file, or is this a text? Of {len(named)} strings, "
        f"{len(named) - len(missing)} name files",
        hint="Pass pathlib.Path objects for files, an iterator for texts: iter(texts).",
    )


def _may_be_path(text: str) -> bool:
    """Whether it is worth asking the file system: a glob in a sentence could walk all of it."""
    globs = any(c in text for c in "*?[")
    return 0 < len(text) < _PATH_LENGTH and "\n" not in text and not (globs and any(c.isspace() for c in text))


def _looks_like_path(text: str) -> bool:
    return _may_be_path(text) and not any(c.isspace() for c in text) and format_of(text, named=False) is not None
