"""Which of an architecture's vocabularies is the one that the tokenizer numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunus.errors import FamilyError
from prunus.plugin.family import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunus.plugin.facts import Facts, Indexed

# Sizes of other things than a tokenizer's tokens: entities, speech units, characters, image and audio codes, proteins.
_OTHER = re.compile(r"entity|t2u|unit|char_|audio|speech|acoustic|code[bc]|image|vision|protein|semantic|depth")
# Ids beyond the rows of a per-layer table (Gemma 3n) are looked up in the main one only; a head may lack padding rows.
_PARTIAL = frozenset({"vocab_size_per_layer_input", "unpadded_vocab_size"})


def is_other(path: str) -> bool:
    """Whether a size field counts something else than the tokenizer's tokens, by its name."""
    return _OTHER.search(path) is not None


def is_partial(path: str) -> bool:
    """Whether a size field counts the rows of tensors that may have fewer than the vocabulary."""
    return path.rpartition(".")[2] in _PARTIAL


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary that is pruned.

    Attributes:
        rows: Rows of its tensors.
        fields: Size fields that govern its tensors, by path.
        partial: Those that govern tensors with fewer rows.
        others: Size fields that govern tensors of other vocabularies.
    """

    rows: int
    fields: tuple[str, ...]
    partial: tuple[str, ...]
    others: tuple[str, ...]


def choose_vocabulary(
    facts: Facts,
    architecture: str,
    found: Mapping[str, Indexed],
    shapes: Mapping[str, Sequence[int]],
    tokens: int,
) -> Vocabulary:
    """The vocabulary of the tokenizer, by its number of rows.

    Args:
        facts: What is known of the model type.
        architecture: The class.
        found: The checkpoint's tensors that a size governs.
        shapes: Shape by tensor name.
        tokens: One more than the largest token id.

    Raises:
        FamilyError: There is none, several fit, rows lie beyond the size, or the output numbers other tokens.
    """
    rows = _rows_by_field(found, shapes)
    partial = tuple(sorted(filter(is_partial, rows)))
    text = {field: count for field, count in rows.items() if field not in partial and not is_other(field)}
    if not text:
        raise _nothing(architecture or facts.model_type, rows, facts)
    fitting = sorted({count for count in text.values() if count >= tokens}) or [max(text.values())]
    if len(fitting) > 1:
        shown = ", ".join(f"{field} has {count}" for field, count in sorted(text.items()))
        raise FamilyError(
            f"{architecture} has several vocabularies ({shown}), "
            f"and the {tokens} ids of the tokenizer fit more than one",
            hint="Prunus cannot tell which one the tokenizer numbers; a family plugin can.",
        )
    fields = tuple(sorted(field for field, count in text.items() if count == fitting[0]))
    others = tuple(sorted(rows.keys() - {*fields, *partial}))
    _refuse_offsets(found, fields)
    _refuse_no_table(architecture, found, fields)
    _refuse_other_output(facts, architecture, fields, others)
    return Vocabulary(fitting[0], fields, partial, others)


def _rows_by_field(found: Mapping[str, Indexed], shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    rows: dict[str, int] = {}
    first: dict[str, str] = {}
    for name, indexed in found.items():
        count = int(shapes[name][indexed.axis]) - indexed.offset
        if rows.setdefault(indexed.field, count) != count:
            other = first[indexed.field]
            raise FamilyError(
                f"tensors {other} and {name} both have the rows of {indexed.field}, "
                f"but {rows[indexed.field]} and {count} of them",
                hint="The checkpoint is not what its config says.",
                tensor=name,
            )
        first.setdefault(indexed.field, name)
    return rows


def _nothing(what: str, rows: Mapping[str, int], facts: Facts) -> FamilyError:
    if rows:
        shown = ", ".join(f"{field} ({count})" for field, count in sorted(rows.items()))
        return FamilyError(f"{what} has no vocabulary of text tokens, only {shown}", hint="There is nothing to prune.")
    if any(facts.tensors.values()):
        return FamilyError(
            f"the checkpoint has none of the tensors of {what} that are indexed by token id",
            hint="Is it an adapter, or another architecture than its config says?",
        )
    return FamilyError(f"nothing in {what} is indexed by token id", hint="There is nothing to prune.")


def _refuse_no_table(architecture: str, found: Mapping[str, Indexed], fields: tuple[str, ...]) -> None:
    names = [name for name, indexed in found.items() if indexed.field in fields]
    if not any(found[name].role in {Role.INPUT, Role.OUTPUT} for name in names):
        raise FamilyError(
            f"{architecture} looks no token up: only {', '.join(names)} are as long as its vocabulary",
            hint="Prunus does not know whether they are indexed by the ids of the tokenizer.",
        )


def _refuse_offsets(found: Mapping[str, Indexed], fields: tuple[str, ...]) -> None:
    for name, indexed in found.items():
        if indexed.field in fields and indexed.offset:
            raise FamilyError(
                f"tensor {name} has {indexed.offset:+} rows beside {indexed.field}, "
                "which are no tokens of the tokenizer",
                hint="Prunus does not know what they stand for.",
                tensor=name,
            )


def _refuse_other_output(facts: Facts, architecture: str, fields: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Ids at the root of the configs name the tokens that the model generates."""
    known = facts.tensors.get(architecture) or {n: i for tensors in facts.tensors.values() for n, i in tensors.items()}
    outputs = {indexed.field for indexed in known.values() if indexed.role is Role.OUTPUT}
    generated = sorted(outputs & set(others))
    if generated and not outputs & set(fields):
        raise FamilyError(
            f"{architecture} generates tokens of another vocabulary ({', '.join(generated)}) than its tokenizer's",
            hint="Ids in its configs cannot be told apart: prune its text model alone.",
        )
