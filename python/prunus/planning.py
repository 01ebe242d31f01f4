"""The dry run: what will stay and why, which tensors become smaller, which ids change where. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus._engine import fingerprint
from prunus.checkpoint.config import config_ids, plan_config_edits, read_config
from prunus.checkpoint.guard import unclear_fields
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import FileAction, inventory
from prunus.checkpoint.ties import observe_ties
from prunus.errors import ConfigError, TokenizerMismatchError, UsageError
from prunus.given import several
from prunus.keeping import ModelNeeds, keep_tokens_of
from prunus.planned import PlannedTensor, PrunePlan
from prunus.plugin.family import ProtectContext
from prunus.plugin.manager import plugin_manager
from prunus.plugin.matching import MatchedTensor, match_tensors
from prunus.plugin.serving import family_of
from prunus.selection import KeepSet, select
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.hfconfig import role_ids
from prunus.tokenizer.prompts import prompt_texts
from prunus.tokenizer.required import Reason
from prunus.tokenizer.resolve import ResolvedTokenizer, resolve_tokenizer
from prunus.tokenizer.sidecars import chat_template_texts
from prunus.tokenizer.unseen import checked_quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prunus.checkpoint.index import TensorInfo
    from prunus.counts import TokenCounts
    from prunus.kept import KeptTokens
    from prunus.plugin.family import ModelFamily


def plan(
    model_dir: str | Path,
    keep: KeepSet | TokenCounts,
    *,
    pad_to_multiple_of: int = 1,
    drop_files: Iterable[str] = (),
    tokenizer_from: str | None = None,
) -> PrunePlan:
    """Plans the pruning of a model directory; a dry run that writes nothing.

    Args:
        model_dir: A Hugging Face directory with `config.json`, safetensors and `tokenizer.json`.
        keep: What `select` chose, or counts, of which every seen token is kept.
        pad_to_multiple_of: Zero rows are added until the number of rows is a multiple of this.
        drop_files: Names of files that may be left out because they cannot be rewritten.
        tokenizer_from: `file` or `transformers`, where the two differ.

    Raises:
        CheckpointError: The checkpoint is damaged or has fewer rows than the tokenizer has ids.
        ConfigError: A config is broken or names an id that would dangle.
        FamilyError: No family serves the architecture, or a tensor is not what the family says.
        PluginError: Two plugins claim the model type.
        SelectionError: A named token does not exist, or one that must stay is dropped.
        TokenizerError: The tokenizer cannot be read or has an unknown part.
        TokenizerMismatchError: The counts belong to another tokenizer, or file and transformers differ.
        UnsupportedFileError: A file depends on the vocabulary and cannot be rewritten.
        UsageError: `pad_to_multiple_of` is below 1.

    Example:
        >>> import prunus
        >>> plan = prunus.plan("model", prunus.TokenCounts.load("counts.parquet"))  # doctest: +SKIP
        >>> print(plan)  # doctest: +SKIP
    """
    if pad_to_multiple_of < 1:
        raise UsageError(f"pad_to_multiple_of must be at least 1, not {pad_to_multiple_of}")
    directory = Path(model_dir).resolve()
    _model_type(read_config(directory), directory)
    dropping = several(drop_files)
    # Before the other files are judged: without a checkpoint, "leave them out" would be no advice about the weights.
    checkpoint = Checkpoint.open(directory, drop_files=dropping)
    files = inventory(directory, dropping)
    source = PlanSource(checkpoint, resolve_tokenizer(directory, tokenizer_from), files)
    return plan_of(source, keep, pad_to_multiple_of)


@dataclass(frozen=True)
class PlanSource:
    """What a plan is made of: a model directory, or a live model seen as one.

    Attributes:
        checkpoint: Its tensors by name, and the directory of its configs.
        tokenizer: Its tokenizer.
        files: What happens to every file of the directory.
        seconds: Names of tensors that are another one under a second name, and are counted once.
        ties: What the vocabulary tensors say about each other.
        keeping: From the selection to the tokens that stay; without closure where the tokenizer stays whole.
    """

    checkpoint: Checkpoint
    tokenizer: ResolvedTokenizer
    files: tuple[FileAction, ...]
    seconds: frozenset[str] = frozenset()
    ties: Callable[[Checkpoint, Iterable[MatchedTensor]], tuple[str, ...]] = observe_ties
    keeping: Callable[[TokenizerDocument, bytes, KeepSet, ModelNeeds], KeptTokens] = keep_tokens_of


def plan_of(source: PlanSource, keep: KeepSet | TokenCounts, pad_to_multiple_of: int) -> PrunePlan:
    """The plan of a source; see `plan`.

    Raises:
        PrunusError: What `plan` raises.
    """
    checkpoint, resolved = source.checkpoint, source.tokenizer
    directory = checkpoint.directory
    chosen = keep if isinstance(keep, KeepSet) else select(keep)
    config = read_config(directory)
    document = TokenizerDocument.parse(resolved.json, file=str(directory / "tokenizer.json"))
    shapes = {name: t.shape for name, t in checkpoint.tensors.items()}
    family = family_of(config, shapes, max(document.tokens, default=-1) + 1)
    matches, rows = match_tensors(family, shapes)
    own = fingerprint(resolved.json)
    check_same_tokenizer(chosen, own)
    needs = needs_of(directory, config, family, document, rows)
    kept = source.keeping(document, resolved.json, chosen, needs)
    rows_after = -(-len(kept) // pad_to_multiple_of) * pad_to_multiple_of
    tensors = tuple(_planned(checkpoint, match, rows_after, kept) for match in matches)
    edits = plan_config_edits(directory, family, kept.remap, rows_before=rows, rows_after=rows_after)
    return PrunePlan(
        model_dir=str(directory),
        model_type=str(config["model_type"]),
        family=family.name,
        fingerprint=own,
        policy=", ".join([chosen.policy, *chosen.rules.said()]),
        unseen=checked_quality(document, chosen.rules.unseen),
        exact=_is_exact(chosen, kept),
        kept=kept,
        tensors=tensors,
        ties=source.ties(checkpoint, matches),
        edits=edits,
        files=source.files,
        tokens_before=len(document.tokens),
        rows_before=rows,
        rows_after=rows_after,
        parameters=_totals(source, tensors, _elements),
        tensor_bytes=_totals(source, tensors, _bytes),
        share_of_counted=_share(chosen, kept),
        tokenizer_from=resolved.origin,
        note=resolved.note,
        unclear=unclear_fields(directory, [field.path for field in family.id_fields], needs.ids),
    )


def _model_type(config: dict[str, Any], directory: Path) -> str:
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise ConfigError(f"{directory / 'config.json'}: no `model_type`", hint="Add the one that transformers uses.")
    return model_type


def check_same_tokenizer(chosen: KeepSet, own: str) -> None:
    """Refuses a selection that belongs to another tokenizer.

    Raises:
        TokenizerMismatchError: It does.
    """
    if chosen.fingerprint is not None and chosen.fingerprint != own:
        raise TokenizerMismatchError(
            f"the selection belongs to tokenizer {chosen.fingerprint[:12]}, the model has {own[:12]}",
            hint="Scan the corpus again with this model's tokenizer.",
        )


def needs_of(
    directory: Path, config: dict[str, Any], family: ModelFamily, document: TokenizerDocument, rows: int
) -> ModelNeeds:
    """What a model directory asks of the kept tokens.

    Raises:
        ConfigError: A config or a plugin names an id that is no token.
        TokenizerError: A config of the tokenizer is damaged.
    """
    ids: dict[int, Reason] = {}
    pinned: dict[int, str] = {}
    for field in config_ids(directory, family):
        for identifier in field.ids:
            if identifier not in document.tokens:
                raise ConfigError(
                    f"{field.file}: {field.path} is {identifier}, which names no token of the tokenizer",
                    hint="The source is inconsistent: correct the field, or set it to null.",
                )
            ids.setdefault(identifier, Reason(f"config: {field.path}"))
            if field.file == "config.json" and field.path in family.pinned_fields:
                pinned[identifier] = field.path
    for identifier, reason in role_ids(directory, document).items():
        ids.setdefault(identifier, reason)
    context = ProtectContext(model_dir=directory, config=config, tokens=document.tokens)
    for protected in plugin_manager().protected_ids(context):
        if protected.id not in document.tokens:
            raise ConfigError(f"a plugin protects id {protected.id} ({protected.why}), which names no token")
        ids.setdefault(protected.id, Reason(f"protected: {protected.why}"))
    return ModelNeeds(ids, pinned, tuple(chat_template_texts(directory)), rows, prompt_texts(directory, config))


def _planned(checkpoint: Checkpoint, match: MatchedTensor, rows_after: int, kept: KeptTokens) -> PlannedTensor:
    tensor = checkpoint.tensors[match.name]
    # A zero row beyond a partial table's own would be looked up where the table has to be left alone.
    rows = int((kept.old_ids < tensor.shape[match.axis]).sum()) if match.partial else rows_after
    shape = tuple(rows if axis == match.axis else size for axis, size in enumerate(tensor.shape))
    return PlannedTensor(match.name, tensor.file, match.axis, match.role.value, tensor.dtype, tensor.shape, shape)


def _elements(tensor: TensorInfo) -> int:
    return prod(tensor.shape)


def _bytes(tensor: TensorInfo) -> int:
    return tensor.end - tensor.start


def _totals(
    source: PlanSource, planned: tuple[PlannedTensor, ...], size: Callable[[TensorInfo], int]
) -> tuple[int, int]:
    tensors = {name: tensor for name, tensor in source.checkpoint.tensors.items() if name not in source.seconds}
    before = sum(map(size, tensors.values()))
    saved = 0
    for tensor in (tensor for tensor in planned if tensor.name in tensors):
        rows, rows_after = tensor.shape[tensor.axis], tensor.new_shape[tensor.axis]
        whole = size(tensors[tensor.name])
        saved += whole - (whole // rows * rows_after if rows else 0)
    return before, before - saved


def _is_exact(chosen: KeepSet, kept: KeptTokens) -> bool:
    return chosen.counts is not None and bool(np.isin(chosen.counts.ids, kept.old_ids).all())


def _share(chosen: KeepSet, kept: KeptTokens) -> float | None:
    if chosen.counts is None:
        return None
    return float(sum(kept.counts.tolist()) / sum(chosen.counts.counts.tolist()))
