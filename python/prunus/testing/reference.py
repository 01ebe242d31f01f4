"""The slow reference scanner: row by row through the tokenizers wheel, counted in a dictionary."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def reference_counts(
    texts: Iterable[str | tuple[str, str] | None], tokenizer_json: str | bytes, *, add_special_tokens: bool = True
) -> dict[int, int]:
    """Occurrences by token id, ids ascending: what any scan must give, with truncation and padding off.

    Args:
        texts: Rows; a tuple is a pair of texts, None a null row, which counts nothing.
        tokenizer_json: Contents of a `tokenizer.json`.
        add_special_tokens: Whether the post-processor adds its tokens.

    Example:
        >>> from prunus.testing import reference_counts, tiny_tokenizer
        >>> tokenizer = tiny_tokenizer("wordpiece")
        >>> reference_counts(["the river", None], tokenizer.json) == {
        ...     tokenizer.special["cls"]: 1, tokenizer.special["sep"]: 1,
        ...     tokenizer.ids["the"]: 1, tokenizer.ids["river"]: 1,
        ... }
        True
    """
    from tokenizers import Tokenizer

    text = tokenizer_json.decode("utf-8") if isinstance(tokenizer_json, bytes) else tokenizer_json
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counts: Counter[int] = Counter()
    for row in texts:
        if row is None:
            continue
        first, second = row if isinstance(row, tuple) else (row, None)
        counts.update(tokenizer.encode(first, second, add_special_tokens=add_special_tokens).ids)
    return dict(sorted(counts.items()))
