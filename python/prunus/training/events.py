"""What optimizers did to a table while only some rows were in memory: recorded step by step, to be replayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from prunus.errors import OptimizerError

if TYPE_CHECKING:
    from prunus.training.table import Table

ROWWISE = frozenset(
    {"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "SGD", "ASGD"}
)
"""Optimizers of torch whose update of an element depends on that element's own past alone."""

REFUSED = {
    "Adafactor": "its second moments are sums over rows and columns, and its updates are clipped by their mean",
    "Muon": "it orthogonalises the whole matrix, whose shape it also scales by",
    "LBFGS": "its direction is made of products over all parameters",
    "Lamb": "it scales by the norm of the whole matrix",
    "LAMB": "it scales by the norm of the whole matrix",
    "LARS": "it scales by the norm of the whole matrix",
}


@dataclass
class Recording:
    """One optimizer's treatment of one table since the other rows were last brought up to date.

    Attributes:
        optimizer: The optimizer.
        scalars: The table's state that is no tensor of its shape, as it was when recording began.
        rest_state: The table's other rows of each state tensor, vocabulary on axis 0; absent means zero.
        updated: What `rest_state` will be when all rows are up to date.
        row_states: Names and dtypes of the state tensors of the table's shape; empty where there was no state yet.
        stale: Whether the optimizer's state was loaded anew, so that recording must begin again.
    """

    optimizer: Any
    scalars: dict[str, Any] = field(default_factory=dict)
    rest_state: dict[str, Any] = field(default_factory=dict)
    updated: dict[str, Any] = field(default_factory=dict)
    row_states: dict[str, Any] = field(default_factory=dict)
    stale: bool = False


@dataclass(frozen=True)
class Event:
    """One step of one optimizer: the values of the parameter group that held the table."""

    recording: Recording
    group: dict[str, Any]


def snapshot(group: dict[str, Any], last: dict[str, Any] | None) -> dict[str, Any]:
    """The values of a parameter group; those equal to `last` are shared with it, so that a long run stays small."""
    now = {name: value for name, value in group.items() if name != "params"}
    for name, value in now.items():
        if isinstance(value, torch.Tensor):
            now[name] = value.detach().clone()
    return last if last is not None and _same(now, last) else now


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one.keys() != other.keys():
        return False
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a is b or a == b
        for a, b in ((one[name], other[name]) for name in one)
    )


def decay_of(event: Event) -> float | None:
    """The factor by which this step multiplies a row that has neither gradient nor moments.

    1 for `SparseAdam`, which leaves such a row and its moments alone.
    None where that is not all the step does: another optimizer, the fused kernel (other arithmetic), moments that were
    there before, `eps` of zero (0/0), a learning rate held in a tensor, SGD that maximises (it loses the sign of -0).
    """
    group, kind = event.group, type(event.recording.optimizer)
    if kind.__module__.startswith("torch.optim") and kind.__name__ == "SparseAdam":
        return 1.0
    if not kind.__module__.startswith("torch.optim") or event.recording.rest_state or group.get("fused"):
        return None
    if isinstance(group.get("lr"), torch.Tensor):
        return None
    decay = group.get("weight_decay", 0)
    if kind.__name__ in {"Adam", "AdamW"} and group["eps"] > 0:
        if group.get("decoupled_weight_decay", False):
            return float(1 - group["lr"] * decay)
        return None if decay else 1.0
    return 1.0 if kind.__name__ == "SGD" and not decay and not group["maximize"] else None


def check_optimizer(optimizer: Any, elementwise: tuple[type[Any], ...]) -> None:
    """Refuses an optimizer that would not train kept rows as full training does.

    Raises:
        OptimizerError: Its update of a row depends on others, it takes sparse gradients, or it is not known.
    """
    kind = type(optimizer)
    if kind in elementwise:
        return
    name = kind.__name__
    if kind.__module__.startswith("torch.optim") and name in ROWWISE:
        return
    if kind.__module__.startswith("torch.optim") and name == "SparseAdam":
        return
    reason = REFUSED.get(name)
    if reason:
        raise OptimizerError(
            f"{kind.__module__}.{name} would not be the same training: {reason}",
            hint="Give the table to AdamW in a group of its own, or pass replay=False for training that is not exact.",
        )
    raise OptimizerError(
        f"{kind.__module__}.{name} is not known: whether its update of a row depends on other rows cannot be seen",
        hint="If every element is updated by itself, pass elementwise=[that class]; or replay=False.",
    )


def check_sparse(optimizer: Any, group: dict[str, Any], table: Table) -> None:
    """Refuses momenta of sparse gradients, which are sparse themselves: where their rows are is not followed.

    Raises:
        OptimizerError: The table's gradient is sparse, and the optimizer has momentum.
    """
    grad = table.tensor.grad
    if grad is not None and grad.is_sparse and group.get("momentum"):
        raise OptimizerError(
            f"{type(optimizer).__name__} with momentum keeps sparse state of the sparse gradient of {table.name}",
            hint="Use SparseAdam, or SGD without momentum for the table.",
        )
