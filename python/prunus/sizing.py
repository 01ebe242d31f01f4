"""An exact number of tokens: the tokens in the order in which they are worth keeping, cut where the number is reached.

Before each token stand the tokens that it is merged from, so every beginning of the order is closed, a smaller size
keeps a part of what a larger one keeps, and every size can be reached. For BPE this is leaf pruning: what is cut off
are tokens that no kept one needs, the least frequent first.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from prunus.errors import SelectionError
from prunus.tokenizer.closure import close
from prunus.tokenizer.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from prunus.tokenizer.document import TokenizerDocument


def reasons_up_to(
    document: TokenizerDocument,
    needed: Mapping[int, Reason],
    ranked: Collection[int],
    dropped: Collection[int],
    size: int,
) -> dict[int, Reason]:
    """The reasons of exactly `size` tokens: the needed ones, then the most frequent with what they need, then others.

    Args:
        document: The tokenizer.
        needed: What stays in any case, closed.
        ranked: Counted ids, most worth keeping first.
        dropped: Ids that must not be kept.
        size: How many tokens to keep.

    Raises:
        SelectionError: More tokens are needed than that, or the tokenizer has fewer.
    """
    if len(needed) > size:
        raise SelectionError(
            f"a size of {size:,} cannot be reached: {len(needed):,} tokens must stay",
            hint="`prunus plan` without --size lists why. Ask for a larger size or, if that is safe, for --unseen unk.",
        )
    reasons = dict(needed)
    for identifier, reason in _in_order(document, ranked, frozenset(dropped)):
        if len(reasons) == size:
            return reasons
        reasons.setdefault(identifier, reason)
    if len(reasons) < size:
        raise SelectionError(f"a size of {size:,} cannot be reached: only {len(reasons):,} tokens can be kept")
    return reasons


def _in_order(
    document: TokenizerDocument, ranked: Collection[int], dropped: frozenset[int]
) -> Iterator[tuple[int, Reason]]:
    seen = frozenset(ranked)
    others = (identifier for identifier in document.tokens if identifier not in seen)
    placed: set[int] = set()
    for identifier in chain(ranked, others):
        if identifier in dropped or identifier in placed:
            continue
        path = close(document, {identifier})
        if path.keys() & dropped:
            continue
        placed |= {identifier, *path}
        yield from ((i, path[i]) for i in sorted(path, key=lambda i: (_length(document, i), i)))
        yield identifier, Reason("seen" if identifier in seen else "filled")


def _length(document: TokenizerDocument, identifier: int) -> int:
    """Length without the mark of a continuing piece: the parts of a merge are shorter than its result."""
    return len(document.tokens[identifier].removeprefix(document.model.get("continuing_subword_prefix") or ""))
