"""Does a pruned SentencePiece model hold the source's kept pieces, and cut every text as before?"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunus.checks.outcome import Looking
    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime

SUFFIX = ".model"
MOST_TEXTS = 2000


def check_model(pair: Pair, runtime: Runtime, name: str, looking: Looking) -> None:
    """Compares the two models through the `sentencepiece` library, where it is installed.

    Pieces keep their order, score and kind; a text is compared if all its pieces are kept.
    """
    if find_spec("sentencepiece") is None:
        looking.note(f"{name} not compared: sentencepiece is not installed")
        return
    from sentencepiece import SentencePieceProcessor

    try:
        old, new = (SentencePieceProcessor(model_file=str(d / name)) for d in (pair.model_dir, pair.out))
    except (OSError, RuntimeError) as error:
        looking.found(f"{name}: sentencepiece cannot read it: {error}")
        return
    before, after = _pieces(old), _pieces(new)
    kept = {piece for piece, _, _ in after}
    left = iter(before)
    for record in after:
        found = any(record == other for other in left)
        looking.expect(found, f"{name}: piece {record[0]!r} is none of the source's, stands elsewhere, or was changed")
        if not found:
            return
    names = set(pair.kept.tokens)
    lost = [piece for piece, _, _ in before if piece in names and piece not in kept]
    looking.expect(not lost, f"{name}: {len(lost)} kept tokens are missing, first {lost[:1]}")
    smaller = len(after) < len(before) or not any(piece not in names for piece, _, _ in before)
    looking.expect(smaller, f"{name} was not made smaller")
    for text in [*runtime.sample, *runtime.built_in][:MOST_TEXTS]:
        want = old.encode(text, out_type=str)
        if all(old.piece_to_id(piece) != old.unk_id() and piece in kept for piece in want):
            have = new.encode(text, out_type=str)
            looking.expect(want == have, f"{name}: {text[:60]!r} was cut {want[:8]}, is cut {have[:8]}")


def _pieces(model: Any) -> list[tuple[str, float, tuple[bool, ...]]]:
    """Piece, score and kind, in order."""
    kinds = (model.is_unknown, model.is_control, model.is_byte, model.is_unused)
    return [
        (model.id_to_piece(i), model.get_score(i), tuple(bool(kind(i)) for kind in kinds))
        for i in range(model.get_piece_size())
    ]
