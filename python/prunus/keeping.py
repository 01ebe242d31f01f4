"""From a selection to the tokens that stay: names resolved, needs added, closed under what the tokenizer needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import CheckpointError, SelectionError, UsageError
from prunus.kept import KeptTokens
from prunus.naming import resolve_names
from prunus.sizing import reasons_up_to
from prunus.tokenizer.closure import close
from prunus.tokenizer.hfconfig import sentinels_before
from prunus.tokenizer.required import Reason, required
from prunus.writtenin import ScriptRules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prunus.rules import TokenRules
    from prunus.selection import KeepSet
    from prunus.tokenizer.document import TokenizerDocument


@dataclass(frozen=True)
class ModelNeeds:
    """What the model, as opposed to its tokenizer, asks of the kept set.

    Attributes:
        ids: Ids that configs or plugins name, with the reason; they cannot be dropped.
        pinned: Ids that may not move, with the config field that says so; every token below one stays.
        texts: Texts whose tokens stay unless dropped by name: the words of the chat template.
        rows: Rows of the vocabulary tensors.
        prompts: Texts whose tokens stay in the same way: what is put before inputs, and so stands in no corpus.
    """

    ids: Mapping[int, Reason]
    pinned: Mapping[int, str]
    texts: tuple[str, ...]
    rows: int
    prompts: tuple[str, ...] = ()


def keep_tokens_of(
    document: TokenizerDocument, tokenizer_json: bytes, chosen: KeepSet, needs: ModelNeeds
) -> KeptTokens:
    """The tokens that stay, each with its reason.

    Raises:
        CheckpointError: The tokenizer has ids beyond the model's rows.
        SelectionError: A named token does not exist, or one that something needs is dropped by name.
    """
    _refuse_beyond(document, needs)
    return _Keeper(document, tokenizer_json, chosen, needs).kept()


def _refuse_beyond(document: TokenizerDocument, needs: ModelNeeds) -> None:
    largest = max(document.tokens, default=-1)
    if largest >= needs.rows:
        raise CheckpointError(
            f"the tokenizer has token {document.tokens[largest]!r} with id {largest}, the model only {needs.rows} rows",
            hint="The source is inconsistent: resize the model's embeddings or take the tokenizer it was trained with.",
        )


def chosen_tokens_of(
    document: TokenizerDocument, tokenizer_json: bytes, chosen: KeepSet, needs: ModelNeeds, multiple_of: int = 1
) -> KeptTokens:
    """The tokens that a model may produce or read where the tokenizer stays whole: no closure, no alphabet.

    Args:
        document: The tokenizer.
        tokenizer_json: Its text.
        chosen: The selection.
        needs: What the configs name; it stays.
        multiple_of: Filled up to a multiple of this, by the next tokens in order of their count.

    Raises:
        CheckpointError: The tokenizer has ids beyond the model's rows.
        SelectionError: A named token does not exist, or one that something needs is dropped by name.
        UsageError: The selection has rules that are about the tokenizer.
    """
    _refuse_beyond(document, needs)
    return _Keeper(document, tokenizer_json, chosen, needs).only_chosen(multiple_of)


class _Keeper:
    """Gathers reasons in the order in which they count: the first reason of a token is the one shown."""

    def __init__(self, document: TokenizerDocument, tokenizer_json: bytes, chosen: KeepSet, needs: ModelNeeds) -> None:
        self.document, self.tokenizer_json, self.chosen, self.needs = document, tokenizer_json, chosen, needs
        self.reasons: dict[int, Reason] = {}

    @cached_property
    def engine(self) -> object:
        from prunus._engine import Engine

        return Engine(self.tokenizer_json, add_special_tokens=False, path="row")

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.engine.encode(text)  # type: ignore[attr-defined]
        return ids

    def kept(self) -> KeptTokens:
        dropped = self._add_chosen()
        self._add_needed(dropped)
        self._pin(dropped)
        self._close(dropped)
        if self.rules.size is not None:
            seen = self._by_script.narrowed(self.chosen.ranked_choice.tolist())
            self.reasons = reasons_up_to(self.document, self.reasons, seen, dropped, self.rules.size)
        return self._table()

    @cached_property
    def _by_script(self) -> ScriptRules:
        return ScriptRules(self.chosen, self.document)

    def _add_chosen(self) -> set[int]:
        """Everything that was chosen; gives what was dropped by name."""
        tokens, ids = self.document.tokens, self.document.ids
        exactly, meant = resolve_names(self.chosen.keep, tokens, ids, self.encode)
        off_exactly, off_meant = resolve_names(self.chosen.drop, tokens, ids, self.encode)
        dropped = off_exactly | (off_meant - exactly)
        self._refuse_needed(dropped)
        self._add(exactly | meant, "asked", dropped)
        by_script = self._by_script
        seen = by_script.narrowed(self.chosen.ranked_choice.tolist())
        if self.rules.size is None:
            self._add(seen, "seen", dropped)
        self._add(by_script.quota(), "quota", dropped)
        self._add(by_script.all_of(), "script", dropped)
        self._add({i for text in self.needs.texts for i in self.encode(text)}, "chat-template", dropped)
        self._add({i for text in self.needs.prompts for i in self.encode(text)}, "prompt", dropped)
        return dropped

    def only_chosen(self, multiple_of: int) -> KeptTokens:
        if self.rules.size is not None or self.rules.unseen or self.rules.drop_unused_added:
            raise UsageError(
                "--size, --unseen and --drop-unused-added are about the tokenizer, which stays whole here",
                hint="Choose by --top-k, --coverage or --min-count, and --multiple-of.",
            )
        dropped = self._add_chosen()
        self._add_model_ids(dropped)
        self._pin(dropped)
        ranked = [*self.chosen.ranked.tolist(), *sorted(self.document.tokens)]
        missing = -len(self.reasons) % multiple_of
        left = [i for i in dict.fromkeys(ranked) if i not in self.reasons and i not in dropped]
        self._add(left[:missing], "filled", dropped)
        return self._table()

    @property
    def rules(self) -> TokenRules:
        return self.chosen.rules

    def _add_needed(self, dropped: set[int]) -> None:
        rules = self.rules
        self._add_model_ids(dropped)
        general = required(self.document, rules.unseen, drop_unused_added=rules.drop_unused_added)
        self._add_reasons(general, dropped)
        if rules.drop_unused_added:
            # T5 makes its sentinels from their number, so those before a kept one stay.
            self._add(sentinels_before(self.document, self.reasons), "sentinel", dropped)

    def _add_model_ids(self, dropped: set[int]) -> None:
        self._add_reasons(self.needs.ids, dropped)

    def _add_reasons(self, reasons: Mapping[int, Reason], dropped: set[int]) -> None:
        for identifier, reason in reasons.items():
            if identifier not in dropped:
                self.reasons.setdefault(identifier, reason)

    def _add(self, ids: Iterable[int], why: str, dropped: set[int]) -> None:
        for identifier in ids:
            if identifier not in dropped:
                self.reasons.setdefault(identifier, Reason(why))

    def _refuse_needed(self, dropped: set[int]) -> None:
        for identifier in sorted(dropped & self.needs.ids.keys()):
            raise SelectionError(
                f"token {self.document.tokens[identifier]!r} (id {identifier}) cannot be dropped: "
                f"{self.needs.ids[identifier].why} names it",
                hint="Change the config first, or keep the token.",
            )

    def _pin(self, dropped: set[int]) -> None:
        for pinned, field in self.needs.pinned.items():
            for identifier in (i for i in self.document.tokens if i < pinned):
                if identifier in dropped:
                    raise SelectionError(
                        f"token {self.document.tokens[identifier]!r} (id {identifier}) cannot be dropped: the id of "
                        f"{field} ({pinned}) may not move, because positions are counted from it",
                    )
                self.reasons.setdefault(identifier, Reason("pinned", pinned))

    def _close(self, dropped: set[int]) -> None:
        for identifier, reason in close(self.document, self.reasons.keys()).items():
            if identifier in dropped:
                needing = self.document.tokens.get(reason.because_of if reason.because_of is not None else -1)
                raise SelectionError(
                    f"token {self.document.tokens[identifier]!r} (id {identifier}) cannot be dropped: "
                    f"{needing!r}, which stays, is merged from it",
                    hint="Drop that token too.",
                )
            self.reasons.setdefault(identifier, reason)

    def _table(self) -> KeptTokens:
        tokens = self.document.tokens
        old_ids = np.array(sorted(self.reasons), dtype=np.uint32)
        amounts = np.zeros(self.needs.rows, dtype=np.uint64)
        if self.chosen.counts is not None:
            amounts[self.chosen.counts.ids] = self.chosen.counts.counts
        reasons = [self.reasons[i] for i in old_ids.tolist()]
        return KeptTokens(
            old_ids=old_ids,
            counts=amounts[old_ids],
            tokens=tuple(tokens[i] for i in old_ids.tolist()),
            why=tuple(reason.why for reason in reasons),
            because_of=tuple("" if r.because_of is None else tokens[r.because_of] for r in reasons),
        )
