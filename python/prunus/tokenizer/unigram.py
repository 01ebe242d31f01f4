"""Unigram: the best sum of scores wins, the first of equals.

With fewer pieces every kept path keeps its score and its place among equals, so the best path of a text whose pieces
are all kept stays the best. Three things could still change it, and are kept: the lowest score, from which the
penalty of unknown characters comes; the last of several equal pieces, whose score counts; and, where nothing stands
for the unknown, the single characters. The control pieces at the head of the list stay too: slow tokenizers count
the others from behind them (XLM-R, CamemBERT, Pegasus).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import SelectionError, TokenizerError
from prunus.tokenizer.components import check_fields
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.vocabulary import flag_field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from prunus.checkpoint.jsontext import Json
    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument

_FIELDS = frozenset({"type", "vocab", "unk_id", "byte_fallback"})


def check(model: Mapping[str, Any], file: str) -> None:
    """Refuses what is no Unigram model.

    Raises:
        TokenizerError: A field is unknown or malformed.
    """
    check_fields(dict(model), _FIELDS, "the Unigram model", file)
    flag_field(model, "byte_fallback", file)
    vocab = model.get("vocab")
    if not isinstance(vocab, list):
        raise TokenizerError(f"{file}: the model has no list of pieces and scores", file=file)
    for position, piece in enumerate(vocab):
        if not _is_piece(piece):
            raise TokenizerError(f"{file}: piece {position} of the model is {piece!r}, no text with a score", file=file)
    unk_id = model.get("unk_id")
    if unk_id is not None and (type(unk_id) is not int or not 0 <= unk_id < len(vocab)):
        raise TokenizerError(f"{file}: unk_id of the model is {unk_id!r}; it has {len(vocab)} pieces", file=file)


def tokens(model: Mapping[str, Any], file: str) -> dict[int, str]:  # noqa: ARG001
    """Piece by id, which is its place in the list."""
    return {identifier: piece[0] for identifier, piece in enumerate(model["vocab"])}


def unk(document: TokenizerDocument) -> int | None:
    """The id of the unknown piece, if the model has one."""
    unk_id: int | None = document.model.get("unk_id")
    return unk_id


def required(document: TokenizerDocument) -> Iterator[tuple[int, Reason]]:
    """The piece with the lowest score, the control pieces, and characters where nothing stands for the unknown."""
    vocab = document.model["vocab"]
    if vocab:
        yield min(range(len(vocab)), key=lambda i: vocab[i][1]), Reason("lowest-score")
    yield from ((identifier, Reason("control")) for identifier in range(_controls(vocab)))
    if document.model.get("unk_id") is None:
        for identifier, token in document.model_tokens.items():
            if len(token) == 1:
                yield identifier, Reason("character")


def _controls(vocab: list[Json]) -> int:
    """Number of pieces before the first that has a score; none where no piece has one."""
    return next((place for place, (_, score) in enumerate(vocab) if score), 0)


def close(document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:
    """Of a piece that occurs several times the last, since the library takes its score and its id."""
    found = {}
    for identifier in sorted(kept):
        last = document.model_ids.get(document.model_tokens.get(identifier, ""), identifier)
        if last not in kept and last != identifier:
            found[last] = Reason("duplicate", identifier)
    return found


def refuse(document: TokenizerDocument, remap: IdRemap) -> None:
    """Refuses a set without the lowest score.

    Raises:
        SelectionError: The penalty of unknown characters would change, and with it the segmentation.
    """
    vocab = document.model["vocab"]
    if not vocab:
        return
    lowest = min(score for _, score in vocab)
    if not any(vocab[i][1] == lowest for i in remap.old_ids.tolist() if i < len(vocab)):
        identifier = next(i for i, piece in enumerate(vocab) if piece[1] == lowest)
        raise SelectionError(
            f"token {vocab[identifier][0]!r} (id {identifier}) cannot be dropped: its score is the lowest, from which "
            "the penalty of unknown characters comes",
            id=identifier,
        )


def rewrite(document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
    """The model's section with the kept pieces only, scores as they were."""
    vocab = document.model["vocab"]
    model = {**document.model, "vocab": [vocab[i] for i in remap.old_ids.tolist() if i < len(vocab)]}
    if model.get("unk_id") is not None:
        model["unk_id"] = remap.new_of(model["unk_id"])
    return model


def _is_piece(piece: Json) -> bool:
    return (
        isinstance(piece, list)
        and len(piece) == 2
        and isinstance(piece[0], str)
        and isinstance(piece[1], (int, float))
        and not isinstance(piece[1], bool)
    )
