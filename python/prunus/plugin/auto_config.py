"""Which fields of a config belong to the vocabulary that is pruned, and what the config classes assume for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.plugin.facts import shipped_facts
from prunus.plugin.family import IdField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunus.plugin.auto_vocabulary import Vocabulary
    from prunus.plugin.facts import Facts


def size_fields(config: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The fields that govern tensors, and every copy of the same number that governs none."""
    copies = [
        path
        for path, value in _numbers(config, ())
        if value == vocabulary.rows and _is_size(path) and path not in vocabulary.others
    ]
    return tuple(dict.fromkeys((*vocabulary.fields, *copies)))


def size_defaults(facts: Facts, config: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[tuple[str, int], ...]:
    """What the config classes assume where a governing field is not named."""
    found = []
    for path in (*vocabulary.fields, *vocabulary.partial):
        above, _, name = path.rpartition(".")
        default = _own(facts, config, above).sizes.get(name) if above else None
        default = facts.sizes.get(path) if default is None else default
        if default:
            found.append((path, default))
    return tuple(found)


def id_fields(facts: Facts, config: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[IdField, ...]:
    """Ids that the config classes assume where a field is not named: at the root, and beside a governing size."""
    holders = {path.rpartition(".")[0] for path in vocabulary.fields}
    found: dict[str, int] = {path: value for path, value in facts.ids.items() if "." not in path}
    for above in sorted(holders - {""}):
        own = _own(facts, config, above)
        inner = {path: value for path, value in own.ids.items() if "." not in path}
        if own is facts:
            inner = {
                path.removeprefix(f"{above}."): value
                for path, value in facts.ids.items()
                if path.rpartition(".")[0] == above
            }
        found |= {f"{above}.{path}": value for path, value in inner.items()}
    return tuple(IdField(path, value) for path, value in sorted(found.items()))


def pinned_fields(facts: Facts, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The fields whose token may not move, wherever a governing size is."""
    holders = {"", *(path.rpartition(".")[0] for path in vocabulary.fields)}
    return tuple(f"{above}.{name}" if above else name for above in sorted(holders) for name in facts.pinned)


def _own(facts: Facts, config: Mapping[str, Any], above: str) -> Facts:
    """Facts about the type of a sub-config, which may be another than its class assumes; the parent's if unknown."""
    holder: Any = config
    for part in above.split("."):
        holder = holder.get(part) if isinstance(holder, dict) else None
    kind = holder.get("model_type") if isinstance(holder, dict) else None
    return (shipped_facts(kind) if isinstance(kind, str) else None) or facts


def _numbers(holder: Mapping[str, Any], above: tuple[str, ...], depth: int = 16) -> Iterator[tuple[str, int]]:
    for name, value in holder.items():
        if isinstance(value, dict) and depth:
            yield from _numbers(value, (*above, name), depth - 1)
        elif type(value) is int:
            yield ".".join((*above, name.replace("\\", "\\\\").replace(".", "\\."))), value


def _is_size(path: str) -> bool:
    name = path.rpartition(".")[2]
    return name.endswith("vocab_size") and name != "type_vocab_size"
