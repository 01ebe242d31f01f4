"""Optimizers beside a shrunk table: their state is sliced when they first step, recorded, and scattered back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from prunus.errors import OptimizerError
from prunus.training.events import Event, Recording, check_optimizer, check_sparse, decay_of, snapshot
from prunus.training.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunus.training.table import Table


class OptimizerWatch:
    """Follows every optimizer that holds one of the tables, whenever it was made.

    Args:
        tables: The shrunk tables.
        replay: Whether to record steps and to bring the other rows up to date.
        elementwise: Optimizer classes that the user vouches for.
    """

    def __init__(self, tables: Iterable[Table], *, replay: bool, elementwise: tuple[type[Any], ...]) -> None:
        self._watches = [_TableWatch(table) for table in tables]
        self._replay = replay
        self._elementwise = elementwise
        self._known: dict[int, Any] = {}
        self._handles: list[Any] = []

    def begin(self) -> None:
        """Starts to follow."""
        self._handles = [register_optimizer_step_pre_hook(self._before), register_optimizer_step_post_hook(self._after)]

    def advance(self) -> None:
        """Brings the other rows of every table up to date with the steps so far."""
        if self._replay:
            for watch in self._watches:
                watch.advance()

    def holds(self, tensor: Any) -> bool:
        """Whether an optimizer has stepped with this tensor."""
        return any(watch.table.tensor is tensor and watch.recordings for watch in self._watches)

    def hold(self, table: Table, fetched: Any) -> None:
        """As `Table.hold`, with the optimizers' states, all rows up to date."""
        self.advance()
        for watch in self._watches:
            if watch.table is table:
                watch.hold(fetched)

    def end(self) -> None:
        """Stops to follow."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def scatter(self) -> None:
        """Makes the state tensors full-size again; the tables must still know which rows they keep."""
        for watch in self._watches:
            for recording in watch.recordings.values():
                watch.scatter(recording)

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG002 - torch's signature
        for watch in self._watches:
            group = watch.group_of(optimizer)
            if group is not None:
                self._meet(optimizer)
                check_sparse(optimizer, group, watch.table)
                watch.attach(optimizer)
                watch.follow_dtype()

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG002 - torch's signature
        if not self._replay:
            return
        skipped = getattr(optimizer, "found_inf", None)  # set by a gradient scaler that leaves skipping to the kernel
        if skipped is not None and bool(skipped):
            return
        for watch in self._watches:
            group = watch.group_of(optimizer)
            if group is not None and watch.table.tensor.grad is not None:
                watch.record(optimizer, group)

    def _meet(self, optimizer: Any) -> None:
        if id(optimizer) in self._known:
            return
        if self._replay:
            check_optimizer(optimizer, self._elementwise)
        self._known[id(optimizer)] = optimizer
        self._handles += [
            optimizer.register_state_dict_post_hook(self._full_state),
            optimizer.register_load_state_dict_pre_hook(self._loading),
            optimizer.register_load_state_dict_post_hook(self._loaded),
        ]

    def _full_state(self, optimizer: Any, state_dict: dict[str, Any]) -> dict[str, Any]:
        self.advance()
        state = dict(state_dict["state"])
        for watch in self._watches:
            recording = watch.recordings.get(id(optimizer))
            index = _packed_index(optimizer, watch.table.tensor)
            if recording is not None and index in state:
                state[index] = watch.full_state(recording, state[index], "cpu")
        return {**state_dict, "state": state}

    def _loading(self, optimizer: Any, state_dict: Any) -> None:  # noqa: ARG002 - torch's signature
        self.advance()

    def _loaded(self, optimizer: Any) -> None:
        for watch in self._watches:
            recording = watch.recordings.get(id(optimizer))
            if recording is not None:
                recording.stale = True


class _TableWatch:
    """One table: the optimizers that were seen with it, and their steps since the last `advance`."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.recordings: dict[int, Recording] = {}
        self.events: list[Event] = []
        self._places: dict[int, tuple[int, int]] = {}

    def group_of(self, optimizer: Any) -> dict[str, Any] | None:
        """The parameter group that holds the table, or None."""
        groups: list[dict[str, Any]] = optimizer.param_groups
        group, place = self._places.get(id(optimizer), (0, 0))
        tensor = self.table.tensor
        if group < len(groups) and place < len(groups[group]["params"]) and groups[group]["params"][place] is tensor:
            return groups[group]
        for group, held in enumerate(groups):
            for place, parameter in enumerate(held["params"]):
                if parameter is tensor:
                    self._places[id(optimizer)] = group, place
                    return held
        return None

    def attach(self, optimizer: Any) -> None:
        """Slices the optimizer's state of the table, and begins to record where that has not begun."""
        recording = self.recordings.get(id(optimizer))
        if recording is None or recording.stale:
            self.recordings[id(optimizer)] = self._slice(optimizer)

    def follow_dtype(self) -> None:
        """Steps after `model.to(dtype)` round in that dtype: the other rows change it too."""
        if self.table.rest.dtype != self.table.tensor.dtype:
            self.advance()
            self.table.convert_rest()

    def record(self, optimizer: Any, group: dict[str, Any]) -> None:
        """Notes one step."""
        recording = self.recordings[id(optimizer)]
        last = self.events[-1] if self.events and self.events[-1].recording is recording else None
        values = snapshot(group, last.group if last else None)
        self.events.append(last if last is not None and values is last.group else Event(recording, values))

    def advance(self) -> None:
        """Brings the other rows and their states up to date."""
        if not self.events:
            return
        if any(decay_of(event) != 1.0 for event in self.events):
            replay(self.events, self.table.own_rest(), self.table.tensor.device)
        self.events.clear()
        for recording in self.recordings.values():
            if recording.updated:
                recording.rest_state, recording.updated = recording.updated, {}
            self._note(recording)

    def hold(self, fetched: Any) -> None:
        """Exchanges the fetched rows; the states that optimizers have of the table grow with it."""
        table, before = self.table, self.table.small_shape
        table.hold(fetched)
        new = table.kept[before[0] :]
        for recording in self.recordings.values():
            state = recording.optimizer.state.get(table.tensor, {})
            for name, value in state.items():
                if _is_rows(value, before):
                    state[name] = torch.cat([value, table.rows_of(recording.rest_state.get(name), new, value)])

    def scatter(self, recording: Recording) -> None:
        """Makes the optimizer's state of the table full-size."""
        states = recording.optimizer.state
        if self.table.tensor in states:
            states[self.table.tensor] = self.full_state(recording, states[self.table.tensor], None)

    def full_state(self, recording: Recording, state: dict[str, Any], device: Any) -> dict[str, Any]:
        """A copy of the table's state with full-size tensors, on `device` or where they are."""
        full = dict(state)
        for name, value in state.items():
            if _is_rows(value, self.table.small_shape):
                full[name] = self.table.scatter(value, recording.rest_state.get(name), device)
        return full

    def _slice(self, optimizer: Any) -> Recording:
        table, recording = self.table, Recording(optimizer)
        state = optimizer.state.get(table.tensor, {})
        for name, value in list(state.items()):
            if not isinstance(value, torch.Tensor) or value.numel() <= 1:
                continue
            if self._made_inside(value) and len(table.rest_ids):
                state[name] = self._fill(recording, name, value)
                continue
            if not _is_rows(value, table.full_shape):
                raise OptimizerError(
                    f"{type(optimizer).__name__} keeps {name!r} of shape {tuple(value.shape)} for {table.name} "
                    f"{table.full_shape}: Prunus cannot tell which part belongs to which row",
                    hint="Make the optimizer inside the block.",
                )
            others = table.pick_rest(value)
            if bool((others != 0).any()):
                recording.rest_state[name] = others.to("cpu")
            state[name] = table.pick(value)
        self._note(recording)
        return recording

    def _made_inside(self, value: Any) -> bool:
        """Whether state has the rows in memory, or those that were in memory before others were fetched."""
        small, shape = self.table.small_shape, tuple(value.shape)
        base = self.table.rows - len(self.table.rest_ids)
        return shape == small or (
            shape[1:] == small[1:] and base <= shape[0] < small[0] and bool((value == value.flatten()[0]).all())
        )

    def _fill(self, recording: Recording, name: str, value: Any) -> Any:
        """State that an optimizer made inside the block, for the rows of now.

        The other rows of it began with the same constant (Adagrad).
        """
        first = value.flatten()[0]
        if bool(first != 0) and bool((value == first).all()):
            recording.rest_state[name] = torch.full(self.table.rest.shape, first.item(), dtype=value.dtype)
        return value if tuple(value.shape) == self.table.small_shape else first.expand(self.table.small_shape).clone()

    def _note(self, recording: Recording) -> None:
        """Notes the state that is no tensor of the table's shape, as of now."""
        states = recording.optimizer.state
        state = states.get(self.table.tensor, {})
        rows = {name: value for name, value in state.items() if _is_rows(value, self.table.small_shape)}
        recording.row_states = {name: value.dtype for name, value in rows.items()}
        recording.scalars = {name: copy.deepcopy(value) for name, value in state.items() if name not in rows}


def _is_rows(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, torch.Tensor) and tuple(value.shape) == shape


def _packed_index(optimizer: Any, tensor: Any) -> int:
    """The number that `state_dict()` gives a parameter: its place among all groups."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    return next((index for index, parameter in enumerate(parameters) if parameter is tensor), -1)
