"""Frozen records with which a plugin describes a model family."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunus.remap import IdRemap


class Role(str, Enum):
    """What a vocabulary-indexed tensor does in the model."""

    INPUT = "input"
    OUTPUT = "output"
    OUTPUT_BIAS = "output-bias"
    AUXILIARY = "auxiliary"


@dataclass(frozen=True)
class VocabTensor:
    """One kind of tensor with an axis that is indexed by token id.

    Attributes:
        pattern: Shell-style pattern over the checkpoint's tensor names, for example `*.word_embeddings.weight`.
        axis: Which axis the token id indexes: 0 for `(rows, hidden)`, 1 for `(hidden, rows)` or `(1, rows)`.
        role: What the tensor does.
        optional: Whether a checkpoint of the family may lack it (a head, a tied twin, a bias).
        partial: Whether it may have fewer rows than the vocabulary: ids beyond them are never looked up in it.
    """

    pattern: str
    axis: int
    role: Role
    optional: bool = False
    partial: bool = False


@dataclass(frozen=True)
class IdField:
    """A configuration field that holds a token id, a list of ids, or nested lists of ids.

    Attributes:
        path: Dotted path in `config.json`, for example `pad_token_id` or `decoder.eos_token_id`.
        default: The value that transformers uses when the file does not name the field; None if there is no such value.
    """

    path: str
    default: int | None = None


@dataclass(frozen=True, kw_only=True)
class ModelFamily:
    """What Prunus must know of the models of some `model_type`s. Data, no code.

    Attributes:
        name: Name of the family, for reports.
        model_types: The `model_type` values of `config.json` that it claims.
        tensors: Every vocabulary-indexed tensor of every task class.
        id_fields: Fields with token ids beyond the usual `*_token_id`, `*_token_ids`, and those whose default counts.
        size_fields: Fields of `config.json` that hold the number of rows.
        size_defaults: What the config class assumes where one of them is not named, as pairs of field and number.
        partial_size_fields: Fields that hold the number of rows of a `partial` tensor.
        pinned_fields: Id fields whose token may not move, because positions are counted from it, as in RoBERTa.
        not_vocabulary: Patterns of tensors that may have an axis as long as the vocabulary by coincidence.

    Example:
        >>> ModelFamily(
        ...     name="toy",
        ...     model_types=frozenset({"toy"}),
        ...     tensors=(
        ...         VocabTensor("*embed.weight", 0, Role.INPUT),
        ...         VocabTensor("head.weight", 0, Role.OUTPUT, optional=True),
        ...     ),
        ... ).size_fields
        ('vocab_size',)
    """

    name: str
    model_types: frozenset[str]
    tensors: tuple[VocabTensor, ...]
    id_fields: tuple[IdField, ...] = ()
    size_fields: tuple[str, ...] = ("vocab_size",)
    size_defaults: tuple[tuple[str, int], ...] = ()
    partial_size_fields: tuple[str, ...] = ()
    pinned_fields: tuple[str, ...] = ()
    not_vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProtectContext:
    """What `prunus_protected_ids` is told about the model at hand.

    Attributes:
        model_dir: The model's directory, to be read only.
        config: Its parsed `config.json`.
        tokens: Token text by id, added tokens included.
    """

    model_dir: Path
    config: Mapping[str, Any]
    tokens: Mapping[int, str]


@dataclass(frozen=True)
class ProtectedId:
    """A token id that must stay, and the reason shown to the user."""

    id: int
    why: str


@dataclass(frozen=True)
class VerifyContext:
    """What `prunus_verify` is told: the source, the pruned directory that is not yet published, and the renumbering."""

    model_dir: Path
    pruned_dir: Path
    config: Mapping[str, Any]
    remap: IdRemap


@dataclass(frozen=True)
class Check:
    """The outcome of one named check.

    Attributes:
        name: Stable name, such as `tensors` or `tokenizer.rescan`.
        status: `passed`, `failed` or `skipped` (could not run; `detail` says why).
        looked: How many things were really compared; a passed check has looked at one at least.
        detail: One line for people.
        findings: What is wrong, one line each; empty unless failed.
    """

    name: str
    status: str
    looked: int
    detail: str
    findings: tuple[str, ...] = field(default=())
