"""Tokens that stay whatever was counted: other parts of the tokenizer name them, or unseen text needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.errors import TokenizerError
from prunus.tokenizer.components import parts, processor_ids
from prunus.tokenizer.kinds import module_of
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.unseen import checked_quality, fallback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunus.tokenizer.document import TokenizerDocument

__all__ = ["Reason", "named_ids", "required"]


def required(
    document: TokenizerDocument, unseen: str | None = None, *, drop_unused_added: bool = False
) -> dict[int, Reason]:
    """The ids that stay unless dropped by name, each with its first reason.

    Args:
        document: The tokenizer.
        unseen: Quality of the fallback for unseen text, the best by default.
        drop_unused_added: Whether added tokens stay only where something names them.

    Raises:
        UsageError: The tokenizer cannot offer that quality.
        TokenizerError: A part of the tokenizer names an id that does not exist.

    Example:
        >>> {document.tokens[i]: r.why for i, r in required(document).items()}  # doctest: +SKIP
        {'[CLS]': 'special', 'a': 'character', ...}
    """
    reasons: dict[int, Reason] = {}
    for token in () if drop_unused_added else document.added:
        if token.special or token.id not in reasons:
            reasons[token.id] = Reason("special" if token.special else "added")
    spelled = fallback(document, checked_quality(document, unseen))
    for identifier, reason in (*named_ids(document), *module_of(document.kind).required(document), *spelled):
        reasons.setdefault(identifier, reason)
    return dict(sorted(reasons.items()))


def named_ids(document: TokenizerDocument) -> Iterator[tuple[int, Reason]]:
    """Ids that parts of the tokenizer name, so that dropping one would leave it dangling.

    Raises:
        TokenizerError: One does not exist.
    """
    data = dict(document.data)
    for identifier in processor_ids(data):
        yield _existing(document, identifier, "post_processor"), Reason("post-processor")
    unk = module_of(document.kind).unk(document)
    if unk is not None:
        yield unk, Reason("unk")
    for part in parts(data, "decoder"):
        for field in ("pad_token", "word_delimiter_token"):
            if part.get(field) in document.ids:
                yield document.ids[part[field]], Reason("decoder")
    padding = data.get("padding")
    if padding is not None:
        pad_id = padding.get("pad_id") if isinstance(padding, dict) else padding
        yield _existing(document, pad_id, "padding"), Reason("padding")


def _existing(document: TokenizerDocument, identifier: object, where: str) -> int:
    if type(identifier) is int and identifier in document.tokens:
        return identifier
    raise TokenizerError(
        f"{document.file}: {where} names id {identifier!r}, which is no token",
        hint="The source is inconsistent: correct the file.",
        file=document.file,
    )
