"""The merges of a BPE model, applied as the `tokenizers` library applies them."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEVER = 2**62


class MergeRules:
    """Ranks and results of merges, and the path they take to a token.

    Args:
        model: The model's section of a `tokenizer.json`.
        file: Name for messages.

    Attributes:
        pairs: The two parts of each merge, in order.
        results: What each merge makes, in order.

    Raises:
        TokenizerError: A merge is malformed or names a token that does not exist.
    """

    def __init__(self, model: Mapping[str, Any], file: str) -> None:
        self.vocab: Mapping[str, int] = model["vocab"]
        self.prefix: str = model.get("continuing_subword_prefix") or ""
        self.suffix: str = model.get("end_of_word_suffix") or ""
        self.byte_fallback: bool = bool(model.get("byte_fallback"))
        self.fuse_unk: bool = bool(model.get("fuse_unk"))
        unk: str = model.get("unk_token") or ""
        self.unk = unk if unk in self.vocab else ""
        self.pairs = _read_pairs(model, file)
        self.results = [self._result(left, right, file) for left, right in self.pairs]
        # A pair that is listed twice has its later rank, as in the library.
        self.ranks = {pair: rank for rank, pair in enumerate(self.pairs)}
        self._makers: dict[str, list[tuple[str, str]]] | None = None

    def path(self, token: str) -> set[str]:
        """The tokens that the merges pass on their way to `token`, without itself; empty if they never reach it."""
        passed: set[str] = set()
        for symbols in self._readings(token):
            seen = set(symbols)
            if self._merge(symbols, seen) == [token]:
                passed |= seen
        if not passed and self._may_hide_symbols(token):
            passed = self._ancestors(token)
        passed.discard(token)
        return passed

    def _result(self, left: str, right: str, file: str) -> str:
        """What a merge makes: the library cuts the length of the prefix, in bytes, from the right part."""
        try:
            result = left + (right.encode()[len(self.prefix.encode()) :].decode() if self.prefix else right)
        except UnicodeDecodeError:
            result = ""
        for part in (left, right, result):
            if part not in self.vocab:
                raise TokenizerError(
                    f"{file}: the merge of {left!r} and {right!r} needs the token {part!r}, which does not exist",
                    hint="The file is inconsistent; tokenizers would not load it.",
                    file=file,
                )
        return result

    def _merge(self, symbols: list[str], seen: set[str]) -> list[str]:
        """Merges the lowest rank first, the leftmost of equals, noting in `seen` what is made."""
        ranks, results = self.ranks, self.results
        waiting = [ranks.get(pair, _NEVER) for pair in pairwise(symbols)]
        while waiting:
            rank = min(waiting)
            if rank == _NEVER:
                break
            place = waiting.index(rank)
            made = results[rank]
            seen.add(made)
            symbols[place : place + 2] = [made]
            del waiting[place]
            if place < len(waiting):
                waiting[place] = ranks.get((made, symbols[place + 1]), _NEVER)
            if place:
                waiting[place - 1] = ranks.get((symbols[place - 1], made), _NEVER)
        return symbols

    def _readings(self, token: str) -> Iterator[list[str]]:
        """First symbols of the words, or parts of words, that could become `token`."""
        inside_too = (False, True) if self.prefix and token.startswith(self.prefix) else (False,)
        at_end_too = (False, True) if self.suffix and token.endswith(self.suffix) else (False,)
        for inside, at_end in product(inside_too, at_end_too):
            surface = token[len(self.prefix) if inside else 0 : len(token) - (len(self.suffix) if at_end else 0)]
            if surface:
                yield self._symbols(surface, inside=inside, at_end=at_end)

    def _symbols(self, surface: str, *, inside: bool, at_end: bool) -> list[str]:
        symbols: list[str] = []
        unknown = False
        for place, character in enumerate(surface):
            symbol = (self.prefix if inside or place else "") + character
            if at_end and place == len(surface) - 1:
                symbol += self.suffix
            if symbol in self.vocab:
                symbols.append(symbol)
                unknown = False
                continue
            pieces = [f"<0x{byte:02X}>" for byte in symbol.encode()] if self.byte_fallback else [""]
            if all(piece in self.vocab for piece in pieces):
                symbols.extend(pieces)
            elif self.unk:
                if not (unknown and self.fuse_unk):
                    symbols.append(self.unk)
                unknown = True
        return symbols

    def _may_hide_symbols(self, token: str) -> bool:
        """Whether `token` may be made of symbols that stand for other characters than it shows: bytes or unknowns."""
        return (self.byte_fallback and "<0x" in token) or bool(self.unk and self.unk in token and self.unk != token)

    def _ancestors(self, token: str) -> set[str]:
        """Every token from which merges could ever make `token`."""
        if self._makers is None:
            self._makers = {}
            for pair, rank in self.ranks.items():
                self._makers.setdefault(self.results[rank], []).append(pair)
        found: set[str] = set()
        waiting = [token]
        while waiting:
            for part in {part for pair in self._makers.get(waiting.pop(), ()) for part in pair} - found:
                found.add(part)
                waiting.append(part)
        return found


def _read_pairs(model: Mapping[str, Any], file: str) -> list[tuple[str, str]]:
    """The merges as pairs, whichever way they are written."""
    merges = model["merges"]
    if all(isinstance(merge, str) for merge in merges):
        merges = [merge.split(" ") for merge in merges if not merge.startswith("#version")]
    for position, merge in enumerate(merges):
        if not (isinstance(merge, list) and len(merge) == 2 and all(isinstance(part, str) for part in merge)):
            raise TokenizerError(f"{file}: merge {position} of the model is {merge!r}, no pair of tokens", file=file)
    return [(left, right) for left, right in merges]
