"""Counting the tokens of a corpus: `Scanner` and `scan`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from prunus._engine import Engine
from prunus.corpus import open_corpus
from prunus.counts import ScanInfo, TokenCounts
from prunus.errors import CorpusError, UsageError
from prunus.given import at_least_one, not_empty, share
from prunus.knowntokens import KnownTokens
from prunus.tokenizer.resolve import resolve_tokenizer
from prunus.truncation import check_room, truncating
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from prunus._engine import RawCounts, Scan
    from prunus.corpus import Corpus
    from prunus.corpus.files import FileCorpus
    from prunus.parts import Part
    from prunus.tokenizer.resolve import ResolvedTokenizer
    from prunus.truncation import TruncateSide, TruncateStrategy

TALLIES = ("rows", "nulls", "text_bytes", "tokens", "fallback_rows", "invalid_rows")

# More than any machine has processors; each costs memory, and the system does not give any number of them.
_MOST_THREADS = 4096
_RIGHT = "Is this the right corpus and column?"
InvalidUtf8 = Literal["error", "replace", "skip"]


class Progress(Protocol):
    """What is told how far a scan is, for example `prunus.progress.ProgressLine`."""

    def update(self, *, rows: int, text_bytes: int, bytes_read: int, total_bytes: int | None) -> None:
        """Called once a batch with the texts done, their bytes, and the bytes of the sources read and in all."""


class Scanner:
    """Counts how often each token id occurs in a corpus, exactly as the tokenizers library encodes it row by row.

    The tokenizer is loaded once and is read-only; a scanner may be used for any number of corpora, and from several
    threads. Truncation and padding that the tokenizer's file asks for are off, unless truncation is asked for here.

    Args:
        tokenizer: Path of a tokenizer.json, a directory that holds one, a live `tokenizers.Tokenizer` or a fast
            tokenizer of transformers.
        add_special_tokens: Count the tokens that the post-processor adds to each row, such as `[CLS]` and `[SEP]`.
        threads: Worker threads; None takes the processors this process may use.
        truncate: Most tokens of a row, special tokens included; `"configured"` truncates as the tokenizer's file says;
            None does not truncate.
        truncate_side: With a number, which side is cut off: `"right"` (the default) or `"left"`.
        truncate_strategy: With a number, what is cut off of a pair: `"longest_first"` (the default), `"only_first"` or
            `"only_second"`.
        tokenizer_from: `"file"` or `"transformers"` where a directory yields two different pipelines.
        path: `"auto"`, or to force one: `"row"`, `"generic"` or `"native"` (they give the same counts).
        invalid_utf8: What to do with a text that is not UTF-8: `"error"`, `"replace"` bad bytes by U+FFFD, or `"skip"`
            the row and count it in the result.
        sample: Share of the rows to count, above 0 and below 1, for a quick look. A hash of its text decides whether a
            row is taken, so these are always the same rows; equal texts are taken together. The result is labelled: it
            does not add up with exact counts, and `select` refuses it unless told otherwise. Nulls are all counted.
        memory: Bound in bytes for the piece tables of all threads; None takes about 20 MB a thread, up to 60 for
            several tokenizers.

    Raises:
        TokenizerError: The tokenizer is absent, broken or slow-only.
        TokenizerMismatchError: The directory's file and AutoTokenizer are different pipelines, and none was chosen.
        UsageError: An option is unknown, or does not apply to this tokenizer.

    Example:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> tokenizer = Tokenizer(models.WordLevel({"to": 0, "be": 1, "or": 2, "not": 3, "?": 4}, unk_token="?"))
        >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> counts = Scanner(tokenizer, threads=1).scan(["to be or not", None, "to be"])
        >>> counts.most_common(2), counts.info.rows, counts.info.nulls
        ([('to', 0, 2), ('be', 1, 2)], 2, 1)
    """

    def __init__(
        self,
        tokenizer: object,
        *,
        add_special_tokens: bool = True,
        threads: int | None = None,
        truncate: int | Literal["configured"] | None = None,
        truncate_side: TruncateSide | None = None,
        truncate_strategy: TruncateStrategy | None = None,
        tokenizer_from: str | None = None,
        path: str = "auto",
        invalid_utf8: InvalidUtf8 = "error",
        sample: float | None = None,
        memory: int | None = None,
    ) -> None:
        not_empty("tokenizer", tokenizer)
        _check(add_special_tokens, invalid_utf8)
        self._threads = _processors() if threads is None else at_least_one("threads", threads, _MOST_THREADS)
        self._memory = None if memory is None else at_least_one("memory", memory)
        sample = None if sample is None else share("sample", sample, "One row in a hundred is 0.01.")
        self._resolved = resolve_tokenizer(tokenizer, tokenizer_from)
        document, record = truncating(self._resolved.json, truncate, truncate_side, truncate_strategy)
        self._engine = Engine(
            document, add_special_tokens=add_special_tokens, path=path, truncation=truncate is not None
        )
        self._options: dict[str, Any] = {
            "add_special_tokens": add_special_tokens,
            "truncate": record,
            "invalid_utf8": invalid_utf8,
            **({} if sample is None else {"sample": sample}),
        }
        self._sample = None if sample is None else int(sample * 2**64)
        self._known = KnownTokens(self._engine.size)

    @property
    def engine(self) -> Engine:
        """The loaded tokenizer: its fingerprint, size, path and `encode`."""
        return self._engine

    @property
    def threads(self) -> int:
        """Worker threads of a scan."""
        return self._threads

    @property
    def mark(self) -> str:
        """Equal for scanners that count the same."""
        return json.dumps([self._engine.fingerprint, self._options], sort_keys=True)

    @property
    def resolved(self) -> ResolvedTokenizer:
        """Which tokenizer.json is counted with, where it came from, and what to know about it."""
        return self._resolved

    def scan(
        self,
        source: object,
        columns: Sequence[str] | str | None = None,
        *,
        pair: bool = False,
        resume: str | os.PathLike[str] | None = None,
        shard: tuple[int, int] | None = None,
        unit_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> TokenCounts:
        """Count the tokens of a corpus.

        The counts are the same whatever the number of threads, the sizes of the batches and the units.

        Args:
            source: Paths, directories, globs, `-`, anything with `__arrow_c_stream__`, an iterable of str, or a corpus
                from `prunus.open_corpus`.
            columns: Columns to count, dotted for nested fields; None takes the only column of strings. A column of
                lists of integers holds ready ids, of which -100 is ignored.
            pair: Encode two columns together, row by row, as pairs; a pair with a null is a null row.
            resume: A work directory, created or taken up again: files are scanned in units, and the result of each is
                kept there as soon as it is done, so that a kill loses only the units in flight.
            shard: `(number, of)`, from 1: scan only the units of one of several machines. The result is labelled as a
                part; `prunus.merge` makes the whole of all parts, and nothing else takes them.
            unit_bytes: Bytes of text a unit, about, where there are units; None for 128 MiB.
            progress: Told how far the scan is.

        Raises:
            UsageError: `resume` or `shard` for something that is no file, or with other options than before.
            TokenizerMismatchError: `resume` names a directory that was made with another tokenizer.
            OutputError: A result cannot be written to `resume`.
            CorpusError: A source cannot be read, or there was nothing to count.
            ColumnError: A column is missing, ambiguous, or holds neither text nor ids.
            InvalidTextError: A text is not UTF-8, or a ready id is no id of the tokenizer.
            TokenizerError: The library cannot encode a text with this tokenizer.
            KeyboardInterrupt: Ctrl-C; the workers are told to stop and nothing is kept.
        """
        corpus = open_corpus(source, columns, pair=pair)
        if resume is not None or shard is not None:
            from prunus.units import scan_in_units

            return scan_in_units(
                self, corpus, pair=pair, resume=resume, shard=shard, unit_bytes=unit_bytes, progress=progress
            )
        if unit_bytes is not None:
            raise UsageError("a size of units was given, but nothing asks for units", hint="Give resume or shard.")
        return self.counts_of(self.raw(corpus, pair=pair, progress=progress), corpus, pair=pair)

    def raw(self, corpus: Corpus, *, pair: bool = False, progress: Progress | None = None) -> RawCounts:
        """What a corpus counts, before it is a value, and also where that is nothing; raises as `scan` does."""
        if not corpus.columns:  # files without a row name no column either
            raise CorpusError(f"{_shown(corpus.sources)}: there are no rows: nothing to count", hint=_RIGHT)
        running = self.start(corpus, pair=pair)
        try:
            return _feed(running, corpus, progress)
        except BaseException:
            running.cancel()
            raise

    def start(
        self, corpus: Corpus, *, pair: bool = False, memory: int | None = None, others: Sequence[Scanner] = ()
    ) -> Scan:
        """Worker threads that count what is pushed to them; `counts_of` makes a value of what they give.

        Others, which differ in nothing but the tokenizer, count the same batches in the same pass.

        Raises:
            UsageError: The options contradict each other.
        """
        for scanner in (self, *others):
            check_room(scanner.engine, scanner._options["truncate"], pair=pair)
        return self._engine.start(
            list(corpus.columns),
            others=[scanner.engine for scanner in others],
            pair=pair,
            threads=self._threads,
            memory=memory or self._memory,
            invalid_utf8=self._options["invalid_utf8"],
            sample=self._sample,
        )

    def identity(self, corpus: FileCorpus, *, pair: bool = False) -> dict[str, Any]:
        """All that the counts depend on beside the source files, as JSON values."""
        return {
            "fingerprint": self._engine.fingerprint,
            "size": self._engine.size,
            "oracle": self._engine.oracle,
            "version": __version__,
            "options": {**self._options, "pair": pair},
            "columns": list(corpus.columns),
            "text_rows": corpus.text_rows,
        }

    def counts_of(self, raw: RawCounts, corpus: Corpus, *, pair: bool = False) -> TokenCounts:
        """What the workers counted, as a value.

        Raises:
            CorpusError: There was nothing to count.
        """
        if corpus.part is None:
            refuse_nothing(raw, corpus.columns, corpus.sources, self._options.get("sample"))
        ids, counts = np.frombuffer(raw.ids, "<u4"), np.frombuffer(raw.counts, "<u8")
        tallies = {name: getattr(raw, name) for name in TALLIES}
        return self.labelled(ids, counts, tallies, corpus.sources, corpus.part, pair=pair)

    def labelled(
        self,
        ids: NDArray[Any],
        counts: NDArray[Any],
        tallies: Mapping[str, int],
        sources: tuple[Mapping[str, Any], ...],
        part: Part | None = None,
        *,
        pair: bool,
    ) -> TokenCounts:
        """Ids and counts with their tokens and with what is known of how they were counted."""
        return TokenCounts(ids, counts, self.tokens_of, self._info(tallies, sources, part, pair=pair))

    def tokens_of(self, ids: NDArray[Any]) -> list[str]:
        """The tokens of ids; an id that the tokenizer has no token for has an empty one."""
        new = self._known.unknown(ids)
        if len(new):
            self._known.learn(new, self._engine.tokens(new.tolist()))
        return self._known.tokens(ids)

    def nothing(self, part: Part, *, pair: bool) -> TokenCounts:
        """The counts of no unit of a planned scan: what a shard has to say for which there is no work."""
        return TokenCounts([], [], (), self._info(dict.fromkeys(TALLIES, 0), (), part, pair=pair))

    def _info(
        self, tallies: Mapping[str, int], sources: tuple[Mapping[str, Any], ...], part: Part | None, *, pair: bool
    ) -> ScanInfo:
        engine = self._engine
        reason = engine.path_reason
        if engine.has_truncation and self._options["truncate"] is None:
            reason += "; the truncation that the tokenizer's file asks for is off"
        return ScanInfo(
            fingerprint=engine.fingerprint,
            size=engine.size,
            **tallies,
            options={**self._options, "pair": pair},
            oracle=engine.oracle,
            path=engine.path,
            path_reason=reason,
            sources=sources,
            version=__version__,
            part=part,
        )


def scan(
    source: object,
    *,
    tokenizer: object,
    columns: Sequence[str] | str | None = None,
    pair: bool = False,
    add_special_tokens: bool = True,
    threads: int | None = None,
    truncate: int | Literal["configured"] | None = None,
    truncate_side: TruncateSide | None = None,
    truncate_strategy: TruncateStrategy | None = None,
    tokenizer_from: str | None = None,
    path: str = "auto",
    invalid_utf8: InvalidUtf8 = "error",
    sample: float | None = None,
    memory: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    shard: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> TokenCounts:
    """Count the tokens of a corpus in one call; the arguments are those of `Scanner` and `Scanner.scan`.

    Raises:
        PrunusError: As `Scanner` and `Scanner.scan` say.

    Example:
        >>> from tokenizers import Tokenizer, models
        >>> tokenizer = Tokenizer(models.WordLevel({"yes": 0, "?": 1}, unk_token="?"))
        >>> scan(["yes", "yes", "no"], tokenizer=tokenizer).counts.tolist()
        [2, 1]
    """
    scanner = Scanner(
        tokenizer,
        add_special_tokens=add_special_tokens,
        threads=threads,
        truncate=truncate,
        truncate_side=truncate_side,
        truncate_strategy=truncate_strategy,
        tokenizer_from=tokenizer_from,
        path=path,
        invalid_utf8=invalid_utf8,
        sample=sample,
        memory=memory,
    )
    return scanner.scan(source, columns, pair=pair, resume=resume, shard=shard, progress=progress)


def _feed(running: Scan, corpus: Corpus, progress: Progress | None) -> RawCounts:
    for batch in corpus.batches():
        running.push(batch.data, batch.source, batch.first_row)
        if progress is not None:
            _report(running, corpus, progress)
    raw = running.finish()
    if progress is not None:
        _report(running, corpus, progress)
    return raw


def _report(running: Scan, corpus: Corpus, progress: Progress) -> None:
    rows, text_bytes = running.progress()
    tell(progress, corpus, rows, text_bytes)


def tell(progress: Progress, corpus: Corpus, rows: int, text_bytes: int) -> None:
    """How far a scan of a corpus is."""
    progress.update(rows=rows, text_bytes=text_bytes, bytes_read=corpus.bytes_read(), total_bytes=corpus.total_bytes)


def refuse_nothing(
    raw: RawCounts | ScanInfo,
    columns: Sequence[str],
    sources: Sequence[Mapping[str, Any]],
    sample: float | None = None,
) -> None:
    """A scan that counted nothing would let everything be pruned away.

    Raises:
        CorpusError: No row held anything to count, or none was in the sample.
    """
    if raw.tokens:
        return
    if sample is not None and raw.rows == 0:
        hint = f"Raise sample (--sample). If a larger one takes none either: {_RIGHT.lower()}"
        raise CorpusError(f"{_shown(sources)}: the sample of {sample:.6g} took none of the rows", hint=hint)
    if raw.rows == 0 and raw.nulls:
        what = f"all {raw.nulls:,} values are null"
    elif raw.rows == 0 and raw.invalid_rows:
        what = f"none of the {raw.invalid_rows:,} rows is valid UTF-8"
    elif raw.rows == 0:
        what = "there are no rows"
    else:
        what = f"all {raw.rows:,} texts are empty"
    column = ", ".join(map(repr, columns))
    raise CorpusError(f"{_shown(sources)}: {what} in {column}: nothing to count", hint=_RIGHT)


def _shown(sources: Sequence[Mapping[str, Any]]) -> str:
    names = [str(source.get("path") or source.get("object")) for source in sources]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _check(add_special_tokens: object, invalid_utf8: str) -> None:
    if not isinstance(add_special_tokens, bool):
        raise UsageError(f"add_special_tokens must be True or False, not {add_special_tokens!r}")
    if invalid_utf8 not in {"error", "replace", "skip"}:
        raise UsageError(f"invalid_utf8 must be 'error', 'replace' or 'skip', not {invalid_utf8!r}")


def _processors() -> int:
    """Processors that this process may use, which under a scheduler or container are fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
