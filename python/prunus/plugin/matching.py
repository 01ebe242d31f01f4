"""Resolves a family's patterns against the tensor names and shapes of one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from prunus.errors import FamilyError
from prunus.plugin.family import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunus.plugin.family import ModelFamily, VocabTensor


@dataclass(frozen=True)
class MatchedTensor:
    """A tensor of a checkpoint that is indexed by token id.

    Attributes:
        name: Its name in the checkpoint.
        axis: The axis that the token id indexes.
        role: What it does.
        partial: Whether it may have fewer rows than the vocabulary.
    """

    name: str
    axis: int
    role: Role
    partial: bool = False


def match_tensors(family: ModelFamily, shapes: Mapping[str, Sequence[int]]) -> tuple[tuple[MatchedTensor, ...], int]:
    """Finds the vocabulary-indexed tensors of a checkpoint and their number of rows.

    The first pattern that fits a name counts. Nothing is guessed: a tensor that has an axis as long as the vocabulary,
    and that the family neither names nor excludes, is an error.

    Args:
        family: The family that claims the checkpoint's model type.
        shapes: Shape by tensor name, for all tensors of the checkpoint.

    Returns:
        The matched tensors in the order of `shapes`, and the number of rows, taken from the tensors of role INPUT
        (OUTPUT where a tied table is stored under the name of the head only).

    Raises:
        FamilyError: A tensor that must be there is missing, lengths differ, or an unknown tensor looks like vocabulary.

    Example:
        >>> from prunus import ModelFamily, VocabTensor
        >>> toy = ModelFamily(name="toy", model_types=frozenset({"toy"}), tensors=(VocabTensor("*emb", 0, Role.INPUT),))
        >>> match_tensors(toy, {"model.emb": (100, 8), "model.norm": (8,)})
        ((MatchedTensor(name='model.emb', axis=0, role=<Role.INPUT: 'input'>, partial=False),), 100)
    """
    matched = [MatchedTensor(name, p.axis, p.role, p.partial) for name in shapes if (p := _pattern_for(family, name))]
    for pattern in family.tensors:
        if not pattern.optional and not any(fnmatchcase(name, pattern.pattern) for name in shapes):
            raise _missing(family, pattern, list(shapes))
    rows = _rows(family, matched, shapes)
    for tensor in matched:
        length = _length(family, tensor, shapes)
        if length != rows and not (tensor.partial and length < rows):
            raise FamilyError(
                f"tensor {tensor.name} {tuple(shapes[tensor.name])} has {length} entries along axis {tensor.axis}, "
                f"but the vocabulary has {rows} rows",
                hint=f"The checkpoint is not what family {family.name!r} describes.",
                tensor=tensor.name,
            )
    _no_strangers(family, {tensor.name for tensor in matched}, shapes, rows)
    return tuple(matched), rows


def _pattern_for(family: ModelFamily, name: str) -> VocabTensor | None:
    return next((p for p in family.tensors if fnmatchcase(name, p.pattern)), None)


def _missing(family: ModelFamily, pattern: VocabTensor, names: list[str]) -> FamilyError:
    near = get_close_matches(pattern.pattern.replace("*", ""), names, n=3, cutoff=0.3)
    return FamilyError(
        f"no tensor fits {pattern.pattern!r}, which family {family.name!r} needs",
        hint=f"The nearest names are {', '.join(near)}." if near else "The checkpoint has no tensor of a similar name.",
        pattern=pattern.pattern,
    )


def _rows(family: ModelFamily, matched: list[MatchedTensor], shapes: Mapping[str, Sequence[int]]) -> int:
    # Some classes store a tied table under the name of the head only.
    whole = [t for t in matched if not t.partial]
    tables = [t for t in whole if t.role is Role.INPUT] or [t for t in whole if t.role is Role.OUTPUT]
    if not tables:
        patterns = ", ".join(p.pattern for p in family.tensors if p.role is Role.INPUT)
        raise FamilyError(
            f"the checkpoint has no input embedding of family {family.name!r}: none of {patterns} is there",
            hint="Is it an adapter, or another model type than its config says?",
        )
    lengths = {tensor.name: _length(family, tensor, shapes) for tensor in tables}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length} rows" for name, length in lengths.items())
        raise FamilyError(f"the embeddings differ: {shown}", hint="Prunus needs one vocabulary.")
    return next(iter(lengths.values()))


def _length(family: ModelFamily, tensor: MatchedTensor, shapes: Mapping[str, Sequence[int]]) -> int:
    shape = shapes[tensor.name]
    if tensor.axis >= len(shape):
        raise FamilyError(
            f"tensor {tensor.name} {tuple(shape)} has no axis {tensor.axis}, which family {family.name!r} names",
            hint="A quantised or packed embedding cannot be pruned row by row.",
            tensor=tensor.name,
        )
    return int(shape[tensor.axis])


def _no_strangers(family: ModelFamily, known: set[str], shapes: Mapping[str, Sequence[int]], rows: int) -> None:
    for name, shape in shapes.items():
        if rows not in shape or name in known or any(fnmatchcase(name, p) for p in family.not_vocabulary):
            continue
        raise FamilyError(
            f"tensor {name} {tuple(shape)} has an axis as long as the vocabulary and family {family.name!r} "
            "does not know it",
            hint="If it is indexed by token id, the family must name it; if not, list it in `not_vocabulary`.",
            tensor=name,
        )
