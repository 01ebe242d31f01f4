"""Ties as the tensors themselves show them: by absence of a name, or by equal bytes. Flags in configs are not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from prunus.checkpoint.rows import read_blocks
from prunus.plugin.family import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunus.checkpoint.index import Checkpoint


class VocabularyTensor(Protocol):
    """A tensor of the checkpoint that a family matched: its name, vocabulary axis and role."""

    @property
    def name(self) -> str:
        """Name in the checkpoint."""

    @property
    def axis(self) -> int:
        """Axis indexed by token id."""

    @property
    def role(self) -> Role:
        """What it does in the model."""


@dataclass(frozen=True)
class Ties:
    """What the vocabulary tensors of a checkpoint say about each other.

    Attributes:
        inputs: Names of the input tables present.
        outputs: Names of the heads present.
        equal: Groups of two and more tensors of one shape, axis and dtype with the same bytes.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    equal: tuple[tuple[str, ...], ...]

    def lines(self) -> tuple[str, ...]:
        """One sentence for people for each observation."""
        if not self.outputs:
            found = ["no output head is in the file: tied to the input table by absence, or a task without one"]
        else:
            together = {name: group for group in self.equal for name in group}
            found = [_head(name, together.get(name, ()), self.inputs) for name in self.outputs]
        return (*found, *(f"byte-identical: {', '.join(group)}" for group in self.equal))


def _head(name: str, group: tuple[str, ...], inputs: tuple[str, ...]) -> str:
    twins = [table for table in inputs if table in group]
    return f"{name} equals {twins[0]}: tied by value" if twins else f"{name} is a head of its own: untied"


def find_ties(checkpoint: Checkpoint, matches: Iterable[VocabularyTensor]) -> Ties:
    """Compares the vocabulary tensors with each other, in bounded memory.

    Args:
        checkpoint: The checkpoint.
        matches: Its vocabulary tensors.

    Raises:
        CheckpointError: A file changed or cannot be read.
    """
    tensors = sorted(matches, key=lambda match: match.name)
    alike: dict[tuple[object, ...], list[list[str]]] = {}
    for match in tensors:
        info = checkpoint.tensors[match.name]
        groups = alike.setdefault((info.dtype, info.shape, match.axis), [])
        group = next((group for group in groups if same_bytes(checkpoint, group[0], checkpoint, match.name)), None)
        if group is None:
            groups.append([match.name])
        else:
            group.append(match.name)
    return Ties(
        inputs=tuple(match.name for match in tensors if match.role is Role.INPUT),
        outputs=tuple(match.name for match in tensors if match.role is Role.OUTPUT),
        equal=tuple(tuple(group) for groups in alike.values() for group in groups if len(group) > 1),
    )


def observe_ties(checkpoint: Checkpoint, matches: Iterable[VocabularyTensor]) -> tuple[str, ...]:
    """The ties of `find_ties` as sentences.

    Raises:
        CheckpointError: A file changed or cannot be read.
    """
    return find_ties(checkpoint, matches).lines()


def same_bytes(one: Checkpoint, name: str, other: Checkpoint, other_name: str) -> bool:
    """Whether two tensors have the same length and bytes; stops at the first difference.

    Raises:
        CheckpointError: A file changed or cannot be read.
    """
    if one.tensors[name].nbytes != other.tensors[other_name].nbytes:
        return False
    pairs = zip(read_blocks(one, name), read_blocks(other, other_name), strict=True)
    return all(np.array_equal(np.frombuffer(left, np.uint8), np.frombuffer(right, np.uint8)) for left, right in pairs)
