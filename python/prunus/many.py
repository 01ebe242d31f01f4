"""Several tokenizers in one pass: the corpus is read and decompressed once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.types as pt

from prunus.corpus.columns import inner, leaf_type
from prunus.corpus.columns import names_of as names_of_column
from prunus.errors import UsageError
from prunus.scanning import Scanner, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunus._engine import RawCounts, Scan
    from prunus.corpus import Batch, Corpus
    from prunus.counts import TokenCounts
    from prunus.scanning import Progress

# Of the tables for all tokenizers together, as of those for a single one.
_MEMORY_A_THREAD = 100_000_000


def scan_many(
    source: object,
    *,
    tokenizers: Sequence[object],
    columns: Sequence[str] | str | None = None,
    pair: bool = False,
    progress: Progress | None = None,
    memory: int | None = None,
    **options: Any,
) -> tuple[TokenCounts, ...]:
    """Count the tokens of a corpus with several tokenizers while it is read once.

    Each result is what `scan` gives with that tokenizer. Equal tokenizers, such as those of two models of one family,
    are counted once. Tokenizers that cut alike also share the cutting and the table of pieces, so that what a further
    one of them adds is the tokenising of the distinct pieces: those with one native `path`, equal parameters, and safe
    splits known for all or for none (GPT-2, RoBERTa and Phi-2; GPT-NeoX and SmolLM2; cased and uncased BERTs). A text
    in which one of them finds an added token, or which its normaliser changes, is counted for that one by itself.

    Args:
        source: As `Scanner.scan` takes it.
        tokenizers: Each as `Scanner` takes it.
        columns: Columns of text to count.
        pair: Encode two columns together.
        progress: Told how far the scan is.
        memory: Bound in bytes for the tables of all of them together; None takes about what one scan does.
        **options: Further options of `Scanner`, for all of them.

    Returns:
        The counts in the order of the tokenizers.

    Raises:
        UsageError: There is no tokenizer, or a column holds ready ids, which belong to one tokenizer only.
        PrunusError: As `Scanner` and `Scanner.scan` say.

    Example:
        >>> from tokenizers import Tokenizer, models
        >>> one, other = (Tokenizer(models.WordLevel({"yes": i, "?": 1 - i}, unk_token="?")) for i in (0, 1))
        >>> tuple(int(counts.ids[0]) for counts in scan_many(["yes", "yes"], tokenizers=[one, other]))
        (0, 1)
    """
    from prunus.corpus import open_corpus

    if not tokenizers:
        raise UsageError("no tokenizer was named", hint="Name at least one.")
    loaded = [Scanner(tokenizer, memory=memory, **options) for tokenizer in tokenizers]
    scanners = {scanner.mark: scanner for scanner in loaded}
    corpus = open_corpus(source, columns, pair=pair)
    first, *others = scanners.values()
    bound = memory or _MEMORY_A_THREAD * (first.threads + 1)
    running = first.start(corpus, pair=pair, memory=bound, others=others)
    try:
        raw = _feed(running, corpus, progress, several=bool(others))
    except BaseException:
        running.cancel()
        raise
    counted = zip(scanners.items(), raw, strict=True)
    results = {mark: scanner.counts_of(counts, corpus, pair=pair) for (mark, scanner), counts in counted}
    return tuple(results[scanner.mark] for scanner in loaded)


def names_of(tokenizers: Sequence[str], results: Sequence[TokenCounts]) -> list[str]:
    """A name for the result of each tokenizer: its file's, its directory's, or with its fingerprint.

    The directory's is taken where the file is called `tokenizer.json` as all are, or as another one is; the fingerprint
    is added where several have that name too.

    Raises:
        UsageError: One tokenizer is named twice.
    """
    paths = [Path(tokenizer).resolve() for tokenizer in tokenizers]
    folders = [path.parent.name if path.is_file() else path.name for path in paths]
    marked = [f"{name}-{counts.info.fingerprint[:8]}" for name, counts in zip(folders, results, strict=True)]
    files = [
        path.stem if path.is_file() and path.name != "tokenizer.json" else folder
        for path, folder in zip(paths, folders, strict=True)
    ]
    chosen = _distinct(_distinct(files, folders), marked)
    twice = next((name for name in chosen if chosen.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"tokenizer {twice} is named twice", hint="Name each tokenizer once.")
    return chosen


def _distinct(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """The names, with a longer one in place of each that occurs again."""
    return [more if names.count(name) > 1 else name for name, more in zip(names, longer, strict=True)]


def _feed(running: Scan, corpus: Corpus, progress: Progress | None, *, several: bool) -> list[RawCounts]:
    for number, batch in enumerate(corpus.batches()):
        if number == 0 and several:
            _refuse_ids(batch, corpus)
        running.push(batch.data, batch.source, batch.first_row)
        if progress is not None:
            tell(progress, corpus, *running.progress())
    raw = running.finish_each()
    if progress is not None:
        tell(progress, corpus, *running.progress())
    return raw


def _refuse_ids(batch: Batch, corpus: Corpus) -> None:
    for column in corpus.columns:
        kind, _ = inner(leaf_type(batch.data.schema, names_of_column(batch.data.schema, column)))
        if pt.is_integer(kind):
            raise UsageError(
                f"column {column!r} holds ready ids, which belong to one tokenizer", hint="Scan it with that one alone."
            )
