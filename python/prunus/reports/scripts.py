"""The script of a token: of what writing its text is."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from prunus.tokenizer.surfaces import text_of_tokens

if TYPE_CHECKING:
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
    texts = text_of_tokens(document)
    found = {id_: script(texts[id_]) if id_ in texts else BYTES for id_ in document.model_tokens}
    return found | {token.id: ADDED for token in document.added}


def _of_letter(character: str) -> str:
    words = unicodedata.name(character, _UNNAMED).replace("-", " ").split()
    name = words[1] if words[0] in _WIDTHS and len(words) > 1 else words[0]
    return name if name == "CJK" else name.capitalize()
