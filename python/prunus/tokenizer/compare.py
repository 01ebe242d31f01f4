"""Are two tokenizer pipelines the same? First by their canonical text, then by what they do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunus.errors import TokenizerError
from prunus.tokenizer.auto_worker import backend_json, encoded
from prunus.tokenizer.probes import edge_probes, ordinary_probes

SECTIONS = ("normalizer", "pre_tokenizer", "model", "added_tokens", "post_processor", "decoder")
COUNTED = SECTIONS[:-1]  # the decoder never changes an id


@dataclass(frozen=True)
class Probe:
    """A text that two pipelines tokenise differently."""

    text: str
    file: tuple[str, ...]
    other: tuple[str, ...]


def _probe(values: dict[str, Any] | None) -> Probe | None:
    return None if values is None else Probe(values["text"], tuple(values["file"]), tuple(values["other"]))


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing the pipeline of `tokenizer.json` with what transformers makes of its directory.

    Attributes:
        file_error: Why the library cannot read the file; all else is empty then.
        slow: Whether the class is a slow one, which has no pipeline to compare; behaviour alone decides then.
        sections: Sections whose canonical text differs, with both texts shortened.
        vocabulary: Tokens with another id, or known to one side only, some of them; any is a difference.
        ordinary: The first ordinary text on which they differ; any is a difference.
        edge: The first text at the edges (white space at the ends, literal markers, text beside a written-out special
            token) on which they differ.
        probes: How many texts were tokenised; 0 where the canonical texts are equal.
    """

    file_error: str = ""
    slow: bool = False
    sections: tuple[tuple[str, str, str], ...] = ()
    vocabulary: tuple[str, ...] = ()
    ordinary: Probe | None = None
    edge: Probe | None = None
    probes: int = 0

    @property
    def differs(self) -> bool:
        """Whether they differ on ordinary text, in their vocabulary, or in how they treat added tokens."""
        added = any(name == "added_tokens" for name, _, _ in self.sections)
        return bool(self.vocabulary or self.ordinary or (added and self.edge))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Comparison:
        """From the plain values that `compare_with_file` gives."""
        probes = {name: _probe(values.get(name)) for name in ("ordinary", "edge")}
        lists = {
            "sections": tuple(map(tuple, values.get("sections", ()))),
            "vocabulary": tuple(values.get("vocabulary", ())),
        }
        return cls(**(values | lists | probes))


def read_pipeline(data: bytes, file: str) -> Any:
    """A live `tokenizers.Tokenizer` of the content of a `tokenizer.json`, truncation and padding off.

    Raises:
        TokenizerError: The library cannot read it.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(data)
    except Exception as error:  # the wheel raises plain Exception
        raise TokenizerError(f"{file}: the tokenizers library cannot read it: {error}", file=file) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def compare_with_file(directory: str, other: Any) -> dict[str, Any]:
    """Compares `tokenizer.json` with the tokenizer that transformers made of its directory, and gives plain values.

    A fast one is asked for its pipeline first. If that differs, and for a slow one always, behaviour decides: ids as a
    caller gets them, with and without special tokens.
    """
    try:
        path = Path(directory) / "tokenizer.json"
        file = read_pipeline(path.read_bytes(), str(path))
    except TokenizerError as error:
        return {"file_error": error.message}
    mine, theirs = str(file.to_str()), backend_json(other)
    if mine == theirs:
        return {}
    read = json.loads(mine)
    sections = [] if theirs is None else _sections(read, json.loads(theirs))
    if theirs is not None and not any(name in COUNTED for name, _, _ in sections):
        return {"slow": False, "sections": sections}
    return {"slow": theirs is None, "sections": sections, **_behaviour(file, other, read["added_tokens"])}


def _sections(mine: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, str, str]]:
    differing = (name for name in SECTIONS if mine.get(name) != theirs.get(name))
    return [(name, *_aside(mine.get(name), theirs.get(name))) for name in differing]


def _behaviour(file: Any, other: Any, added: list[dict[str, Any]]) -> dict[str, Any]:
    ours, its = file.get_vocab(with_added_tokens=True), other.get_vocab()
    strangers = sorted(token for token in ours.keys() | its.keys() if ours.get(token) != its.get(token))
    tokens = {i: token for token, i in ours.items()}
    plain, edges = ordinary_probes(tokens), edge_probes(tokens, [record["content"] for record in added])
    found: dict[str, Any] = {"probes": len(plain) + len(edges)}
    found["vocabulary"] = [f"{t!r}: file {ours.get(t)}, transformers {its.get(t)}" for t in strangers[:4]]
    return found | {"ordinary": _first_difference(file, other, plain), "edge": _first_difference(file, other, edges)}


def _first_difference(file: Any, other: Any, texts: list[str]) -> dict[str, Any] | None:
    for special in (True, False):
        theirs = encoded(other, texts, special_tokens=special)
        for text, mine, ids in zip(texts, file.encode_batch(texts, add_special_tokens=special), theirs, strict=True):
            if mine.ids != ids:
                return {"text": text, "file": mine.tokens, "other": list(map(str, other.convert_ids_to_tokens(ids)))}
    return None


def _aside(mine: Any, theirs: Any, most: int = 400) -> tuple[str, str]:
    """Both values as short JSON; of two objects only the keys that differ."""
    if isinstance(mine, dict) and isinstance(theirs, dict) and mine.get("type") == theirs.get("type"):
        keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
        mine, theirs = ({key: side.get(key) for key in keys} for side in (mine, theirs))
    elif isinstance(mine, list) and isinstance(theirs, list):
        mine, theirs = [x for x in mine if x not in theirs], [x for x in theirs if x not in mine]
    return _short(mine, most), _short(theirs, most)


def _short(value: Any, most: int) -> str:
    if isinstance(value, dict):
        value = {key: inner if len(str(inner)) < most else f"({len(inner):,} entries)" for key, inner in value.items()}
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"
