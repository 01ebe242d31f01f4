"""The structural family: serves any architecture of transformers from what building it twice shows. Lowest priority.

What it knows comes as data (`facts`), or from asking the installed transformers about a class that the data lacks.
The result is an ordinary `ModelFamily` whose patterns are the tensor names of the one checkpoint at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prunus.errors import FamilyError
from prunus.plugin.auto_config import id_fields, pinned_fields, size_defaults, size_fields
from prunus.plugin.auto_vocabulary import Vocabulary, choose_vocabulary
from prunus.plugin.facts import Facts, Indexed, plain, shipped_facts, tail
from prunus.plugin.family import ModelFamily, VocabTensor
from prunus.plugin.matching import match_tensors
from prunus.plugin.probing import probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "auto"
_PACKED = re.compile(
    r"qweight|qzeros|scales|g_idx|SCB|weight_(packed|scale\w*|zero_point|shape|format|g_idx)"
    r"|weight\.(absmax|quant\w*|nested\w*|bitsandbytes\w*)"
)
# Draft heads of speculative decoding: entries are token ids, or say which tokens there are.
_VALUES = re.compile(r"(^|\.)(d2t|t2d|draft_id_to_target_id|target_token_in_draft)$")


def auto_family(config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], tokens: int) -> ModelFamily:
    """Describes the vocabulary of one checkpoint by the structure of its architecture.

    Args:
        config: Its parsed `config.json`.
        shapes: Shape by tensor name, for all tensors of the checkpoint.
        tokens: One more than the largest token id of its tokenizer.

    Raises:
        FamilyError: Nothing is known of the architecture, nothing in it is indexed by token id, or something is that
            cannot be understood.

    Example:
        >>> config = {"model_type": "gpt2", "architectures": ["GPT2Model"]}
        >>> auto_family(config, {"wte.weight": (50257, 8), "wpe.weight": (1024, 8)}, 50257).tensors
        (VocabTensor(pattern='wte.weight', axis=0, role=<Role.INPUT: 'input'>, optional=False, partial=False),)
    """
    model_type, architecture = str(config.get("model_type")), architecture_of(config)
    facts = shipped_facts(model_type)
    problem = _unknown(model_type, architecture)
    if facts is not None:
        try:
            return _checked(describe(facts, config, shapes, tokens), shapes)
        except FamilyError as error:
            problem = error
    asked = probe(config, architecture) if architecture else None
    if isinstance(asked, str):
        hint = problem.hint or f"transformers was asked: {asked}"
        raise FamilyError(problem.message, hint=hint, **problem.details)
    if asked is None:
        raise problem
    return _checked(describe(asked, config, shapes, tokens), shapes)


def architecture_of(config: Mapping[str, Any]) -> str:
    """The first of `architectures`; empty where there is none."""
    named = config.get("architectures")
    return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""


def describe(facts: Facts, config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], tokens: int) -> ModelFamily:
    """The family of one checkpoint, by facts about its model type.

    Raises:
        FamilyError: Nothing in it is indexed by token id, or something is that cannot be understood.
    """
    architecture = architecture_of(config)
    if architecture in facts.refused:
        raise FamilyError(f"{architecture} cannot be pruned: {facts.refused[architecture]}")
    found = indexed_tensors(facts, config, shapes)
    vocabulary = choose_vocabulary(facts, architecture, found, shapes, tokens)
    _refuse_value_tables(shapes)
    return ModelFamily(
        name=NAME,
        model_types=frozenset({facts.model_type}),
        tensors=tuple(_tensors(vocabulary, found)),
        id_fields=id_fields(facts, config, vocabulary),
        size_fields=size_fields(config, vocabulary),
        size_defaults=size_defaults(facts, config, vocabulary),
        partial_size_fields=vocabulary.partial,
        pinned_fields=pinned_fields(facts, vocabulary),
        not_vocabulary=tuple(_escaped(name) for name in _others(facts, found, vocabulary, shapes)),
    )


def indexed_tensors(facts: Facts, config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Indexed]:
    """The tensors of a checkpoint that some size of its config governs, by name.

    A name is looked up as it is, then by the longest known ending: the prefix depends on the class that saved it.

    Raises:
        FamilyError: An embedding is there in a packed form only.
    """
    known = _known(facts, architecture_of(config))
    ends = _ends(known)
    found: dict[str, Indexed] = {}
    for name, shape in shapes.items():
        exact = known.get(plain(name))
        hits = {exact} if exact is not None else _fitting(_by_end(ends, name), shape, facts, config)
        fitting = [indexed for indexed in hits if indexed.axis < len(shape)]
        if len(fitting) == 1:
            found[name] = fitting[0]
    _refuse_packed(known, found, shapes)
    return found


def _known(facts: Facts, architecture: str) -> dict[str, Indexed]:
    """All names of all classes of the type; those of the class at hand count first."""
    known = dict(facts.tensors.get(architecture, {}))
    for tensors in facts.tensors.values():
        for name, indexed in tensors.items():
            known.setdefault(name, indexed)
    return known


def _ends(known: Mapping[str, Indexed]) -> dict[str, set[Indexed]]:
    """What is known of each ending; of a single component only where that is the whole name."""
    ends: dict[str, set[Indexed]] = {}
    for name, indexed in known.items():
        for parts in range(min(2, name.count(".") + 1), name.count(".") + 2):
            ends.setdefault(tail(name, parts), set()).add(indexed)
    return ends


def _by_end(ends: Mapping[str, set[Indexed]], name: str) -> set[Indexed]:
    lengths = range(name.count(".") + 1, 0, -1)
    return next((hits for parts in lengths if (hits := ends.get(tail(name, parts)))), set())


def _fitting(hits: set[Indexed], shape: Sequence[int], facts: Facts, config: Mapping[str, Any]) -> set[Indexed]:
    return {i for i in hits if i.axis < len(shape) and shape[i.axis] == _size(facts, config, i.field)}


def _size(facts: Facts, config: Mapping[str, Any], path: str) -> object:
    value: Any = config
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return facts.sizes.get(path) if value is None else value


def _tensors(vocabulary: Vocabulary, found: Mapping[str, Indexed]) -> Iterator[VocabTensor]:
    for name, indexed in found.items():
        if indexed.field not in (*vocabulary.fields, *vocabulary.partial):
            continue
        if indexed.role is None:
            raise FamilyError(
                f"tensor {name} is a table of integers with one entry for each token, and they may be token ids",
                hint="Tell the authors of Prunus what its entries mean.",
                tensor=name,
            )
        yield VocabTensor(_escaped(name), indexed.axis, indexed.role, partial=indexed.field in vocabulary.partial)


def _others(
    facts: Facts, found: Mapping[str, Indexed], vocabulary: Vocabulary, shapes: Mapping[str, Sequence[int]]
) -> Iterator[str]:
    """Tensors that may be as long as the vocabulary, and are known to be something else."""
    ours = (*vocabulary.fields, *vocabulary.partial)
    for name, shape in shapes.items():
        if vocabulary.rows not in shape:
            continue
        indexed = found.get(name)
        if (indexed is not None and indexed.field not in ours) or (indexed is None and tail(name) in facts.rest):
            yield name


def _refuse_packed(
    known: Mapping[str, Indexed], found: Mapping[str, Indexed], shapes: Mapping[str, Sequence[int]]
) -> None:
    owners = {name.rpartition(".")[0] for name in known} | {plain(name).rpartition(".")[0] for name in found}
    for name in shapes:
        owner, leaf = _owner(plain(name))
        if owner in owners and _PACKED.fullmatch(leaf):
            raise FamilyError(
                f"tensor {name} shows that {owner} is quantised: its rows are not the rows of the vocabulary",
                hint="Prune the checkpoint before it is quantised, or one whose embeddings are left alone.",
                tensor=name,
            )


def _owner(name: str) -> tuple[str, str]:
    owner, _, leaf = name.partition(".weight.")
    return (owner, f"weight.{leaf}") if leaf else (name.rpartition(".")[0], name.rpartition(".")[2])


def _refuse_value_tables(shapes: Mapping[str, Sequence[int]]) -> None:
    for name in shapes:
        if _VALUES.search(name):
            raise FamilyError(
                f"tensor {name} belongs to a draft head: its entries name token ids",
                hint="Leave the draft head out of the checkpoint, and build it anew for the pruned model.",
                tensor=name,
            )


def _checked(family: ModelFamily, shapes: Mapping[str, Sequence[int]]) -> ModelFamily:
    match_tensors(family, shapes)
    return family


def _escaped(name: str) -> str:
    """The pattern that fits this name only."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _unknown(model_type: str, architecture: str) -> FamilyError:
    shown = f"{architecture} of model type {model_type!r}" if architecture else f"model type {model_type!r}"
    return FamilyError(
        f"no family claims {shown}, and nothing is known of its structure",
        hint="Install a transformers that knows it, with torch, or write a family: docs/plugins.md.",
        model_type=model_type,
    )
