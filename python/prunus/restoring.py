"""The way back: a pruned model, perhaps fine-tuned since, at full size again. Torch is not needed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunus._engine import fingerprint
from prunus.checkpoint.config import ConfigEdit, apply_config_edits, plan_config_edits, read_config
from prunus.checkpoint.copying import copy_file
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import TOKENIZER_FILES, carry_over, inventory
from prunus.checkpoint.jsontext import read_bytes
from prunus.checkpoint.regrown import write_regrown
from prunus.checkpoint.scatter import Scatter
from prunus.checkpoint.schema import CONFIG_FILES
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.ties import find_ties, same_bytes
from prunus.errors import CheckpointError, ConfigError, TokenizerMismatchError, UsageError, VerificationError
from prunus.planned import PrunePlan
from prunus.plugin.family import Role
from prunus.plugin.matching import MatchedTensor, match_tensors
from prunus.plugin.serving import family_of
from prunus.tokenizer.resolve import resolve_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prunus.remap import IdRemap

FOLDER = "prunus"


@dataclass(frozen=True)
class RestoreReport:
    """What `restore` wrote.

    Attributes:
        out: The directory, absolute.
        tensors: Names of the tensors that are full-size again.
        kept: Rows that come from the pruned model.
        rows: Rows of each vocabulary tensor.
        layout: `base` where files, names and order are the base's, else `tuned`.
        edits: Values of the configs that were set back.
    """

    out: str
    tensors: tuple[str, ...]
    kept: int
    rows: int
    layout: str
    edits: tuple[ConfigEdit, ...]

    def __str__(self) -> str:
        names = "files and names of the base" if self.layout == "base" else "files and names of the tuned model"
        return (
            f"{self.out}: {len(self.tensors)} vocabulary tensors at full size again, {self.kept:,} rows of the pruned "
            f"model in {self.rows:,}; {names}, tokenizer of the base"
        )


def restore(
    pruned: str | Path, *, base: str | Path, out: str | Path, record: str | Path | None = None
) -> RestoreReport:
    """Brings a pruned model back to full size: kept rows from it, the others from the base, all else from it.

    Works shard by shard in bounded memory. An untouched prune gives the base again, byte for byte; a tuned one may have
    been saved by `save_pretrained` since, in other shards, under other prefixes or in a wider dtype.

    Args:
        pruned: A directory that `prune` wrote, or what became of it in training; only ever read.
        base: The unpruned directory that it came from; only ever read.
        out: The directory to write; must not exist.
        record: The `prunus` folder of the pruned directory, if `pruned` was saved elsewhere without it.

    Raises:
        CheckpointError: A checkpoint is damaged, or a tensor does not fit its twin, or would lose digits.
        ConfigError: A config names an id or size that the record does not know.
        FamilyError: The tuned checkpoint is not of the family that was pruned.
        OutputError: `out` exists, lies in a source, or cannot be written.
        TokenizerMismatchError: The base has another tokenizer than the one that was pruned.
        UsageError: There is no record of the pruning.
        VerificationError: The output differs from what it should be; none was left behind.

    Example:
        >>> import prunus
        >>> prunus.restore("small", base="model", out="full")  # doctest: +SKIP
    """
    small_dir, base_dir = Path(pruned).resolve(), Path(base).resolve()
    plan = _plan(small_dir, record)
    Staging(out, small_dir).check()
    with Staging(out, base_dir) as staging:
        _same_base(base_dir, plan)
        small = Checkpoint.open(small_dir)
        full = Checkpoint.open(base_dir, drop_files=_dropped(plan))
        pairs = _pairs(small, full, plan)
        layout, scatters, names = _layout(small, full, plan, pairs)
        write_regrown(layout, small, scatters, names, staging.path)
        edits = _configs(small_dir, base_dir, plan, staging.path)
        _files(small_dir, base_dir, plan, staging.path)
        _check(staging.path, scatters, names, small)
        staging.publish()
    kind = "base" if layout is full else "tuned"
    return RestoreReport(str(staging.target), tuple(scatters), len(plan.kept), plan.rows_before, kind, edits)


def _plan(small: Path, record: str | Path | None) -> PrunePlan:
    folder = small / FOLDER if record is None else Path(record)
    path = folder / "plan.json"
    if not path.is_file():
        raise UsageError(
            f"{path}: there is no record of the pruning",
            hint="Name the `prunus` folder of the directory that `prunus prune` wrote: --record DIR.",
        )
    return PrunePlan.load(path)


def _dropped(plan: PrunePlan) -> tuple[str, ...]:
    return tuple(action.name for action in plan.files if action.action == "drop")


def _same_base(base: Path, plan: PrunePlan) -> None:
    own = fingerprint(resolve_tokenizer(base, plan.tokenizer_from).json)
    if own != plan.fingerprint:
        raise TokenizerMismatchError(
            f"{base} has tokenizer {own[:12]}, the pruned model came from one with {plan.fingerprint[:12]}",
            hint=f"Name the directory that was pruned; it was {plan.model_dir}.",
        )


def _pairs(small: Checkpoint, full: Checkpoint, plan: PrunePlan) -> dict[str, tuple[str, int]]:
    """For each vocabulary tensor of the pruned checkpoint, its twin in the base and the vocabulary axis."""
    for tensor in plan.tensors:
        there = full.tensors.get(tensor.name)
        if there is None or there.shape != tensor.shape:
            raise CheckpointError(
                f"{full.directory}: {tensor.name} is {there.shape if there else 'absent'}, it was {tensor.shape} when "
                "the model was pruned",
                hint="Name the directory that was pruned.",
                tensor=tensor.name,
            )
    shapes = {name: tensor.shape for name, tensor in small.tensors.items()}
    matched, rows = match_tensors(family_of(read_config(small.directory), shapes, plan.tokens_after), shapes)
    if rows != plan.rows_after:
        raise CheckpointError(f"{small.directory}: has {rows} rows, the pruning left {plan.rows_after}")
    inputs = [match for match in matched if match.role is Role.INPUT]
    return {match.name: (_twin(match, plan, small, inputs), match.axis) for match in matched}


def _twin(match: MatchedTensor, plan: PrunePlan, small: Checkpoint, inputs: Iterable[MatchedTensor]) -> str:
    known = {tensor.name for tensor in plan.tensors}
    if match.name in known:
        return match.name
    near = [n for n in known if match.name.endswith(f".{n}") or n.endswith(f".{match.name}")]
    if len(near) == 1:
        return near[0]
    for table in inputs:  # a tied head that the base stores once and the tuned model under its own name too
        if table.name != match.name and same_bytes(small, table.name, small, match.name):
            return _twin(table, plan, small, ())
    raise CheckpointError(
        f"{small.directory}: {match.name} has no twin in the base, so its other rows are unknown",
        hint=f"The base has {', '.join(sorted(known))}.",
        tensor=match.name,
    )


def _layout(
    small: Checkpoint, full: Checkpoint, plan: PrunePlan, pairs: Mapping[str, tuple[str, int]]
) -> tuple[Checkpoint, dict[str, Scatter], dict[str, str]]:
    """Whose files to write; which tensors to scatter, by name there; where every other one comes from."""
    twins = _tied_names(full, plan)
    names = {name: next((n for n in (name, *twins.get(name, ())) if n in small.tensors), "") for name in full.tensors}
    same = set(names.values()) == set(small.tensors) and all(
        small.tensors[names[name]].dtype == tensor.dtype for name, tensor in full.tensors.items()
    )
    layout = full if same else small
    if not same:
        names = {name: name for name in small.tensors}
    scatters = {}
    for name in layout.tensors:
        source = names[name]
        if source in pairs:
            base_name, axis = pairs[source]
            here = name if same else base_name
            ids = plan.kept.old_ids
            scatters[name] = Scatter(full, here, small, source, axis, ids[ids < full.tensors[base_name].shape[axis]])
    return layout, scatters, names


def _tied_names(full: Checkpoint, plan: PrunePlan) -> dict[str, tuple[str, ...]]:
    matches = [MatchedTensor(tensor.name, tensor.axis, Role(tensor.role)) for tensor in plan.tensors]
    groups = find_ties(full, matches).equal
    return {name: tuple(n for n in group if n != name) for group in groups for name in group}


class _Back:
    """The inverse renumbering, in the form that configs are renumbered with."""

    def __init__(self, remap: IdRemap) -> None:
        self._old_ids = remap.old_ids

    def get(self, new: int) -> int | None:
        """The old id, or None where `new` is padding."""
        return int(self._old_ids[new]) if 0 <= new < len(self._old_ids) else None


def _configs(small: Path, base: Path, plan: PrunePlan, out: Path) -> tuple[ConfigEdit, ...]:
    """Configs that nobody touched since the pruning are the base's; others are the tuned ones, renumbered back."""
    expected = out / ".expected"
    expected.mkdir()
    apply_config_edits(base, plan.edits, expected)
    there = [name for name in CONFIG_FILES if (small / name).is_file()]
    changed = [name for name in there if not _same_file(small / name, expected / name)]
    shutil.rmtree(expected)
    edits: tuple[ConfigEdit, ...] = ()
    if changed:
        shapes = {name: tensor.shape for name, tensor in Checkpoint.open(small).tensors.items()}
        family = family_of(read_config(small), shapes, plan.tokens_after)
        edits = plan_config_edits(small, family, _Back(plan.remap), plan.rows_after, plan.rows_before)
        apply_config_edits(small, edits, out)
    for name in (action.name for action in plan.files if action.action == "config"):
        if name not in changed:
            (out / name).unlink(missing_ok=True)
            copy_file(base / name, out / name)
    return tuple(edit for edit in edits if edit.file in changed)


def _same_file(one: Path, other: Path) -> bool:
    return other.is_file() and read_bytes(one, ConfigError) == read_bytes(other, ConfigError)


def _files(small: Path, base: Path, plan: PrunePlan, out: Path) -> None:
    """The tokenizer from the base; other files from the tuned model, and from the base where it has them not."""
    for action in plan.files:
        if action.action == "tokenizer":
            copy_file(base / action.name, out / action.name)
    others = [f for f in inventory(small, _unreadable(small)) if f.action == "copy" and f.name not in TOKENIZER_FILES]
    carry_over(small, out, others)
    own = {action.name for action in others}
    carry_over(base, out, [f for f in plan.files if f.action == "copy" and f.name not in own])


def _unreadable(small: Path) -> tuple[str, ...]:
    """State of training that `save_pretrained` does not write and that belongs to the small model."""
    names = ("optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state.pth")
    return tuple(name for name in names if (small / name).exists())


def _check(out: Path, scatters: Mapping[str, Scatter], names: Mapping[str, str], small: Checkpoint) -> None:
    """Reads everything back: rows in their places, all other tensors as in the tuned model."""
    written = Checkpoint.open(out)
    for name, scatter in scatters.items():
        tensor, position = written.tensors[name], 0
        with (out / tensor.file).open("rb") as file:
            for block in scatter.blocks():
                file.seek(tensor.start + position)
                if not np.array_equal(np.frombuffer(file.read(block.nbytes), np.uint8), block.reshape(-1)):
                    raise VerificationError(f"{name} was not written as it should be", tensor=name)
                position += block.nbytes
    for name in written.tensors.keys() - scatters.keys():
        if not same_bytes(written, name, small, names[name]):
            raise VerificationError(f"{name} was not written as it should be", tensor=name)
