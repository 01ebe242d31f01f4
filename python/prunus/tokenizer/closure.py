"""Tokens without which kept ones would not be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.tokenizer.kinds import module_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from prunus.tokenizer.document import TokenizerDocument
    from prunus.tokenizer.reasons import Reason


def close(document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:
    """The ids beyond `kept` that kept tokens need, with the token that needs each.

    For BPE these are the tokens on the merge path: the merges run on each kept token's own string pass them, so text
    that gave kept tokens gives the same ones afterwards. WordLevel needs none; Unigram the last of
    several equal pieces; WordPiece all, where a kept piece could lead on a word that was unknown.

    Args:
        document: The tokenizer.
        kept: Ids that stay.

    Example:
        >>> close(document, {document.ids["hello"]})  # doctest: +SKIP
        {71: Reason(why='merge', because_of=31373), ...}
    """
    return module_of(document.kind).close(document, frozenset(kept))
