"""A typed view of `tokenizer.json` that loses nothing of the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from prunus.checkpoint.jsontext import read_bytes
from prunus.errors import TokenizerError
from prunus.tokenizer.added_tokens import AddedToken, read_added
from prunus.tokenizer.components import check_components, check_fields
from prunus.tokenizer.jsonfile import parse, spell
from prunus.tokenizer.kinds import module_of
from prunus.tokenizer.merges import MergeRules
from prunus.tokenizer.resolve import LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["BPE", "WordPiece", "WordLevel", "Unigram"]

_FIELDS = frozenset(
    {
        "version",
        "truncation",
        "padding",
        "added_tokens",
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "model",
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class TokenizerDocument:
    """A `tokenizer.json`, checked and ready to be closed and rewritten.

    Attributes:
        data: The parsed file; decimal numbers keep their spelling.
        kind: `BPE`, `WordPiece`, `WordLevel` or `Unigram`.
        file: Name for messages.

    Example:
        >>> document = TokenizerDocument.load("bert-base-uncased")  # doctest: +SKIP
        >>> document.kind, document.ids["[CLS]"]  # doctest: +SKIP
        ('WordPiece', 101)
    """

    data: Mapping[str, Any]
    kind: Kind
    file: str = "tokenizer.json"

    @classmethod
    def parse(cls, data: bytes, *, file: str = "tokenizer.json") -> TokenizerDocument:
        """The document in `data`.

        Args:
            data: Content of a `tokenizer.json`.
            file: Name for messages.

        Raises:
            TokenizerError: It is damaged, or has a part that could name tokens and is unknown.
        """
        return cls.of(parse(data, file), file=file)

    @classmethod
    def load(cls, path: str | Path) -> TokenizerDocument:
        """The document in a file, or in the `tokenizer.json` of a directory.

        Raises:
            TokenizerError: It cannot be read, or anything that `parse` raises.
        """
        place = Path(path)
        place = place / "tokenizer.json" if place.is_dir() else place
        return cls.parse(read_bytes(place, TokenizerError, LARGEST_FILE), file=str(place))

    @classmethod
    def of(cls, data: dict[str, Any], *, file: str = "tokenizer.json") -> TokenizerDocument:
        """The document that parsed JSON stands for.

        Raises:
            TokenizerError: Anything that `parse` raises.
        """
        model = data.get("model")
        if not isinstance(model, dict):
            raise TokenizerError(f"{file}: has no model", hint="Is it a tokenizer.json?", file=file)
        if data.get("version", "1.0") != "1.0":
            raise TokenizerError(f"{file}: version {data['version']!r} of the format is unknown", file=file)
        kind = _kind(model, file)
        check_fields(data, _FIELDS, "the tokenizer", file)
        check_components(data, file)
        module_of(kind).check(model, file)
        document = cls(data, kind, file)
        if kind == "BPE":
            _ = document.merge_rules  # reading them is what checks them
        document._refuse_shared_ids()
        return document

    def __repr__(self) -> str:
        return f"TokenizerDocument({self.kind}, {len(self.tokens)} tokens, {self.file})"

    @property
    def model(self) -> Mapping[str, Any]:
        """The model's section."""
        model: Mapping[str, Any] = self.data["model"]
        return model

    @cached_property
    def model_tokens(self) -> Mapping[int, str]:
        """Token by id, of the model alone."""
        return module_of(self.kind).tokens(self.model, self.file)

    @cached_property
    def model_ids(self) -> Mapping[str, int]:
        """Id by token, of the model alone; of a piece that occurs twice, the last, which is the one it emits."""
        return {token: identifier for identifier, token in self.model_tokens.items()}

    @cached_property
    def merge_rules(self) -> MergeRules:
        """The merges of a BPE model.

        Raises:
            TokenizerError: One is malformed or names a token that does not exist.
        """
        return MergeRules(self.model, self.file)

    @cached_property
    def added(self) -> tuple[AddedToken, ...]:
        """The added tokens, with the ids that they get on loading."""
        return read_added(self.data, self.model_ids, len(self.model_tokens), self.file)

    @cached_property
    def tokens(self) -> Mapping[int, str]:
        """Token by id, ascending, added tokens included."""
        tokens = dict(self.model_tokens)
        tokens.update((token.id, token.content) for token in self.added)
        return dict(sorted(tokens.items()))

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Id by token, added tokens included."""
        return {**self.model_ids, **{token.content: token.id for token in self.added}}

    @cached_property
    def fingerprint(self) -> str:
        """What the scanner calls this tokenizer: equal for files that tokenise alike whatever their truncation."""
        from prunus._engine import fingerprint

        return str(fingerprint(self.to_bytes()))

    def to_bytes(self) -> bytes:
        """The file, scores spelled as they were read."""
        return spell(self.data)

    def _refuse_shared_ids(self) -> None:
        """An id that a token of the model and another added one share would be ambiguous."""
        for token in self.added:
            other = self.model_tokens.get(token.id, token.content)
            if other != token.content:
                raise TokenizerError(
                    f"{self.file}: {other!r} and the added token {token.content!r} both get id {token.id}",
                    hint="The vocabulary has holes, and added tokens are numbered from its size. Number it without.",
                    file=self.file,
                    id=token.id,
                )


def _kind(model: Mapping[str, Any], file: str) -> Kind:
    named = model.get("type")
    if isinstance(named, str) and named in {"BPE", "WordPiece", "WordLevel", "Unigram"}:
        return cast("Kind", named)
    if "type" in model:
        raise TokenizerError(f"{file}: model of unknown type {named!r}", file=file)
    # Files of before 2020 do not say; the library then tries the models in this order.
    if isinstance(model.get("vocab"), dict) and model.get("merges") is not None:
        return "BPE"
    if {"vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"} <= model.keys():
        return "WordPiece"
    if {"vocab", "unk_token"} <= model.keys():
        return "WordLevel"
    if "vocab" in model:
        return "Unigram"
    raise TokenizerError(f"{file}: cannot tell the model's type: it has no vocabulary", file=file)
