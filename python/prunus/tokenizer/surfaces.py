"""The text that each token of a model stands for, where it stands for whole characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prunus.naming import byte_of_character
from prunus.tokenizer.components import is_byte_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from prunus.tokenizer.document import TokenizerDocument

_BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")


def text_of_tokens(document: TokenizerDocument) -> dict[int, str]:
    """Text by id of the model's tokens; without added tokens, byte pieces, and parts of characters.

    A marker of word beginnings (`▁`, or the space of byte-level BPE) is a space; the marks of WordPiece and of `</w>`
    vocabularies are left out.

    Example:
        >>> text_of_tokens(TokenizerDocument.load("gpt2"))[31373]  # doctest: +SKIP
        'hello'
    """
    added = {token.id for token in document.added}
    read = _decoded if document.kind == "BPE" and is_byte_level(dict(document.data)) else _marked(document)
    texts = ((i, read(_unaffixed(document, token))) for i, token in document.model_tokens.items() if i not in added)
    return {identifier: text for identifier, text in texts if text}


def _unaffixed(document: TokenizerDocument, token: str) -> str:
    prefix = document.model.get("continuing_subword_prefix") or ""
    suffix = document.model.get("end_of_word_suffix") or ""
    shorter = token.removeprefix(prefix) if len(token) > len(prefix) else token
    return shorter.removesuffix(suffix) if len(shorter) > len(suffix) else shorter


def _decoded(token: str) -> str | None:
    table = byte_of_character()
    try:
        return bytes(table[character] for character in token).decode()
    except (KeyError, UnicodeDecodeError):
        return None


def _marked(document: TokenizerDocument) -> Callable[[str], str | None]:
    bytes_too = bool(document.model.get("byte_fallback"))

    def text(token: str) -> str | None:
        return None if bytes_too and _BYTE_PIECE.fullmatch(token) else token.replace("▁", " ")

    return text
