"""The script of a token: of what writing its text is."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from prunus.naming import byte_of_character
from prunus.tokenizer.alphabet import byte_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.tokenizer.document import TokenizerDocument

SEVERAL = "several scripts"
DIGITS = "digits"
SYMBOLS = "punctuation, symbols, spaces"
BYTES = "bytes and parts of characters"
ADDED = "added tokens"
_WIDTHS = ("FULLWIDTH", "HALFWIDTH")
_UNNAMED = "unnamed letters"


def script(text: str) -> str:
    """The script of a text, by the names that Unicode gives to its letters.

    Example:
        >>> script("hello"), script("Привет"), script("漢字かな"), script("12"), script("...")
        ('Latin', 'Cyrillic', 'several scripts', 'digits', 'punctuation, symbols, spaces')
    """
    found = {_of_letter(character) for character in text if character.isalpha()}
    if len(found) > 1:
        return SEVERAL
    if found:
        return found.pop()
    return DIGITS if any(character.isdigit() for character in text) else SYMBOLS


def scripts_of(document: TokenizerDocument) -> dict[int, str]:
    """The script of each token id of a tokenizer, added tokens apart."""
    decode = _byte_level if _is_byte_level(document) else _plain
    found = {}
    for identifier, token in document.model_tokens.items():
        text = decode(token)
        found[identifier] = BYTES if text is None else script(text)
    return found | {token.id: ADDED for token in document.added}


def _of_letter(character: str) -> str:
    words = unicodedata.name(character, _UNNAMED).replace("-", " ").split()
    name = words[1] if words[0] in _WIDTHS and len(words) > 1 else words[0]
    return name if name == "CJK" else name.capitalize()


def _plain(token: str) -> str | None:
    return None if token in byte_pieces() else token.removeprefix("##")


def _byte_level(token: str) -> str | None:
    table = byte_of_character()
    try:
        return bytes(table[character] for character in token).decode()
    except (KeyError, UnicodeDecodeError):
        return None


def _is_byte_level(document: TokenizerDocument) -> bool:
    """Whether the tokens are spelt in the byte alphabet, as the decoder says."""
    return "ByteLevel" in _types(document.data.get("decoder"))


def _types(part: Mapping[str, object] | None) -> set[object]:
    if not isinstance(part, dict):
        return set()
    inner = part.get("decoders")
    return {part.get("type")}.union(*(_types(one) for one in inner)) if isinstance(inner, list) else {part.get("type")}
