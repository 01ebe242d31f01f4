"""Is every tensor either the same bytes or the source's kept rows?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from prunus.checkpoint.index import INDEX
from prunus.checks.bytewise import Files, RowComparison, compare_rows, first_difference
from prunus.checks.outcome import Looking
from prunus.errors import FamilyError
from prunus.plugin.matching import match_tensors

if TYPE_CHECKING:
    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check


def check_tensors(pair: Pair) -> Check:
    """Names, dtypes, untouched bytes, gathered rows, zero padding rows, ties, sharding, metadata."""
    looking = Looking("tensors")
    old, new = pair.source.tensors, pair.pruned.tensors
    for name in sorted(old.keys() - new.keys()):
        looking.found(f"{name} is gone")
    for name in sorted(new.keys() - old.keys()):
        looking.found(f"{name} appeared")
    axes = _expected_axes(pair, looking)
    compared: dict[str, RowComparison] = {}
    with Files() as files:
        for name in (name for name in old if name in new):
            looking.expect(old[name].dtype == new[name].dtype, f"{name}: {old[name].dtype} became {new[name].dtype}")
            if old[name].dtype != new[name].dtype:
                continue
            axis = axes.get(name)
            if axis is not None:
                compared |= _check_rows(pair, name, axis, files, looking)
            elif old[name].shape != new[name].shape:
                looking.found(f"{name}: {_shape(old[name].shape)} became {_shape(new[name].shape)}")
            else:
                offset = first_difference(files, pair.source, pair.pruned, name)
                looking.expect(offset is None, f"{name}: is not of the vocabulary, but its bytes changed near {offset}")
    _check_sizes(pair, looking)
    _check_ties(compared, looking)
    _check_files(pair, looking)
    same = len([name for name in old if name in new]) - len(compared)
    return looking.done(f"{same} tensors byte-identical, {len(compared)} gathered row by row{_tied(compared)}")


def _shape(shape: tuple[int, ...]) -> str:
    return str(list(shape))


def _expected_axes(pair: Pair, looking: Looking) -> dict[str, int]:
    """Axis by name of the tensors that must be gathered: what shapes say, held against the plan or the family."""
    seen = pair.sliced
    planned = {t["name"]: int(t["axis"]) for t in pair.plan.get("tensors", ())}
    source, known = "plan.json", planned
    if not planned and pair.family is not None:
        try:
            matched, _ = match_tensors(pair.family, {name: t.shape for name, t in pair.source.tensors.items()})
        except FamilyError as error:
            looking.found(error.message)
            return seen
        source, known = f"family {pair.family.name!r}", {m.name: m.axis for m in matched}
    if not known:
        return seen
    for name in sorted(seen.keys() - known.keys()):
        looking.found(f"{name}: became smaller, but {source} does not name it")
    for name, axis in known.items():
        if name in seen and seen[name] != axis:
            looking.found(f"{name}: became smaller along axis {seen[name]}, but {source} says {axis}")
        elif name not in seen | dict.fromkeys(pair.partial) and name in pair.pruned.tensors and pair.rows is not None:
            length = pair.pruned.tensors[name].shape[axis] if axis < len(pair.pruned.tensors[name].shape) else None
            looking.expect(length == pair.rows[1], f"{name}: has {length} rows, others {pair.rows[1]}")
    return {name: axis for name, axis in known.items() if name in pair.source.tensors} | seen


def _check_rows(pair: Pair, name: str, axis: int, files: Files, looking: Looking) -> dict[str, RowComparison]:
    before, after = pair.source.tensors[name].shape, pair.pruned.tensors[name].shape
    ids = pair.remap.old_ids
    if name in pair.partial:
        ids = ids[ids < before[axis]]
    fits = len(before) == len(after) and before[:axis] + before[axis + 1 :] == after[:axis] + after[axis + 1 :]
    looking.expect(fits, f"{name}: {_shape(before)} became {_shape(after)}, more than axis {axis} changed")
    if not fits:
        return {}
    largest = int(ids.max()) if len(ids) else -1
    looking.expect(largest < before[axis], f"{name}: has {before[axis]} rows, but id {largest} is kept")
    looking.expect(after[axis] >= len(ids), f"{name}: {after[axis]} rows for {len(ids)} kept tokens")
    if largest >= before[axis] or after[axis] < len(ids):
        return {}
    result = compare_rows(files, pair.source, pair.pruned, name, axis=axis, old_ids=ids)
    looking.looked += len(ids)
    for new in result.wrong:
        looking.found(f"{name}: row {new} ({pair.kept.tokens[new]!r}) is not row {int(ids[new])} of the source")
    looking.expect(result.padding, f"{name}: the rows beyond the {len(ids)} kept tokens are not zero")
    return {name: result}


def _check_sizes(pair: Pair, looking: Looking) -> None:
    whole = {name: axis for name, axis in pair.sliced.items() if name not in pair.partial}
    lengths = {name: pair.pruned.tensors[name].shape[axis] for name, axis in whole.items()}
    looking.expect(len(set(lengths.values())) <= 1, f"the tensors have different numbers of rows: {lengths}")
    if lengths:
        before = sum(t.nbytes for t in pair.source.tensors.values())
        after = sum(t.nbytes for t in pair.pruned.tensors.values())
        looking.note(f"{before / 1e6:,.1f} MB became {after / 1e6:,.1f} MB")
        return
    everything = len(pair.kept) == len(pair.old_tokens) or bool(pair.plan.get("tensors"))
    looking.expect(everything, "no tensor became smaller")


def _check_ties(compared: dict[str, RowComparison], looking: Looking) -> None:
    """Tensors with equal rows before have equal rows after, and no others."""
    for name, one in compared.items():
        for other, two in compared.items():
            if name < other:
                tied = one.before == two.before
                looking.expect(
                    tied == (one.after == two.after),
                    f"{name} and {other} held {'equal' if tied else 'different'} rows, and no longer do",
                )


def _tied(compared: dict[str, RowComparison]) -> str:
    groups: dict[bytes, list[str]] = {}
    for name, result in compared.items():
        groups.setdefault(result.after, []).append(name)
    twins = [" = ".join(names) for names in groups.values() if len(names) > 1]
    return f" ({', '.join(twins)} before and after)" if twins else ""


def _check_files(pair: Pair, looking: Looking) -> None:
    looking.expect(pair.source.files == pair.pruned.files, f"the files are {', '.join(pair.pruned.files)}")
    for name in sorted(set(pair.source.files) & set(pair.pruned.files)):
        mine, theirs = pair.source.headers[name].metadata, pair.pruned.headers[name].metadata
        looking.expect(mine == theirs, f"{name}: its metadata {mine} became {theirs}")
    if pair.pruned.index is None:
        return
    old, new = (json.loads((c.directory / INDEX).read_bytes()) for c in (pair.source, pair.pruned))
    looking.expect(old["weight_map"] == new["weight_map"], f"{INDEX}: tensors moved between files")
    for key in ("total_size", "total_parameters"):
        if key not in (old.get("metadata") or {}):
            continue
        stated, true = (new.get("metadata") or {}).get(key), _total(pair, key)
        was_true = old["metadata"][key] == _total(pair, key, before=True)
        looking.expect(stated == true or not was_true, f"{INDEX}: {key} is {stated}, the tensors have {true}")


def _total(pair: Pair, key: str, *, before: bool = False) -> int:
    tensors = (pair.source if before else pair.pruned).tensors.values()
    return sum(t.nbytes if key == "total_size" else int(np.prod(t.shape, dtype=np.int64)) for t in tensors)
