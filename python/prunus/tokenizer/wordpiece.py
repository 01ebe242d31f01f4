"""WordPiece: the longest piece first. Kept pieces are found as before, since no longer one comes in their way.

A word becomes unknown where no piece goes on. It stays unknown as long as no kept piece leads past that place: a piece
from inside a word can only do so if it holds, behind its start, a character that no piece of its own stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError
from prunus.tokenizer.components import check_fields
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.vocabulary import read_vocabulary, rewrite_vocabulary, text_field
from prunus.tokenizer.wordlevel import refuse, required, unk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument

__all__ = ["check", "close", "refuse", "required", "rewrite", "tokens", "unk"]

tokens = read_vocabulary
_FIELDS = frozenset({"type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"})


def check(model: Mapping[str, Any], file: str) -> None:
    """Refuses what is no WordPiece model.

    Raises:
        TokenizerError: A field is unknown or malformed.
    """
    check_fields(dict(model), _FIELDS, "the WordPiece model", file)
    text_field(model, "unk_token", file, needed=True)
    text_field(model, "continuing_subword_prefix", file, needed=True)
    longest = model.get("max_input_chars_per_word")
    if type(longest) is not int or longest < 0:
        raise TokenizerError(f"{file}: max_input_chars_per_word of the model is {longest!r}", file=file)
    read_vocabulary(model, file)


def close(document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:
    """All pieces, if a kept one leads past a place where words end as unknown; none otherwise.

    Only a piece from inside a word can do so: at the start of a word the longest one is taken before and after.
    Any dropped piece may be what led a word to such a place, so that the word would be spelled all of a sudden.
    Vocabularies that were trained, and not edited by hand, have every character as a piece and need nothing here.
    """
    prefix = document.model["continuing_subword_prefix"]
    inner = {token[len(prefix) :] for token in document.model_tokens.values() if token.startswith(prefix)}
    found_before_the_model = {token.id for token in document.added} | {unk(document)}
    for identifier in sorted(set(kept) - found_before_the_model):
        token = document.model_tokens.get(identifier, "")
        behind = token[len(prefix) + 1 :] if token.startswith(prefix) else ""
        if not inner.issuperset(behind):
            return {i: Reason("unknown word", because_of=identifier) for i in document.model_tokens if i not in kept}
    return {}


def rewrite(document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
    """The model's section with the kept tokens only, renumbered."""
    return {**document.model, "vocab": rewrite_vocabulary(document.model_tokens, remap)}
