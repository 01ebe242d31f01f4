"""What fine-tuning on fewer rows would save, from the checkpoint's headers alone; said plainly when it does not pay."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.config import config_ids, read_config
from prunus.checkpoint.header import DTYPE_BITS
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.ties import find_ties
from prunus.errors import ConfigError, SelectionError, UsageError
from prunus.plugin.family import Role
from prunus.plugin.matching import match_tensors
from prunus.plugin.serving import family_of
from prunus.selection import KeepSet, select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.counts import TokenCounts
    from prunus.plugin.matching import MatchedTensor

STATES: Mapping[str, int] = MappingProxyType({"sgd": 0, "sgd-momentum": 1, "adamw": 2})
"""State tensors of a parameter's shape that an optimizer keeps."""

# Weight, gradient and each optimizer state, in bytes an element. Mixed precision keeps all three in fp32; the bf16
# copies that autocast makes live as long as a layer runs and are left out.
PRECISIONS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"fp32": (4, 4, 4), "mixed": (4, 4, 4), "bf16": (2, 2, 2)}
)
WORTH_IT = 0.05


@dataclass(frozen=True)
class Case:
    """One way of training.

    Attributes:
        mode: `full`, `input`, `output` (where a head is untied), `input+output` or `lora`.
        parameters: Parameters in memory.
        trained: Those with a gradient.
        weight_bytes: Bytes of the weights at the precision.
        training_bytes: Weights, gradients and optimizer states; activations are the same in all cases and left out.
        saved: Share of full training's bytes that is saved.
        note: What to know of it.
    """

    mode: str
    parameters: int
    trained: int
    weight_bytes: int
    training_bytes: int
    saved: float
    note: str = ""


@dataclass(frozen=True)
class Forecast:
    """What each way of training would take.

    Attributes:
        model: The directory.
        rows: Rows of the vocabulary tensors.
        kept: Rows that would be kept.
        vocabulary_parameters: Parameters of all vocabulary tensors.
        checkpoint_bytes: Bytes of the checkpoint's tensors on disk.
        optimizer: Name of the optimizer.
        precision: Name of the precision.
        cases: The ways, full training first.
    """

    model: str
    rows: int
    kept: int
    vocabulary_parameters: int
    checkpoint_bytes: int
    optimizer: str
    precision: str
    cases: tuple[Case, ...]

    @property
    def logit_bytes(self) -> int:
        """Bytes of the fp32 logits of 1,000 tokens, where the model has a head; their gradient takes as much again."""
        return 4000 * self.rows

    @property
    def kept_logit_bytes(self) -> int:
        """The same over the kept tokens: modes `output` and `input+output`."""
        return 4000 * self.kept

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"logit_bytes": self.logit_bytes, "kept_logit_bytes": self.kept_logit_bytes}

    def __str__(self) -> str:
        share = self.vocabulary_parameters / self.cases[0].parameters
        lines = [
            f"{self.model}: {self.kept:,} of {self.rows:,} rows are used; the vocabulary is {share:.1%} of "
            f"{self.cases[0].parameters:,} parameters",
            f"{self.optimizer}, {self.precision}; activations not counted. A language model's logits come on top: "
            f"{_size(self.logit_bytes)} in fp32 for 1,000 tokens, {_size(self.kept_logit_bytes)} over the kept ones",
            f"{'mode':14} {'parameters':>14} {'trained':>14} {'weights':>10} {'training':>10} {'saved':>7}",
        ]
        for case in self.cases:
            sizes = f"{_size(case.weight_bytes):>10} {_size(case.training_bytes):>10} {case.saved:7.1%}"
            lines.append(f"{case.mode:14} {case.parameters:14,} {case.trained:14,} {sizes}  {case.note}".rstrip())
        best = max(case.saved for case in self.cases if case.mode.startswith("input"))
        if best < WORTH_IT:
            lines.append(f"It does not pay: at most {best:.1%} of training memory.")
        return "\n".join(lines)


def forecast(
    model_dir: str | Path,
    keep: KeepSet | TokenCounts,
    *,
    optimizer: str = "adamw",
    precision: str = "fp32",
    lora_rank: int = 8,
) -> Forecast:
    """Parameters, bytes and training memory with all rows and with the used ones, beside LoRA.

    Reads headers only. LoRA is taken to put adapters of the given rank on every matrix outside the vocabulary.

    Args:
        model_dir: A model directory.
        keep: Counts, or a selection of them; ids that configs name are added.
        optimizer: `sgd`, `sgd-momentum` or `adamw`.
        precision: `fp32`, `mixed` (fp32 weights under autocast) or `bf16` throughout.
        lora_rank: Rank of LoRA's adapters.

    Raises:
        CheckpointError: The checkpoint is damaged.
        ConfigError: The config is broken or names no model type.
        FamilyError: No family and no structure that Prunus knows describes the model, or a tensor is not what it says.
        SelectionError: An id lies beyond the rows.
        UsageError: The optimizer or precision is unknown.

    Example:
        >>> import prunus
        >>> print(prunus.forecast("model", prunus.TokenCounts.load("counts.parquet")))  # doctest: +SKIP
    """
    for name, value, known in (("optimizer", optimizer, STATES), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise UsageError(f"{name} {value!r} is unknown", hint=f"Choose one of {', '.join(known)}.")
    directory = Path(model_dir).resolve()
    config = read_config(directory)
    if not isinstance(config.get("model_type"), str):
        raise ConfigError(f"{directory / 'config.json'}: no `model_type`", hint="Add the one that transformers uses.")
    checkpoint = Checkpoint.open(directory)
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    family = family_of(config, shapes, 0)
    matches, rows = match_tensors(family, shapes)
    chosen = keep if isinstance(keep, KeepSet) else select(keep)
    ids = {*chosen.ids.tolist(), *chosen.keep.ids, *(i for f in config_ids(directory, family) for i in f.ids)}
    if ids and max(ids) >= rows:
        raise SelectionError(f"id {max(ids)} lies beyond the {rows} rows of {directory}", id=max(ids))
    shape = _Shape(checkpoint, matches, rows, len(ids))
    cases = _cases(shape, PRECISIONS[precision], STATES[optimizer], lora_rank)
    size = sum(tensor.nbytes for tensor in checkpoint.tensors.values())
    return Forecast(str(directory), rows, len(ids), shape.vocabulary, size, optimizer, precision, cases)


class _Shape:
    """Numbers of parameters, ties by value counted once."""

    def __init__(self, checkpoint: Checkpoint, matches: tuple[MatchedTensor, ...], rows: int, kept: int) -> None:
        ties = find_ties(checkpoint, matches)
        twins = {name for group in ties.equal for name in group[1:]}
        numbers = {n: prod(t.shape) for n, t in checkpoint.tensors.items() if n not in twins and _is_float(t.dtype)}
        roles = {match.name: match.role for match in matches}
        self.total = sum(numbers.values())
        self.vocabulary = sum(number for name, number in numbers.items() if name in roles)
        self.inputs = sum(number for name, number in numbers.items() if roles.get(name) is Role.INPUT)
        heads = {Role.OUTPUT, Role.OUTPUT_BIAS}
        self.outputs = sum(number for name, number in numbers.items() if roles.get(name) in heads)
        self.dropped = (rows - kept) / rows if rows else 0.0
        self.tied = any(name in ties.inputs for group in ties.equal for name in group if set(group) & set(ties.outputs))
        self.lone = not ties.outputs
        matrices = [t.shape for n, t in checkpoint.tensors.items() if n not in roles and len(t.shape) == 2]
        self.adapter_sides = sum(a + b for a, b in matrices)


def _cases(shape: _Shape, sizes: tuple[int, int, int], states: int, rank: int) -> tuple[Case, ...]:
    weight, gradient, state = sizes

    def case(mode: str, parameters: int, trained: int, note: str = "") -> Case:
        used = parameters * weight + trained * (gradient + states * state)
        return Case(mode, parameters, trained, parameters * weight, used, 1 - used / full, note)

    full = shape.total * (weight + gradient + states * state)
    fewer = shape.total - round(shape.inputs * shape.dropped)
    least = shape.total - round(shape.vocabulary * shape.dropped)
    adapters = rank * shape.adapter_sides
    note = "if the task has no head that is tied to the table; exact" if shape.lone else "exact"
    rest = shape.total - round(shape.outputs * shape.dropped)
    head = case("output", rest, rest, "any text in, the loss over the kept tokens")
    only = case("input", shape.total, shape.total, "saves nothing: the head is tied") if shape.tied else None
    return (
        case("full", shape.total, shape.total),
        only or case("input", fewer, fewer, note),
        *(() if shape.tied or shape.lone else (head,)),
        case("input+output", least, least, "changes the loss of a language model"),
        case("lora", shape.total + adapters, adapters, f"rank {rank}; another method, trains no embedding"),
    )


def _is_float(dtype: str) -> bool:
    return dtype.startswith(("F", "BF")) and DTYPE_BITS[dtype] >= 8


def _size(number: int) -> str:
    return f"{number / 1e9:,.2f} GB" if number >= 1e8 else f"{number / 1e6:,.1f} MB"
