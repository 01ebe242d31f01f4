"""The rules of a selection that go by script, held against one tokenizer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from prunus.scripts import with_characters_of, written_in
from prunus.tokenizer.surfaces import text_of_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.selection import KeepSet
    from prunus.tokenizer.document import TokenizerDocument


class ScriptRules:
    """Which ids the script rules of a selection add and leave.

    Args:
        chosen: The selection.
        document: The tokenizer.
    """

    def __init__(self, chosen: KeepSet, document: TokenizerDocument) -> None:
        self._chosen, self._rules, self._document = chosen, chosen.rules, document

    @cached_property
    def _texts(self) -> Mapping[int, str]:
        return text_of_tokens(self._document)

    def narrowed(self, ids: list[int]) -> list[int]:
        """Those of `ids` that `only_scripts` leaves, in their order; added tokens always.

        Raises:
            UsageError: There is no such script.
        """
        if not self._rules.only_scripts:
            return ids
        allowed = written_in(self._texts, self._rules.only_scripts) | {token.id for token in self._document.added}
        return [identifier for identifier in ids if identifier in allowed]

    def all_of(self) -> set[int]:
        """Every token that is written in `scripts` alone.

        Raises:
            UsageError: There is no such script.
        """
        return written_in(self._texts, self._rules.scripts) if self._rules.scripts else set()

    def quota(self) -> set[int]:
        """The most frequent counted tokens of each script with a quota.

        Raises:
            UsageError: There is no such script.
        """
        found: set[int] = set()
        for script, number in self._rules.quotas:
            matching = with_characters_of(self._texts, script)
            found.update([i for i in self._chosen.ranked.tolist() if i in matching][:number])
        return found
