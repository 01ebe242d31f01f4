"""Every vocabulary tensor of a live model, as its family describes them: tables, heads, biases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prunus.errors import LiveModelError
from prunus.plugin.family import Role
from prunus.plugin.matching import match_tensors
from prunus.plugin.serving import family_of
from prunus.training.discovery import refuse_wrapped

if TYPE_CHECKING:
    from prunus.plugin.family import ModelFamily


@dataclass(frozen=True)
class LiveTensor:
    """One vocabulary tensor, whatever the number of names it has.

    Attributes:
        tensor: The parameter or buffer.
        name: Its first name.
        axis: The axis that the token id indexes.
        roles: What it does, under all its names.
    """

    tensor: Any
    name: str
    axis: int
    roles: frozenset[Role]


@dataclass(frozen=True)
class Vocabulary:
    """What a family says about a live model.

    Attributes:
        family: The family.
        rows: Rows of its vocabulary tensors.
        tensors: The tensors, ties once.
    """

    family: ModelFamily
    rows: int
    tensors: tuple[LiveTensor, ...]

    @property
    def has_head(self) -> bool:
        """Whether one of them, under whatever name, is an output head, so that labels are token ids."""
        return any(Role.OUTPUT in tensor.roles for tensor in self.tensors)

    def heads(self) -> tuple[LiveTensor, ...]:
        """The output heads and their biases.

        Raises:
            LiveModelError: There is no head, or it is tied to the input table.
        """
        if not self.has_head:
            raise LiveModelError('the model has no output head that mode="output" could prune')
        found = tuple(t for t in self.tensors if t.roles & {Role.OUTPUT, Role.OUTPUT_BIAS})
        tied = next((t.name for t in found if Role.INPUT in t.roles), None)
        if tied is not None:
            raise LiveModelError(
                f"{tied} is the head and the input table at once, which has to keep every row for any text",
                hint='Choose mode="input+output".',
                tensor=tied,
            )
        return found


def vocabulary_of(model: Any) -> Vocabulary:
    """Matches the tensors of a live model with its family.

    Raises:
        FamilyError: No family serves the architecture, or a tensor is not what the family says.
        LiveModelError: The model has no config, is wrapped, or a tensor is not a plain one.
    """
    refuse_wrapped(model)
    model_type = getattr(getattr(model, "config", None), "model_type", None)
    if not model_type:
        raise LiveModelError(
            f"a {type(model).__name__} has no config that names its model type",
            hint='Pass the transformers model itself, or choose mode="input".',
        )
    state = model.state_dict(keep_vars=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    family = family_of(model.config.to_dict() | {"architectures": [type(model).__name__]}, shapes, 0)
    matched, rows = match_tensors(family, shapes)
    found: dict[int, LiveTensor] = {}
    for match in matched:
        tensor = state[match.name]
        if match.partial:
            raise LiveModelError(f"{match.name} has fewer rows than the vocabulary", tensor=match.name)
        if tensor.is_meta or type(tensor).__module__.split(".")[0] not in {"torch"}:
            raise LiveModelError(f"{match.name} is not a plain tensor in memory", tensor=match.name)
        known = found.setdefault(id(tensor), LiveTensor(tensor, match.name, match.axis, frozenset()))
        found[id(tensor)] = replace(known, roles=known.roles | {match.role})
    return Vocabulary(family, rows, tuple(found.values()))
