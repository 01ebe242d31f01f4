"""`prune_model`: a model that is in memory, made smaller in place."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from prunus.checkpoint.config import apply_config_edits
from prunus.checkpoint.index import Checkpoint
from prunus.checks.pair import Options
from prunus.errors import LiveModelError, UsageError
from prunus.live.checking import LivePair, Witness, check_files
from prunus.live.tables import live_tables, picked, put, tensor_infos
from prunus.live.tables import place_of as tensor_place
from prunus.live.tokens import LiveRuntime, pruned_tokenizer, write_live_tokenizer
from prunus.live.twins import Twins
from prunus.planning import PlanSource, plan_of
from prunus.training.discovery import refuse_wrapped
from prunus.training.liveconfig import CONFIGS, field_of, place_of, set_field
from prunus.training.resizing import holds, resize
from prunus.verification import VerifyReport, installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunus.checkpoint.config import ConfigEdit
    from prunus.checkpoint.header import TensorInfo
    from prunus.counts import TokenCounts
    from prunus.planned import PrunePlan
    from prunus.plugin.family import Check
    from prunus.plugin.matching import MatchedTensor
    from prunus.remap import IdRemap
    from prunus.selection import KeepSet


@dataclasses.dataclass(frozen=True, eq=False)
class PrunedModel:
    """What `prune_model` gives.

    Attributes:
        model: The model that was given, the same object, smaller.
        tokenizer: A new tokenizer of the class that was given, with the kept tokens.
        plan: The plan as carried out.
        verification: Every check with its outcome.
    """

    model: Any
    tokenizer: Any
    plan: PrunePlan
    verification: VerifyReport

    @property
    def remap(self) -> IdRemap:
        """The kept ids and their new ones."""
        return self.plan.remap

    def __repr__(self) -> str:
        return f"PrunedModel({type(self.model).__name__}, {len(self.remap):,} of {self.plan.tokens_before:,} tokens)"


def prune_model(
    model: Any,
    tokenizer: Any,
    keep: KeepSet | TokenCounts,
    *,
    pad_to_multiple_of: int = 1,
    corpus: object = None,
    columns: Sequence[str] | None = None,
    threads: int | None = None,
    forward: bool = True,
) -> PrunedModel:
    """Prunes a model of transformers in memory, by the same plan and with the same checks as `prune` on disk.

    Storage is swapped under the parameters, so the model, its modules, ties, hooks and `requires_grad` stay; sizes and
    token ids in its configs and modules become those of the small vocabulary. It equals what `from_pretrained` makes of
    the checkpoint pruned on disk. Any device and dtype; on the meta device only shapes change. An optimizer that exists
    holds state of the old shape: build it afterwards. On any error the model is as it was.

    Args:
        model: A model of transformers; changed in place.
        tokenizer: Its tokenizer: a fast one of transformers, or a `tokenizers.Tokenizer`; left as it is.
        keep: What `select` chose, or counts, of which every seen token is kept.
        pad_to_multiple_of: Zero rows are added until the number of rows is a multiple of this.
        corpus: Texts for the checks, as `scan` takes them: each must give the same tokens, renumbered.
        columns: Columns of the corpus.
        threads: Threads of the scans; all cores by default.
        forward: Whether to compare what the model computes, for models up to 2 GiB; forward hooks are called for it.

    Raises:
        LiveModelError: The model is wrapped, quantised, sharded or offloaded, or is no model of transformers.
        VerificationError: A check failed.
        PrunusError: What `plan` raises.

    Example:
        >>> import prunus
        >>> keep = prunus.select(prunus.scan(texts, tokenizer=tokenizer))  # doctest: +SKIP
        >>> small = prunus.prune_model(model, tokenizer, keep)  # doctest: +SKIP
        >>> small.model(**small.tokenizer("Hello", return_tensors="pt"))  # doctest: +SKIP
    """
    if pad_to_multiple_of < 1:
        raise UsageError(f"pad_to_multiple_of must be at least 1, not {pad_to_multiple_of}")
    _refuse(model)
    start = time.perf_counter()
    options = Options(corpus, columns, threads, forward=forward)
    with tempfile.TemporaryDirectory(prefix="prunus-live-") as folder:
        work = _Work(model, tokenizer, Path(folder))
        plan = work.plan(keep, pad_to_multiple_of)
        small, pair = work.files(plan, options)
        runtime = LiveRuntime(pair, tokenizer, small)
        checks = list(check_files(pair, runtime))
        _report(model, checks, start).raise_if_failed()
        witness = Witness(model, pair, runtime)
        with ExitStack() as undo:
            _carry_out(undo, model, plan)
            report = _report(model, [*checks, *witness.checks(plan)], start)
            report.raise_if_failed()
            undo.pop_all()
    return PrunedModel(model, small, plan, report)


class _Work:
    """A live model written out as the directory that it would be saved to, weights aside.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        folder: An empty directory.
    """

    def __init__(self, model: Any, tokenizer: Any, folder: Path) -> None:
        self._model = model
        self._before, self._after = folder / "before", folder / "after"
        for directory in (self._before, self._after):
            directory.mkdir()
        _write_configs(model, self._before)
        self._written = write_live_tokenizer(tokenizer, self._before)
        self._infos, self._seconds = tensor_infos(model.state_dict(keep_vars=True))

    def plan(self, keep: KeepSet | TokenCounts, pad_to_multiple_of: int) -> PrunePlan:
        """What will be done, by the rules of pruning on disk."""
        checkpoint = _checkpoint(self._before, self._infos)
        source = PlanSource(checkpoint, self._written.resolved, self._written.files, self._seconds, self._ties)
        made = plan_of(source, keep, pad_to_multiple_of)
        return dataclasses.replace(made, model_dir=f"a {type(self._model).__name__} in memory")

    def files(self, plan: PrunePlan, options: Options) -> tuple[Any, LivePair]:
        """The pruned tokenizer, and both directories for the checks."""
        before, after = self._before, self._after
        small = pruned_tokenizer(self._written, after, plan.remap)
        apply_config_edits(before, plan.edits, after)
        sizes = {tensor.name: tensor.new_shape for tensor in plan.tensors}
        infos = {n: dataclasses.replace(i, shape=sizes.get(n, i.shape)) for n, i in self._infos.items()}
        both = _checkpoint(before, self._infos), _checkpoint(after, infos)
        return small, LivePair(before, after, plan.kept, self._written.resolved, options, *both)

    def _ties(self, _: Checkpoint, matches: Iterable[MatchedTensor]) -> tuple[str, ...]:
        state = self._model.state_dict(keep_vars=True)
        groups: dict[object, list[str]] = {}
        for match in matches:
            groups.setdefault(tensor_place(state[match.name]), []).append(match.name)
        return tuple(f"one storage: {', '.join(names)}" for names in groups.values() if len(names) > 1)


def _refuse(model: Any) -> None:
    refuse_wrapped(model)
    config = getattr(model, "config", None)
    if not hasattr(config, "to_json_file") or not hasattr(model, "save_pretrained") or hasattr(model, "peft_config"):
        raise LiveModelError(
            f"a {type(model).__name__} is no plain model of transformers",
            hint="Pass the model inside: of sentence-transformers `model[0].auto_model`, of peft the model after "
            "`merge_and_unload()`; or prune the checkpoint on disk.",
        )


def _write_configs(model: Any, folder: Path) -> None:
    """The configs as `save_pretrained` writes them."""
    for file, attribute in CONFIGS.items():
        config = copy.deepcopy(getattr(model, attribute, None))
        if config is not None:
            if attribute == "config":
                config.architectures = [type(model).__name__]
            config.to_json_file(str(folder / file), use_diff=True)


def _checkpoint(folder: Path, infos: dict[str, TensorInfo]) -> Checkpoint:
    return Checkpoint(folder, (), MappingProxyType(infos), None, MappingProxyType({}))


def _carry_out(undo: ExitStack, model: Any, plan: PrunePlan) -> None:
    """Changes the model; until all new tensors are made, nothing."""
    twins = Twins(model, plan)
    tables = live_tables(model, plan.tensors)
    ids = plan.kept.old_ids
    data = [picked(table, ids) for table in tables]
    kept = torch.from_numpy(ids.astype("int64"))
    for table, rows in zip(tables, data, strict=True):
        put(undo, table, rows, ids)
    for edit in plan.edits:
        _edit(undo, getattr(model, CONFIGS[edit.file]), edit)
    for module in model.modules():
        if any(holds(module, tensor) for table in tables for tensor in table.tensors):
            resize(undo, module, kept, rows=plan.rows_before)
    twins.follow(undo, model)


def _edit(undo: ExitStack, config: Any, edit: ConfigEdit) -> None:
    holder, name = place_of(config, edit.path)
    undo.callback(set_field, holder, name, field_of(holder, name))
    set_field(holder, name, copy.deepcopy(edit.after))


def _report(model: Any, checks: Sequence[Check], start: float) -> VerifyReport:
    name = type(model).__name__
    seconds = time.perf_counter() - start
    return VerifyReport(f"the {name} of before", f"the pruned {name}", tuple(checks), seconds, installed_versions())
