"""Adding the counts of files and work directories, each of them once."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.ahead import read_ahead
from prunus.errors import UsageError
from prunus.storedcounts import StoredCounts
from prunus.summing import summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prunus.counts import TokenCounts


def merge_files(paths: Iterable[str | os.PathLike[str]], *, partial: bool = False) -> TokenCounts:
    """The sum of counts files and of work directories of `prunus scan --resume`, read one by one.

    Args:
        paths: Files that `prunus scan` wrote, and directories that `prunus scan --resume` did.
        partial: Take of a work directory what is done, however much is missing.

    Raises:
        UsageError: A file, or the same counts under two names, would count twice; or the options differ.
        TokenizerMismatchError: They were counted with different tokenizers or by different oracles.
        CorpusError: A file is damaged, or units of a work directory are missing and `partial` does not accept it.
    """
    return summed(_each_once(paths, partial=partial))


def _each_once(paths: Iterable[str | os.PathLike[str]], *, partial: bool) -> Iterator[TokenCounts | StoredCounts]:
    seen: dict[object, str] = {}
    for path, counts in read_ahead((os.fspath(path) for path in paths), functools.partial(_read, partial=partial)):
        for mark in (os.path.realpath(path), _mark(counts)):
            if mark in seen:
                raise UsageError(
                    f"{path}: holds what {seen[mark]} holds: it would be counted twice", hint="Name each once."
                )
            seen[mark] = path
        yield counts


def _read(path: str, *, partial: bool) -> TokenCounts | StoredCounts:
    if not Path(path).is_dir():
        return StoredCounts(path)
    from prunus.units import WorkDirectory

    return WorkDirectory(path).merged(partial=partial)


def _mark(counts: TokenCounts | StoredCounts) -> object:
    if not counts.info.tokens:
        return object()
    return hash((counts.ids.tobytes(), counts.counts.tobytes())), counts.info.to_json()
