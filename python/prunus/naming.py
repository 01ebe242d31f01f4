"""From tokens named by a person to token ids."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

from prunus.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunus.selection import NamedTokens


@lru_cache(maxsize=1)
def byte_of_character() -> dict[str, int]:
    """The byte behind each character of the byte-level alphabet (GPT-2's `bytes_to_unicode`, inverted)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(b): b for b in printable} | {chr(256 + position): b for position, b in enumerate(others)}


def surface(token: str) -> str:
    """The text that a token stands for, as a person would read it; the content itself where it is no text of its own.

    Example:
        >>> surface("Ġhello"), surface("▁hello"), surface("##ing"), surface("é")
        (' hello', ' hello', 'ing', 'é')
    """
    table = byte_of_character()
    byte_level = all(character in table for character in token)
    if byte_level and any(character > "\xff" for character in token):
        try:
            return bytes(table[character] for character in token).decode()
        except UnicodeDecodeError:
            return token
    return token.removeprefix("##").replace("▁", " ")


def resolve_names(
    named: NamedTokens, tokens: Mapping[int, str], ids: Mapping[str, int], encode: Callable[[str], list[int]]
) -> tuple[set[int], set[int]]:
    """Ids named exactly (by content or id), and ids meant by a pattern or a text.

    Args:
        named: What a person named.
        tokens: Content by id.
        ids: Id by content.
        encode: Token ids of a text, without special tokens.

    Raises:
        SelectionError: A content or id does not exist, or a regular expression is broken or matches nothing.
    """
    return _exact(named, tokens, ids), _meant(named, tokens, encode)


def _exact(named: NamedTokens, tokens: Mapping[int, str], ids: Mapping[str, int]) -> set[int]:
    found = set()
    for content in named.tokens:
        if content not in ids:
            near = ", ".join(repr(token) for token in get_close_matches(content, ids, n=3, cutoff=0.7))
            hint = (f"Near: {near}. " if near else "") + "To keep the tokens of plain text, use keep_text."
            raise SelectionError(f"the tokenizer has no token {content!r}", hint=hint, token=content)
        found.add(ids[content])
    for identifier in named.ids:
        if identifier not in tokens:
            raise SelectionError(f"the tokenizer has no token with id {identifier}", id=identifier)
        found.add(identifier)
    return found


def _meant(named: NamedTokens, tokens: Mapping[int, str], encode: Callable[[str], list[int]]) -> set[int]:
    found: set[int] = set()
    for pattern in named.regex:
        try:
            search = re.compile(pattern).search
        except re.error as error:
            raise SelectionError(f"{pattern!r} is no regular expression: {error}") from error
        matching = {i for i, token in tokens.items() if search(token) or search(surface(token))}
        if not matching:
            raise SelectionError(f"no token matches {pattern!r}", hint="Tokens are spelt as in the vocabulary.")
        found |= matching
    for text in named.texts:
        found.update(encode(text))
    return found
