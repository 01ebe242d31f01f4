"""A smaller `tokenizer.json` that gives kept tokens their new ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import SelectionError, TokenizerError
from prunus.tokenizer.components import renumber_processor
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.kinds import module_of
from prunus.tokenizer.required import named_ids

if TYPE_CHECKING:
    from prunus.remap import IdRemap


def rewrite(document: TokenizerDocument, remap: IdRemap) -> TokenizerDocument:
    """The tokenizer with the kept tokens only, renumbered; everything else as it was.

    Args:
        document: The tokenizer.
        remap: The ids that stay.

    Raises:
        SelectionError: A kept id names no token, or a dropped one is named by a part of the tokenizer.
        TokenizerError: The ids that added tokens get on loading cannot be made to follow the remap.

    Example:
        >>> small = rewrite(document, IdRemap.of(kept))  # doctest: +SKIP
        >>> small.to_bytes()  # doctest: +SKIP
    """
    _check(document, remap)
    data: dict[str, Any] = dict(document.data)
    data["model"] = module_of(document.kind).rewrite(document, remap)
    data["added_tokens"] = [
        {**token.record, "id": remap.new_of(token.id)} for token in document.added if token.id in remap
    ]
    if data.get("post_processor") is not None:
        data["post_processor"] = renumber_processor(data["post_processor"], remap.new_of)
    if data.get("padding") is not None:
        data["padding"] = {**data["padding"], "pad_id": remap.new_of(data["padding"]["pad_id"])}
    expected = {new: document.tokens[old] for new, old in enumerate(remap.old_ids.tolist())}
    return _with_ids(data, expected, document)


def _check(document: TokenizerDocument, remap: IdRemap) -> None:
    for old in remap.old_ids.tolist():
        if old not in document.tokens:
            raise SelectionError(f"id {old} names no token of {document.file}", id=old)
    for identifier, reason in named_ids(document):
        if identifier not in remap:
            raise SelectionError(
                f"token {document.tokens[identifier]!r} (id {identifier}) cannot be dropped: {document.file} names it "
                f"({reason.why})",
                hint="Keep it, or change the tokenizer first.",
                id=identifier,
            )
    module_of(document.kind).refuse(document, remap)


def _with_ids(data: dict[str, Any], expected: dict[int, str], source: TokenizerDocument) -> TokenizerDocument:
    """The document, if added tokens get the ids they should.

    The library numbers added tokens from the size of the vocabulary, so one that lies between the model's ids must be
    in the vocabulary to keep its place. That is harmless where the model cannot make it from text.
    """
    inside = {token.content for token in source.added if not token.in_model}
    vocab = data["model"]["vocab"]
    size = len(vocab)
    early = {i: token for i, token in expected.items() if i < size and token in inside}
    if early:
        _refuse_reachable(early, source)
        ids = {token: i for i, token in expected.items()}
        named = {*vocab, *(token for token in expected.values() if token in inside)}
        data["model"] = {**data["model"], "vocab": {token: ids[token] for token in sorted(named, key=ids.__getitem__)}}
    document = TokenizerDocument.of(data, file=source.file)
    if document.tokens != expected:
        raise TokenizerError(f"{source.file}: added tokens would get other ids on loading", file=source.file)
    return document


def _refuse_reachable(early: dict[int, str], source: TokenizerDocument) -> None:
    for token in early.values():
        if source.kind != "BPE" or source.model.get("ignore_merges") or len(token) == 1 or token.startswith("<0x"):
            raise TokenizerError(
                f"{source.file}: the added token {token!r} lies between ids of the model's vocabulary",
                hint="Number the vocabulary without holes first.",
                file=source.file,
            )
