"""WordPiece: the longest piece first. Kept pieces are found as before, since no longer one comes in their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError
from prunus.tokenizer.components import check_fields
from prunus.tokenizer.vocabulary import read_vocabulary, rewrite_vocabulary, text_field
from prunus.tokenizer.wordlevel import close, refuse, required, unk

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def rewrite(document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
    """The model's section with the kept tokens only, renumbered."""
    return {**document.model, "vocab": rewrite_vocabulary(document.model_tokens, remap)}
