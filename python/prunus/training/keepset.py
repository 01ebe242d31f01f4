"""From whatever says what to keep to ascending row numbers of a live model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.counts import TokenCounts
from prunus.errors import SelectionError, TokenizerMismatchError
from prunus.kept import KeptTokens
from prunus.planned import PrunePlan
from prunus.remap import IdRemap
from prunus.selection import KeepSet
from prunus.training.adapters import trained_ids
from prunus.training.used import UsedIds, used_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_SPECIAL = ("pad", "bos", "eos", "unk", "cls", "sep", "mask", "decoder_start", "forced_bos", "forced_eos")


def rows_to_keep(keep: object, rows: int, model: Any, tokenizer: Any) -> NDArray[np.int64]:
    """Ids to keep, ascending.

    Ready ids (`IdRemap`, `KeptTokens`, a plan, integers) are kept as they are. What was counted (`KeepSet`,
    `TokenCounts`, a data set) is joined by the ids that the tokenizer and the model's config name: the collator pads
    and the decoder starts with them at run time.

    Args:
        keep: What to keep.
        rows: Rows of the model's input table.
        model: The model, for the ids in its config.
        tokenizer: The tokenizer, or None.

    Raises:
        SelectionError: Nothing is kept, an id lies beyond the table, or tokens are named and no tokenizer is given.
        TokenizerMismatchError: The counts belong to another tokenizer than the one given.
    """
    ready = _ready(keep)
    ids = ready if ready is not None else np.union1d(_counted(keep, tokenizer), _needed(model, tokenizer, rows))
    ids = np.unique(ids).astype(np.int64)
    if not len(ids):
        raise SelectionError("no id is kept", hint="Pass the ids that the data set uses: prunus.used_ids(dataset).")
    if ids[0] < 0 or ids[-1] >= rows:
        wrong = int(ids[0] if ids[0] < 0 else ids[-1])
        raise SelectionError(f"id {wrong} lies beyond the {rows} rows of the model's input table", id=wrong)
    return ids


def _ready(keep: object) -> NDArray[np.int64] | None:
    if isinstance(keep, PrunePlan | KeptTokens):
        keep = keep.remap
    if isinstance(keep, IdRemap):
        return keep.old_ids.astype(np.int64)
    if isinstance(keep, KeepSet | TokenCounts | UsedIds):
        return None
    if isinstance(keep, range | set | frozenset | list | tuple) and all(isinstance(i, int | np.integer) for i in keep):
        return np.array(sorted(keep), dtype=np.int64)
    if hasattr(keep, "detach"):  # a tensor
        keep = keep.detach().cpu().numpy()
    if isinstance(keep, np.ndarray):
        if keep.ndim != 1 or not np.issubdtype(keep.dtype, np.integer):
            raise SelectionError(f"ids to keep must be one list of integers, not {keep.dtype} of shape {keep.shape}")
        return keep.astype(np.int64)
    return None


def _counted(keep: object, tokenizer: Any) -> NDArray[np.int64]:
    if isinstance(keep, UsedIds):
        return keep.ids
    if isinstance(keep, TokenCounts):
        _same_tokenizer(keep.info.fingerprint, tokenizer)
        return keep.ids.astype(np.int64)
    if isinstance(keep, KeepSet):
        if keep.fingerprint is not None:
            _same_tokenizer(keep.fingerprint, tokenizer)
        return _selected(keep, tokenizer)
    return used_ids(keep).ids


def _selected(keep: KeepSet, tokenizer: Any) -> NDArray[np.int64]:
    if not (keep.keep or keep.drop):
        return keep.ids.astype(np.int64)
    if tokenizer is None:
        by_name = keep.keep.tokens or keep.keep.regex or keep.keep.texts or keep.drop
        if by_name:
            raise SelectionError(
                "the selection names tokens, and no tokenizer is given", hint="Pass tokenizer=the model's tokenizer."
            )
        return np.union1d(keep.ids.astype(np.int64), np.array(keep.keep.ids, dtype=np.int64))
    from prunus.naming import resolve_names

    tokens = {identifier: token for token, identifier in tokenizer.get_vocab().items()}

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    ids = {token: identifier for identifier, token in tokens.items()}
    exactly, meant = resolve_names(keep.keep, tokens, ids, encode)
    off_exactly, off_meant = resolve_names(keep.drop, tokens, ids, encode)
    chosen = (set(keep.ids.tolist()) | exactly | meant) - (off_exactly | (off_meant - exactly))
    return np.array(sorted(chosen), dtype=np.int64)


def _same_tokenizer(fingerprint: str, tokenizer: Any) -> None:
    if tokenizer is None:
        return
    from prunus._engine import fingerprint as of
    from prunus.tokenizer.resolve import resolve_tokenizer

    own = of(resolve_tokenizer(tokenizer).json)
    if own != fingerprint:
        raise TokenizerMismatchError(
            f"the counts belong to tokenizer {fingerprint[:12]}, the one given is {own[:12]}",
            hint="Count with the tokenizer that training uses.",
        )


def _needed(model: Any, tokenizer: Any, rows: int) -> NDArray[np.int64]:
    found = trained_ids(model) | set(tokenizer.all_special_ids if tokenizer is not None else ())
    for config in _configs(model):
        found |= set(_ids_of(config))
    return np.array(sorted(i for i in found if 0 <= i < rows), dtype=np.int64)


def _configs(model: Any) -> Iterator[Any]:
    for module in model.modules():
        for name in ("config", "generation_config"):
            config = getattr(module, name, None)
            if config is not None:
                yield config


def _ids_of(config: Any) -> Iterable[int]:
    for name in _SPECIAL:
        value = getattr(config, f"{name}_token_id", None)
        values = value if isinstance(value, list | tuple) else [value]
        yield from (i for i in values if isinstance(i, int) and not isinstance(i, bool))
