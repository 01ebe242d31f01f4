"""`prune_input`: an encoder with a small input table, a tokenizer that stays whole, and the map between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.checkpoint.config import apply_config_edits, read_config
from prunus.checkpoint.copying import copy_file, new_file, write_all, write_new
from prunus.checkpoint.header import header_bytes, read_header
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import carry_over, inventory
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.writer import write_checkpoint
from prunus.checks.configs import check_configs
from prunus.checks.pair import Pair
from prunus.checks.tensors import check_tensors
from prunus.errors import FamilyError, UnseenTokenError, UsageError
from prunus.given import several
from prunus.halves.known import known_heads
from prunus.keeping import chosen_tokens_of
from prunus.planning import PlanSource, plan_of
from prunus.plugin.auto import architecture_of
from prunus.plugin.family import Role
from prunus.pruning import FOLDER, gather_of
from prunus.tokenizer.resolve import resolve_tokenizer
from prunus.verification import VerifyReport, guarded, installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunus.counts import TokenCounts
    from prunus.planned import PrunePlan
    from prunus.selection import KeepSet

MAP, TENSOR, TOKENIZER = "input_map.safetensors", "new_ids", "tokenizer"
MEANING = (
    "input table only: the model reads new ids, its tokenizer (in the folder `tokenizer`) gives the source's; every id "
    "goes through prunus/input_map.safetensors first, and text with a dropped token has no meaning"
)


@dataclass(frozen=True)
class InputReport:
    """What `prune_input` did, as kept in `OUT/prunus/input.json`.

    Attributes:
        out: The directory that was written.
        meaning: In which way the model is another one now.
        tensors: The tensors that became smaller.
        kept: Tokens kept.
        rows: Rows before.
        fingerprint: Fingerprint of the tokenizer.
    """

    out: str
    meaning: str
    tensors: tuple[str, ...]
    kept: int
    rows: int
    fingerprint: str

    def __str__(self) -> str:
        names = ", ".join(self.tensors)
        return f"{self.out}: {names} with {self.kept:,} of {self.rows:,} rows\n  {self.meaning}"


@dataclass(frozen=True, eq=False)
class InputMap:
    """From the tokenizer's ids to those of the model that `prune_input` wrote. Made by `load`.

    Attributes:
        new_ids: New id by old id `(rows,)`, int64; −1 where dropped.

    Example:
        >>> ids = InputMap(np.array([0, -1, 1]))
        >>> ids([[0, 2]]).tolist()
        [[0, 1]]
    """

    new_ids: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def load(cls, directory: str | Path) -> InputMap:
        """Reads the map of a directory that `prune_input` wrote.

        Raises:
            CheckpointError: The file is absent or damaged.
            UsageError: It holds no map.
        """
        path = Path(directory) / FOLDER / MAP
        tensor = next((t for t in read_header(path).tensors if (t.name, t.dtype) == (TENSOR, "I64")), None)
        if tensor is None or len(tensor.shape) != 1:
            raise UsageError(f"{path}: holds no map of ids")
        with path.open("rb") as file:
            file.seek(tensor.start)
            return cls(np.frombuffer(file.read(tensor.nbytes), "<i8").astype(np.int64))

    def __call__(self, ids: Any) -> Any:
        """New ids for ids of any shape: a tensor of torch for one, else an array.

        Raises:
            UnseenTokenError: An id was dropped, or is none of the tokenizer.
        """
        found = np.asarray(ids.cpu() if hasattr(ids, "cpu") else ids)
        wrong = (found < 0) | (found >= len(self.new_ids))
        new = self.new_ids[np.where(wrong, 0, found)]
        if (wrong | (new < 0)).any():
            first = int(found[wrong | (new < 0)].flat[0])
            raise UnseenTokenError(
                f"token id {first} has no row in the model", hint="Count text like this one and prune again.", id=first
            )
        if not hasattr(ids, "cpu"):
            return new
        import torch

        return torch.from_numpy(new).to(ids.device)


def prune_input(
    model_dir: str | Path,
    keep: KeepSet | TokenCounts,
    out: str | Path,
    *,
    pad_to_multiple_of: int = 1,
    drop_files: Iterable[str] = (),
    tokenizer_from: str | None = None,
) -> InputReport:
    """Writes an encoder whose input table `(kept, hidden)` has the kept rows only; **another model** than before.

    For pipelines whose tokenizer cannot be exchanged. Model and configs are numbered anew; the tokenizer is copied
    whole to `OUT/tokenizer`, apart from the model, so that nothing loads the two as a pair by accident; every id goes
    through the map. No closure is needed. Kept rows are byte-identical.

    Args:
        model_dir: The source directory, of a model without an output head; only ever read.
        keep: What `select` chose, or counts, of which every seen token is kept; ids that configs name stay too.
        out: The directory to write; must not exist.
        pad_to_multiple_of: Zero rows are added until the number of rows is a multiple of this.
        drop_files: Names of files that may be left out because they cannot be rewritten.
        tokenizer_from: `file` or `transformers`, where the two differ.

    Raises:
        FamilyError: The model has an output head.
        OutputError: `out` exists or cannot be written.
        VerificationError: What was written is not what it should be; nothing was left behind.
        PrunusError: What `plan` raises.

    Example:
        >>> import prunus
        >>> print(prunus.prune_input("encoder", counts, "encoder-small"))  # doctest: +SKIP
        >>> ids = prunus.InputMap.load("encoder-small")  # doctest: +SKIP
        >>> model(input_ids=ids(tokenizer("Hello", return_tensors="pt").input_ids))  # doctest: +SKIP
    """
    if pad_to_multiple_of < 1:
        raise UsageError(f"pad_to_multiple_of must be at least 1, not {pad_to_multiple_of}")
    source, dropping = Path(model_dir).resolve(), several(drop_files)
    with Staging(out, source) as staging:
        checkpoint = Checkpoint.open(source, drop_files=dropping)
        resolved = resolve_tokenizer(source, tokenizer_from)
        described = PlanSource(checkpoint, resolved, inventory(source, dropping), keeping=chosen_tokens_of)
        plan = plan_of(described, keep, pad_to_multiple_of)
        _refuse_head(plan, read_config(source))
        _write(source, checkpoint, plan, staging.path)
        pair = Pair(source, staging.path, plan.kept, resolved)
        checks = [guarded("tensors", lambda: check_tensors(pair)), guarded("configs", lambda: check_configs(pair))]
        VerifyReport(str(source), str(out), tuple(checks), 0.0, installed_versions()).raise_if_failed()
        names = tuple(tensor.name for tensor in plan.tensors)
        report = InputReport(str(staging.target), MEANING, names, plan.tokens_after, plan.rows_before, plan.fingerprint)
        write_new(staging.path / FOLDER / "input.json", (json.dumps(vars(report), indent=1) + "\n").encode())
        staging.publish()
    return report


def _refuse_head(plan: PrunePlan, config: dict[str, Any]) -> None:
    known = known_heads(config)
    if known is None:
        raise FamilyError(
            f"it is not known whether a {architecture_of(config)} has an output head over the vocabulary",
            hint="Prune both sides: prunus prune.",
        )
    stored = [tensor.name for tensor in plan.tensors if tensor.role in {Role.OUTPUT.value, Role.OUTPUT_BIAS.value}]
    heads = list(dict.fromkeys((*stored, *known)))
    if heads:
        raise FamilyError(
            f"the model has an output head ({', '.join(heads)}), whose choices would be in other ids than its input",
            hint="Prune both sides (prunus prune), or the head alone (prunus prune-head).",
        )


def _write(source: Path, checkpoint: Checkpoint, plan: PrunePlan, out: Path) -> None:
    write_checkpoint(checkpoint, {tensor.name: gather_of(plan, tensor) for tensor in plan.tensors}, out)
    apply_config_edits(source, plan.edits, out)
    carry_over(source, out, plan.files)
    for folder in (TOKENIZER, FOLDER):
        (out / folder).mkdir()
    for file in plan.files:
        if file.action == "tokenizer":
            copy_file(source / file.name, out / TOKENIZER / file.name)
    plan.kept.save(out / FOLDER / "keep.parquet")
    table = plan.remap.table(plan.rows_before).astype("<i8")
    header = header_bytes([(TENSOR, "I64", table.shape, table.nbytes)], None)
    with new_file(out / FOLDER / MAP, len(header) + table.nbytes) as target:
        write_all(target, header)
        write_all(target, table.tobytes())
