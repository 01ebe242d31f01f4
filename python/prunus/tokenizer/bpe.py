"""BPE: which tokens the merges pass on their way to a kept one, and the merges between them.

The merges of a text inside one final token are those of that token's own string: no merge crosses its ends. So the
kept merges, in their order, contain every merge that a text of kept tokens needs, and none that it did not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError
from prunus.tokenizer.components import check_fields
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.vocabulary import flag_field, read_vocabulary, rewrite_vocabulary, text_field
from prunus.tokenizer.wordlevel import refuse, required

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument

__all__ = ["check", "close", "refuse", "required", "rewrite", "tokens", "unk"]

tokens = read_vocabulary
_TEXTS = ("unk_token", "continuing_subword_prefix", "end_of_word_suffix")
_FLAGS = ("fuse_unk", "byte_fallback", "ignore_merges")
_FIELDS = frozenset({"type", "dropout", "vocab", "merges", *_TEXTS, *_FLAGS})


def check(model: Mapping[str, Any], file: str) -> None:
    """Refuses what is no BPE model, or one that segments at random.

    Raises:
        TokenizerError: A field is unknown or malformed. The merges are checked when they are read.
    """
    check_fields(dict(model), _FIELDS, "the BPE model", file)
    for name in _TEXTS:
        text_field(model, name, file)
    for name in _FLAGS:
        flag_field(model, name, file)
    if model.get("dropout"):
        raise TokenizerError(
            f"{file}: dropout of the model is {model['dropout']!r}: it segments at random, so nothing can be exact",
            hint="Set model.dropout to null.",
            file=file,
        )
    read_vocabulary(model, file)
    if not isinstance(model.get("merges"), list):
        raise TokenizerError(f"{file}: the BPE model has no list of merges", file=file)


def unk(document: TokenizerDocument) -> int | None:
    """The id of the unknown token, if the vocabulary has it."""
    token = document.model.get("unk_token")
    return None if token is None else document.model_ids.get(token)


def close(document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:
    """The tokens on the merge paths of kept ones."""
    rules, ids = document.merge_rules, document.model_ids
    found: dict[int, Reason] = {}
    for identifier in sorted(kept):
        token = document.model_tokens.get(identifier)
        for passed in rules.path(token) if token is not None else ():
            other = ids[passed]
            if other not in kept:
                found.setdefault(other, Reason("merge", identifier))
    return found


def rewrite(document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
    """The model's section with the kept tokens and the merges between them, in their order."""
    model = document.model
    vocab = rewrite_vocabulary(document.model_tokens, remap)
    rules = document.merge_rules
    written = [merge for merge in model["merges"] if not (isinstance(merge, str) and merge.startswith("#version"))]
    merges = [
        merge
        for merge, (left, right), result in zip(written, rules.pairs, rules.results, strict=True)
        if left in vocab and right in vocab and result in vocab
    ]
    return {**model, "vocab": vocab, "merges": merges}
