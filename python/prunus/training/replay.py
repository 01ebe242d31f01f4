"""The steps that rows out of memory have missed, made good: as scalars, or by the optimizer itself."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch

from prunus.training.events import decay_of
from prunus.training.store import blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunus.training.events import Event, Recording

_IN_CACHE = 2**16


def replay(events: Sequence[Event], rest: Any, device: Any) -> None:
    """Brings the rows of `rest` and their optimizer states up to date, in place, bit for bit.

    A row that no batch used has a gradient of zero in full training. What the optimizer makes of that is either a
    multiplication by a scalar (AdamW, moments zero) or is asked of the optimizer: its own code runs on these rows, with
    zero gradients and the recorded values of each step.

    Args:
        events: The steps, in order.
        rest: The rows `(rest, hidden)`, writable.
        device: Where training runs, so that the arithmetic is the same.
    """
    factors = [decay_of(event) for event in events]
    if None not in factors:
        scale(rest, [factor for factor in factors if factor is not None and factor != 1.0], device)
        return
    for part in blocks(len(rest), max(1, rest[:1].numel())):
        _replay_block(events, rest, part, device)


def scale(rest: Any, factors: Sequence[float], device: Any) -> None:
    """Multiplies by every factor in turn; each product is rounded, as it was in training."""
    if not factors:
        return
    flat = rest.view(-1)
    step = _IN_CACHE if torch.device(device).type == "cpu" else _IN_CACHE << 8
    for start in range(0, flat.numel(), step):
        part = flat[start : start + step]
        values = part.to(device, copy=True)
        for factor in factors:
            values.mul_(factor)
        part.copy_(values)


def _replay_block(events: Sequence[Event], rest: Any, part: slice, device: Any) -> None:
    parameter = torch.nn.Parameter(rest[part].to(device, copy=True))
    stand_ins = {}
    for event in events:
        key = id(event.recording)
        if key not in stand_ins:
            stand_ins[key] = _stand_in(event.recording, parameter, part, device)
        optimizer = stand_ins[key]
        optimizer.param_groups[0].update(event.group)
        parameter.grad = torch.zeros_like(parameter)
        type(optimizer).step(optimizer)
    rest[part] = parameter.detach().to(rest.device)
    for event in {id(e.recording): e for e in events}.values():
        _keep_state(event.recording, stand_ins[id(event.recording)].state[parameter], rest, part)


def _stand_in(recording: Recording, parameter: Any, part: slice, device: Any) -> Any:
    """An optimizer of the same class and settings that holds only these rows."""
    original = recording.optimizer
    skipped = {"step", "state", "param_groups", "grad_scale", "found_inf"}
    other = object.__new__(type(original))
    other.__dict__.update({name: value for name, value in vars(original).items() if name not in skipped})
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        other.__dict__[hooks] = type(vars(original)[hooks])()
    other.state = defaultdict(dict)
    other.param_groups = [{"params": [parameter]}]
    if recording.scalars or recording.row_states:
        state = copy.deepcopy(recording.scalars)
        for name, dtype in recording.row_states.items():
            rows = recording.rest_state.get(name)
            zeros = torch.zeros(parameter.shape, dtype=dtype, device=device)
            state[name] = zeros if rows is None else rows[part].to(device, copy=True)
        other.state[parameter] = state
    return other


def _keep_state(recording: Recording, state: dict[str, Any], rest: Any, part: slice) -> None:
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and value.shape == rest[part].shape and value.dim():
            whole = recording.updated.setdefault(name, torch.zeros(rest.shape, dtype=value.dtype))
            whole[part] = value.to("cpu")
