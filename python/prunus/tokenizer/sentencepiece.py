"""SentencePiece models (`spiece.model`, `tokenizer.model`, …), filtered on the wire.

Kept pieces are copied byte for byte, so their scores stay what they are and ties fall as before. Pieces are matched by
their text, not by their index, because some tokenizers (XLM-R, CamemBERT, Pegasus) number them otherwise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunus.errors import SelectionError, TokenizerError, UnsupportedFileError
from prunus.tokenizer.wire import FOUR_BYTES, VARINT, delimited_field, fields, signed, varint_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument
    from prunus.tokenizer.wire import Field

PIECE, TRAINER, SELF_TEST = 1, 2, 4  # fields of ModelProto
_NORMAL, _UNIGRAM = 1, 1
_MODEL_TYPE, _VOCAB_SIZE = 3, 4
_SPECIAL_IDS = {40: 0, 41: 1, 42: 2, 43: -1}
"""Fields of TrainerSpec that hold the index of unk, bos, eos and pad, with their defaults."""
_TOKEN_TYPES = {1, 4, 5}  # NORMAL, USER_DEFINED, UNUSED: the others (unknown, control, byte) the runtime needs itself


@dataclass(frozen=True)
class Piece:
    """One piece of a model.

    Attributes:
        text: What it stands for.
        score: Its score.
        type: Its type in the schema; 1 is an ordinary piece.
        raw: Its bytes in the file.
    """

    text: str
    score: float
    type: int
    raw: bytes

    @property
    def is_token(self) -> bool:
        """Whether text can become this piece, as opposed to what the runtime itself needs."""
        return self.type in _TOKEN_TYPES


def rewrite_sentencepiece(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    """The model with the kept pieces only, and those that the runtime cannot do without.

    Args:
        data: The file.
        name: Its name, for messages.
        document: The tokenizer before pruning.
        remap: The ids that stay.

    Raises:
        SelectionError: The piece with the lowest score is dropped, from which the penalty of the unknown comes.
        TokenizerError: The file and `tokenizer.json` disagree, or would afterwards.
        UnsupportedFileError: It is no SentencePiece model.
    """
    message, pieces = _read(data, name)
    _agree(pieces, document, name)
    kept = {document.tokens[old] for old in remap.old_ids.tolist()}
    staying = [not piece.is_token or piece.text in kept for piece in pieces]
    new_index = {old: new for new, old in enumerate(i for i, stays in enumerate(staying) if stays)}
    _same_offset(pieces, new_index, document, remap, name)
    _same_penalty(message, pieces, staying, name)
    out, place = bytearray(), 0
    for field in message:
        if field.number == PIECE:
            out += field.raw if staying[place] else b""
            place += 1
        elif field.number == TRAINER and isinstance(field.value, bytes):
            out += delimited_field(TRAINER, _trainer(field.value, new_index))
        elif field.number != SELF_TEST:  # the self-test expects pieces that may be gone
            out += field.raw
    return bytes(out)


def _read(data: bytes, name: str) -> tuple[list[Field], list[Piece]]:
    try:
        message = list(fields(data))
        pieces = [_piece(field) for field in message if field.number == PIECE]
        trainers = [field for field in message if field.number == TRAINER]
        described = [list(fields(_bytes(trainer))) for trainer in trainers]
        problem = "it has no pieces" if not pieces else "it is described twice" if len(described) > 1 else ""
    except ValueError as cause:
        raise _no_model(name, str(cause)) from cause
    if problem:
        raise _no_model(name, problem)
    return message, pieces


def _no_model(name: str, problem: str) -> UnsupportedFileError:
    return UnsupportedFileError(
        f"{name}: is no SentencePiece model: {problem}",
        hint=f"If it is a tiktoken file beside a tokenizer.json, leave it out: --drop-file {name}",
        file=name,
    )


def _piece(field: Field) -> Piece:
    text, score, kind = None, 0.0, _NORMAL
    for inner in fields(_bytes(field)):
        if inner.number == 1:
            text = _bytes(inner).decode("utf-8")
        elif inner.number == 2 and inner.wire_type == FOUR_BYTES:
            score = struct.unpack("<f", _bytes(inner))[0]
        elif inner.number == 3 and isinstance(inner.value, int):
            kind = inner.value
    if text is None:
        raise ValueError("a piece has no text")
    return Piece(text, score, kind, field.raw)


def _bytes(field: Field) -> bytes:
    if not isinstance(field.value, bytes):
        raise ValueError(f"field {field.number} holds no bytes")  # noqa: TRY004 — a damaged file, not a wrong call
    return field.value


def _agree(pieces: list[Piece], document: TokenizerDocument, name: str) -> None:
    for piece in pieces:
        if piece.is_token and piece.text not in document.ids:
            raise TokenizerError(
                f"{name}: its piece {piece.text!r} is no token of tokenizer.json",
                hint=f"The two disagree: take both from one source, or leave it out: --drop-file {name}",
                file=name,
            )


def _same_offset(
    pieces: list[Piece], new_index: Mapping[int, int], document: TokenizerDocument, remap: IdRemap, name: str
) -> None:
    """Refuses to break the relation of id and index on which readers of the file count."""
    ordinary = {index: document.ids[piece.text] for index, piece in enumerate(pieces) if piece.type == _NORMAL}
    before = {identifier - index for index, identifier in ordinary.items()}
    after = {remap.new_of(ordinary[old]) - new for old, new in new_index.items() if old in ordinary}
    if len(before) == 1 and not after <= before:
        raise TokenizerError(
            f"{name}: its pieces would no longer be numbered like tokenizer.json ({sorted(after)[:3]} instead of "
            f"{before.pop()} apart)",
            hint=f"A special token in front of them was dropped: keep it, or leave the file out: --drop-file {name}",
            file=name,
        )


def _same_penalty(message: list[Field], pieces: list[Piece], staying: list[bool], name: str) -> None:
    kinds = [
        inner.value
        for field in message
        if field.number == TRAINER
        for inner in fields(_bytes(field))
        if inner.number == _MODEL_TYPE
    ]
    if (kinds or [_UNIGRAM])[-1] != _UNIGRAM:
        return
    ordinary = [
        (piece.score, stays, piece.text) for piece, stays in zip(pieces, staying, strict=True) if piece.type == 1
    ]
    lowest = min((score for score, _, _ in ordinary), default=0.0)
    if ordinary and not any(stays for score, stays, _ in ordinary if score == lowest):
        text = next(text for score, _, text in ordinary if score == lowest)
        raise SelectionError(
            f"token {text!r} cannot be dropped: its score is the lowest in {name}, from which the penalty of unknown "
            "characters comes",
            file=name,
        )


def _trainer(value: bytes, new_index: Mapping[int, int]) -> bytes:
    """The trainer's settings with the number of pieces and the indices of special ones as they are now."""
    waiting = {
        number: default for number, default in _SPECIAL_IDS.items() if new_index.get(default, default) != default
    }
    out = bytearray()
    for field in fields(value):
        waiting.pop(field.number, None)
        if field.number == _VOCAB_SIZE and field.wire_type == VARINT:
            out += varint_field(_VOCAB_SIZE, len(new_index))
        elif field.number in _SPECIAL_IDS and isinstance(field.value, int):
            out += varint_field(field.number, new_index.get(signed(field.value), signed(field.value)))
        else:
            out += field.raw
    for number, default in waiting.items():
        out += varint_field(number, new_index[default])
    return bytes(out)
