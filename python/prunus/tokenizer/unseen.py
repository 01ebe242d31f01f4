"""What becomes of text that was not counted: spelled in bytes, spelled in characters, or unknown."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from prunus.errors import UsageError
from prunus.tokenizer.alphabet import byte_characters, byte_pieces
from prunus.tokenizer.components import is_byte_level
from prunus.tokenizer.kinds import module_of
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.surfaces import text_of_tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from prunus.tokenizer.document import TokenizerDocument

QUALITIES = ("bytes", "characters", "unk")


def best_quality(document: TokenizerDocument) -> str:
    """The safest fallback that the tokenizer allows: `bytes`, else `characters`, for whole words `unk`.

    Example:
        >>> best_quality(TokenizerDocument.load("gpt2"))  # doctest: +SKIP
        'bytes'
    """
    if _spells_bytes(document):
        return "bytes"
    return "unk" if document.kind == "WordLevel" else "characters"


def checked_quality(document: TokenizerDocument, quality: str | None) -> str:
    """The quality asked for, or the best.

    Raises:
        UsageError: There is no such quality, or the tokenizer cannot offer it.
    """
    if quality is None:
        return best_quality(document)
    if quality not in QUALITIES:
        raise UsageError(f"unseen must be one of {', '.join(QUALITIES)}, not {quality!r}")
    if quality == "bytes" and not _spells_bytes(document):
        raise UsageError(
            f"{document.file}: unseen 'bytes' needs a byte alphabet, which this {document.kind} tokenizer lacks",
            hint=f"The safest that it allows is {best_quality(document)!r}.",
        )
    if quality == "unk" and module_of(document.kind).unk(document) is None:
        raise UsageError(
            f"{document.file}: unseen 'unk' needs an unknown token; without one, unseen text would vanish",
            hint=f"The safest that it allows is {best_quality(document)!r}.",
        )
    return quality


def fallback(document: TokenizerDocument, quality: str) -> Iterator[tuple[int, Reason]]:
    """The ids that stay for unseen text.

    Args:
        document: The tokenizer.
        quality: As `checked_quality` gave it.
    """
    if quality == "unk":
        return
    if _spells_bytes(document):
        yield from _bytes(document)
    if quality == "characters":
        yield from _characters(document)


def _spells_bytes(document: TokenizerDocument) -> bool:
    if document.model.get("byte_fallback"):
        return any(piece in document.model_ids for piece in byte_pieces())
    return document.kind == "BPE" and is_byte_level(dict(document.data))


def _bytes(document: TokenizerDocument) -> Iterator[tuple[int, Reason]]:
    ids = document.model_ids
    if document.model.get("byte_fallback"):
        # Gemma has the tab itself in the place of its byte.
        forms: Iterator[str] = (piece if piece in ids else chr(byte) for byte, piece in enumerate(byte_pieces()))
    else:
        forms = _forms(document, byte_characters())
    yield from ((ids[form], Reason("alphabet")) for form in forms if form in ids)


def _characters(document: TokenizerDocument) -> Iterator[tuple[int, Reason]]:
    if document.kind == "BPE" and not _spells_bytes(document):
        # The words' first symbols, which need not be whole characters of any text.
        ids = document.model_ids
        characters = sorted({character for token in ids for character in token})
        yield from ((ids[form], Reason("character")) for form in _forms(document, characters) if form in ids)
        return
    for identifier, text in text_of_tokens(document).items():
        if len(text) == 1:
            yield identifier, Reason("character")


def _forms(document: TokenizerDocument, characters: Collection[str]) -> Iterator[str]:
    """Each character as it can begin, continue and end a word."""
    prefix = document.model.get("continuing_subword_prefix") or ""
    suffix = document.model.get("end_of_word_suffix") or ""
    for before, after in product(dict.fromkeys(("", prefix)), dict.fromkeys(("", suffix))):
        yield from (before + character + after for character in characters)
