"""The four kinds of model, each a module with the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from prunus.tokenizer import bpe, unigram, wordlevel, wordpiece

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument
    from prunus.tokenizer.reasons import Reason


class KindModule(Protocol):
    """What a module about one kind of model offers."""

    def check(self, model: Mapping[str, Any], file: str) -> None:
        """Refuses a model that the library would not load, or that Prunus does not understand."""

    def tokens(self, model: Mapping[str, Any], file: str) -> dict[int, str]:
        """Token by id."""

    def unk(self, document: TokenizerDocument) -> int | None:
        """The id of the unknown token, if the model has one."""

    def required(self, document: TokenizerDocument) -> Iterable[tuple[int, Reason]]:
        """Ids without which kept ones would be found otherwise, whatever is kept."""

    def close(self, document: TokenizerDocument, kept: Collection[int]) -> dict[int, Reason]:
        """Ids beyond `kept` without which kept tokens would not be reached."""

    def refuse(self, document: TokenizerDocument, remap: IdRemap) -> None:
        """Refuses a kept set that would change how kept tokens are found."""

    def rewrite(self, document: TokenizerDocument, remap: IdRemap) -> dict[str, Any]:
        """The model's section with the kept tokens only, renumbered."""


_MODULES = {"BPE": bpe, "WordPiece": wordpiece, "WordLevel": wordlevel, "Unigram": unigram}


def module_of(kind: str) -> KindModule:
    """The module about models of a kind."""
    return cast("KindModule", _MODULES[kind])
