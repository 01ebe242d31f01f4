"""WordLevel: whole words, everything else unknown. Dropping a word cannot change how another is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.tokenizer.components import check_fields
from prunus.tokenizer.vocabulary import read_vocabulary, rewrite_vocabulary, text_field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument
    from prunus.tokenizer.reasons import Reason

tokens = read_vocabulary


def check(model: Mapping[str, Any], file: str) -> None:
    """Refuses what is no WordLevel model.

    Raises:
        TokenizerError: A field is unknown or malformed.
    """
    check_fields(dict(model), frozenset({"type", "vocab", "unk_token"}), "the WordLevel model", file)
    text_field(model, "unk_token", file, needed=True)
    read_vocabulary(model, file)


def unk(document: TokenizerDocument) -> int | None:
    """The id of the unknown token, if the vocabulary has it."""
    return document.model_ids.get(document.model["unk_token"])


def required(document: TokenizerDocument) -> Iterable[tuple[int, Reason]]:  # noqa: ARG001
    """Nothing: the unknown token is named by the model, and unseen text is the affair of `unseen`."""
    return ()


def close(document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:  # noqa: ARG001
    """Nothing: a word is found by itself."""
    return {}


def refuse(document: TokenizerDocument, remap: IdRemap) -> None:
    """Any set will do."""


def rewrite(document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
    """The model's section with the kept tokens only, renumbered."""
    return {**document.model, "vocab": rewrite_vocabulary(document.model_tokens, remap)}
