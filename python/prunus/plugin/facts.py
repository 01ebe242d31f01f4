"""What is known of architectures without asking transformers: facts shipped as data, or probed once and remembered."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from prunus.plugin.family import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DATA = "architectures.json"
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True)
class Indexed:
    """A tensor whose length along `axis` is the value of a size field, plus `offset`.

    Attributes:
        field: Dotted path of the size field in `config.json`.
        axis: The axis.
        role: What it does; None for an integer table whose entries may be token ids themselves.
        offset: Rows beyond the size.
    """

    field: str
    axis: int
    role: Role | None
    offset: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known of the classes of one model type.

    Attributes:
        model_type: The model type.
        tensors: Vocabulary-indexed tensors by class and by name; layer numbers are written `*`.
        refused: Why nothing can be said of a class, by class.
        rest: Ends of the names of all other tensors, see `tail`.
        ids: Token ids that the config class assumes, by path.
        sizes: Sizes that it assumes, by path.
        pinned: Id fields from which positions are counted.
        source: Where this is known from.
    """

    model_type: str
    tensors: Mapping[str, Mapping[str, Indexed]]
    refused: Mapping[str, str]
    rest: frozenset[str]
    ids: Mapping[str, int]
    sizes: Mapping[str, int]
    pinned: tuple[str, ...]
    source: str


def plain(name: str) -> str:
    """A tensor's name with layer numbers written `*`.

    Example:
        >>> plain("model.layers.11.mlp.gate.tid2eid")
        'model.layers.*.mlp.gate.tid2eid'
    """
    return _NUMBER.sub("*", name)


def tail(name: str, parts: int = 3) -> str:
    """The last components of a tensor's name, which stay the same under any prefix.

    Example:
        >>> tail("bert.encoder.layer.0.attention.self.query.weight")
        'self.query.weight'
    """
    return ".".join(plain(name).split(".")[-parts:])


def shipped_facts(model_type: str) -> Facts | None:
    """The facts of a model type that came with Prunus; None if there are none."""
    data = _data()
    entry = data["types"].get(model_type)
    if entry is None:
        return None
    tails = data["tails"]
    source = f"transformers {data['transformers']}"
    return _facts(model_type, entry, (tails[index] for index in entry["rest"]), source)


def probed_facts(model_type: str, architecture: str, answer: Mapping[str, Any]) -> Facts:
    """The facts in the answer of a probe of one class."""
    found = answer.get("tensors", {})
    entry = {name: answer.get(name, {}) for name in ("ids", "sizes", "pinned")}
    classes = {architecture: {field: packed(tensors) for field, tensors in found.items()}}
    refused = {architecture: answer["refused"]} if "refused" in answer else {}
    entry |= {"classes": {} if refused else classes, "refused": refused}
    rest = (tail(name) for name in answer.get("rest", ()))
    return _facts(model_type, entry, rest, f"transformers {answer.get('transformers')}, asked now")


def packed(tensors: Mapping[str, Iterable[Any]]) -> list[list[Any]]:
    """The tensors of one field as rows `[name, axis, role, offset]`, one for each name without layer numbers."""
    return [[name, *values] for name, values in sorted({plain(n): tuple(v) for n, v in tensors.items()}.items())]


def _facts(model_type: str, entry: Mapping[str, Any], rest: Iterable[str], source: str) -> Facts:
    return Facts(
        model_type=model_type,
        tensors={
            name: {
                tensor: Indexed(field, axis, None if role == "ids" else Role(role), offset)
                for field, rows in fields.items()
                for tensor, axis, role, offset in rows
            }
            for name, fields in entry["classes"].items()
        },
        refused=entry.get("refused", {}),
        rest=frozenset(rest),
        ids=entry["ids"],
        sizes=entry["sizes"],
        pinned=tuple(entry["pinned"]),
        source=source,
    )


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("prunus.plugin") / "data" / DATA).read_bytes())
    return found


def known_types() -> list[str]:
    """The model types of which facts are shipped."""
    return sorted(_data()["types"])
