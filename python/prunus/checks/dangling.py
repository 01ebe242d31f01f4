"""Does every id that a directory's files name exist: a token of its tokenizer, and a row of its tensors?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.schema import CONFIG_FILES, shape_of
from prunus.checks.outcome import Looking
from prunus.checks.vocabulary import tokens_by_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prunus.plugin.family import Check

INPUTS = ("embed_tokens", "word_embeddings", "wte", "shared", "tok_embeddings", "embed_in", "word_embedding")


def check_dangling(source: Path, directory: Path) -> Check:
    """Ids in configs, in the tokenizer's files, and of the tokenizer itself; those that dangled in the source aside."""
    looking = Looking("dangling")
    tokens = tokens_by_id((directory / "tokenizer.json").read_bytes())
    rows = _rows(directory)
    if rows is not None:
        beyond = [f"{token!r} ({i})" for i, token in sorted(tokens.items()) if i >= rows]
        said = f"tokenizer.json: {len(beyond)} tokens lie beyond the {rows:,} rows, first {', '.join(beyond[:3])}"
        looking.expect(not beyond, said)
    before = {(name, field) for name, field, _ in _missing(source)}
    for name, field, identifier in _missing(directory):
        if (name, field) not in before:
            looking.found(f"{name}: {field} is {identifier}, which names no token")
    looking.looked += len(tokens)
    return looking.done(f"{len(tokens):,} tokens, {'no' if rows is None else f'{rows:,}'} rows")


def _missing(directory: Path) -> Iterator[tuple[str, str, int]]:
    """File, field and id of every id that no token of the directory has."""
    tokens = tokens_by_id((directory / "tokenizer.json").read_bytes())
    for name in (*CONFIG_FILES, "tokenizer_config.json", "added_tokens.json"):
        path = directory / name
        for field, identifier in _ids(json.loads(path.read_bytes()), name) if path.is_file() else ():
            if identifier not in tokens:
                yield name, field, identifier


def _rows(directory: Path) -> int | None:
    """Rows of the input embedding: of the tensors with a usual name the one with the most."""
    tensors = Checkpoint.open(directory).tensors
    found = [t.shape[0] for name, t in tensors.items() if any(part in name for part in INPUTS) and len(t.shape) == 2]
    return max(found, default=None)


def _ids(value: Any, file: str, path: str = "") -> Iterator[tuple[str, int]]:
    if file == "added_tokens.json" and isinstance(value, dict):
        yield from ((token, i) for token, i in value.items() if type(i) is int)
    elif isinstance(value, dict):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else name
            if name == "added_tokens_decoder" and isinstance(inner, dict):
                yield from ((here, int(key)) for key in inner if key.isdecimal())
            elif shape_of(name) is not None:
                yield from ((here, i) for i in _flat(inner))
            else:
                yield from _ids(inner, file, here)


def _flat(value: Any) -> Iterator[int]:
    if type(value) is int and value >= 0:
        yield value
    elif isinstance(value, list) and all(type(item) is int or item is None for item in value):
        yield from (item for item in value if item is not None and item >= 0)
