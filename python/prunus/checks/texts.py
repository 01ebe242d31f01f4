"""The texts on which two tokenizers are compared: a sample of the corpus, and texts that need none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.tokenizer.probes import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from prunus.checks.pair import Pair

LONGEST = 1_000_000
SURFACES = 4000


def sampled(pair: Pair) -> list[str]:
    """Texts of the corpus at even distances, `options.sample_rows` at most; empty without a corpus or without texts."""
    options = pair.options
    return [] if options.corpus is None else sampled_texts(options.corpus, options.columns, options.sample_rows)


def sampled_texts(source: Any, columns: Sequence[str] | None, most: int) -> list[str]:
    """Texts of a corpus at even distances, `most` of them at most.

    The distance doubles whenever twice too many are held, so one pass over a corpus of unknown length is enough.
    """
    from prunus.corpus import open_corpus

    corpus = open_corpus(source, list(columns) if columns else None)
    held: list[str] = []
    step, row = 1, 0
    for batch in corpus.batches():
        first, row = -row % step, row + batch.data.num_rows
        # Slices, not `take`: that knows neither views nor run-end encoding in every version of pyarrow.
        chosen = [batch.data.slice(i, 1) for i in range(first, batch.data.num_rows, step)] if step > 1 else [batch.data]
        held += (text for rows in chosen for text in _texts_of(rows, corpus.columns))
        while len(held) > 2 * most:
            held, step = held[::2], step * 2
    return _spread(held, most)


def built_in(pair: Pair, decode: Any) -> list[str]:
    """The text of kept tokens, sentences of many scripts, and what the chat template says by itself.

    Args:
        pair: The pair.
        decode: Text of a list of ids, special tokens included, by the source's tokenizer.
    """
    ids = _spread(pair.kept.old_ids.tolist(), SURFACES)
    found = [*SENTENCES, *(decode([i]) for i in ids), *_spread([pair.old_tokens.get(i, "") for i in ids], 500)]
    return [text for text in dict.fromkeys(found) if text]


def _spread(items: list[Any], most: int) -> list[Any]:
    """At most `most` items at even distances."""
    if len(items) <= most:
        return items
    return [items[i * len(items) // most] for i in range(most)]


def _texts_of(batch: pa.RecordBatch, columns: Sequence[str]) -> list[str]:
    """Every string in the named columns, whatever is around it."""
    from prunus.corpus.columns import names_of

    found: list[str] = []
    for column in columns:
        top, *rest = names_of(batch.schema, column)
        for value in batch.column(top).to_pylist():
            found += (text for text in _strings(value, rest) if 0 < len(text) <= LONGEST)
    return found


def _strings(value: Any, path: Sequence[str]) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict) and path:
        yield from _strings(value.get(path[0]), path[1:])
    elif isinstance(value, bytes):
        yield value.decode("utf-8", errors="replace")
    elif isinstance(value, str):
        yield value
