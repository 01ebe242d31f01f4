"""What several commands need: options turned into values."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.cli.output import emit
from prunus.errors import OutputError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from prunus.corpus.base import Corpus
    from prunus.counts import TokenCounts
    from prunus.selection import KeepSet


def say(parsed: argparse.Namespace, text: object) -> None:
    """Human text, on standard error."""
    if not parsed.quiet:
        sys.stderr.write(f"{text}\n")


def show(values: object) -> None:
    """The machine-readable result, on standard output."""
    emit(json.dumps(values, ensure_ascii=False) + "\n")


def check_parent(out: str) -> None:
    """Refuses, before any work is done, a file that could not be written afterwards.

    Raises:
        OutputError: The file's directory does not exist, or the path is a directory.
    """
    path = Path(out).absolute()
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: no such directory", hint="Create it first.")
    if path.is_dir():
        raise OutputError(f"{path}: is a directory", hint="Name a file.")


def check_counts_out(out: str, inputs: Iterable[str] = ()) -> None:
    """Refuses, before any work is done, to write counts over something else.

    Raises:
        OutputError: The file is one of the inputs, is no counts file, or could not be written.
    """
    from prunus.countsfile import check_replaceable

    check_parent(out)
    check_replaceable(out)
    _refuse_input(out, inputs)


def _refuse_input(out: str, inputs: Iterable[str]) -> None:
    if os.path.realpath(out) in map(os.path.realpath, inputs):
        raise OutputError(f"{out}: is read, and would be replaced by what comes of it", hint="Name another file.")


def scanned(
    parsed: argparse.Namespace, source: Iterable[str], tokenizer: str, **scanner_options: object
) -> TokenCounts:
    """Counts of a corpus, with a progress line where standard error is a terminal."""
    from prunus.corpus.held import HeldOut
    from prunus.progress import ProgressLine
    from prunus.scanning import Scanner

    scanner = Scanner(
        tokenizer,
        threads=parsed.threads,
        tokenizer_from=parsed.tokenizer_from,
        invalid_utf8=parsed.invalid_utf8,
        memory=parsed.memory,
        **scanner_options,  # type: ignore[arg-type]
    )
    if scanner.resolved.note:
        say(parsed, f"note: {scanner.resolved.note}")
    corpus = scan_corpus(parsed, source)
    if getattr(parsed, "holdout_every", None) is not None:
        corpus = HeldOut(corpus, parsed.holdout_every, held=False)
    with ProgressLine(quiet=parsed.quiet) as progress:
        return scanner.scan(
            corpus,
            pair=bool(getattr(parsed, "pair", None)),
            resume=getattr(parsed, "resume", None),
            shard=getattr(parsed, "shard", None),
            unit_bytes=getattr(parsed, "unit_size", None),
            progress=progress,
        )


def scan_corpus(parsed: argparse.Namespace, source: Iterable[str]) -> Corpus:
    """The corpus with the columns or the pair that the options name.

    Raises:
        UsageError: Columns are named twice over.
        OutputError: The output is one of its files.
    """
    pair = getattr(parsed, "pair", None)
    if pair and parsed.column:
        raise UsageError("--pair names the columns itself", hint="Leave out --column.")
    corpus = opened(parsed, source, list(pair) if pair else parsed.column, pair=bool(pair))
    if getattr(parsed, "out", None):
        _refuse_input(parsed.out, (source["path"] for source in corpus.sources))
    if (
        not pair
        and not parsed.column
        and corpus.columns
        and any(source["format"] != "text" for source in corpus.sources)
    ):
        say(parsed, f"column {corpus.columns[0]!r}: no other at the top level holds text or ids (--column chooses)")
    return corpus


def opened(
    parsed: argparse.Namespace, source: Iterable[str], columns: list[str] | None, *, pair: bool = False
) -> Corpus:
    """The corpus at paths or URLs, read as the options say."""
    from prunus.corpus import open_corpus
    from prunus.corpus.remote import Url, is_url

    paths = [Url(item) if is_url(item) else Path(item) for item in source]
    return open_corpus(paths, columns, pair=pair, format=parsed.format, text_rows=parsed.text_rows)


def proof_corpus(parsed: argparse.Namespace) -> Corpus | None:
    """The corpus that a verification is to read, opened before any work is done; None if the options name none.

    Raises:
        UsageError: It can be read only once.
        CorpusError: It cannot be read.
    """
    if parsed.corpus is None:
        return None
    from prunus.corpus.discover import STDIN

    once = next((path for path in parsed.corpus if path == STDIN or Path(path).is_fifo()), None)
    if once is not None:
        what = "standard input" if once == STDIN else "a pipe"
        raise UsageError(
            f"--corpus {once}: {what} can be read only once, and a verification reads the corpus several times",
            hint="Name a file, or count first: `prunus scan - -o counts.parquet`, then --counts counts.parquet.",
        )
    return opened(parsed, parsed.corpus, parsed.column)


def selected(parsed: argparse.Namespace) -> KeepSet:
    """The selection that the options describe; scans the corpus first if no counts are given.

    Raises:
        UsageError: Nothing says what to keep.
    """
    from prunus.merging import merge_files
    from prunus.selection import select

    if getattr(parsed, "holdout_every", None) is not None and (parsed.counts or not parsed.corpus):
        raise UsageError("--holdout-every needs --corpus: counts are made already", hint="Name other text: --holdout.")
    counts: list[TokenCounts] | None = None
    if parsed.counts:
        # Each file by itself only where each has a weight: together they are checked for counting twice.
        groups = [[path] for path in parsed.counts] if parsed.weights else [parsed.counts]
        counts = [merge_files(group) for group in groups]
    elif parsed.corpus:
        counts = [scanned(parsed, parsed.corpus, parsed.model)]
    named: dict[str, Any] = {}
    for verb in ("keep", "drop"):
        named[f"{verb}_tokens"] = _lines(getattr(parsed, f"{verb}_tokens"))
        named[f"{verb}_ids"] = _ids(getattr(parsed, f"{verb}_ids"))
        named[f"{verb}_regex"] = getattr(parsed, f"{verb}_regex")
        named[f"{verb}_text"] = _lines(getattr(parsed, f"{verb}_text"))
    keeps = any(named[name] for name in named if name.startswith("keep")) or parsed.script or parsed.size
    if counts is None and not keeps:
        raise UsageError("nothing says what to keep", hint="Give --counts FILE, --corpus PATH, or --keep-ids.")
    limits = {"min_count": parsed.min_count, "top_k": parsed.top_k, "coverage": parsed.coverage}
    return select(counts, weights=parsed.weights, **limits, **named, **_rules(parsed))


def _rules(parsed: argparse.Namespace) -> dict[str, Any]:
    return {
        "allow_sample": parsed.allow_sample,
        "scripts": _words(parsed.script),
        "only_scripts": _words(parsed.only_script),
        "script_quotas": dict(_quota(given) for given in parsed.script_quota),
        "size": parsed.size,
        "unseen": parsed.unseen,
        "drop_unused_added": parsed.drop_unused_added,
    }


def _words(value: str | None) -> list[str]:
    return [word.strip() for word in (value or "").split(",") if word.strip()]


def _quota(given: str) -> tuple[str, int]:
    script, _, number = given.partition("=")
    if not number.isdecimal():
        raise UsageError(f"--script-quota {given}: is no script with a number", hint="Write Cyrillic=500.")
    return script, int(number)


def _lines(path: str | None) -> list[str]:
    if path is None:
        return []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        hint = "Name a text file in UTF-8, one entry a line."
        raise UsageError(f"{path}: cannot be read: {said}", hint=hint, file=path) from error
    return [line for line in text.split("\n") if line]


def _ids(value: str | None) -> list[int]:
    if value is None:
        return []
    words = _lines(value) if _is_file(value) else value.split(",")
    wrong = next((word for word in words if not word.strip().isdecimal()), None)
    if wrong is not None:
        hint = "Give a file with one id a line, or 1,2,3."
        raise UsageError(f"--keep-ids/--drop-ids: {wrong!r} is no id and no file", hint=hint)
    return [int(word) for word in words]


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except OSError:  # a long list of ids is no path that the system could look up
        return False
