"""Rules of a selection that need the tokenizer: scripts, exact size, quality of the fallback, unused added tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from prunus.given import at_least_one, several

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class TokenRules:
    """What a selection asks beyond counts and names; carried out when the plan is made.

    Attributes:
        unseen: What becomes of text that was not counted: `bytes`, `characters` or `unk`; None is the safest possible.
        drop_unused_added: Whether added tokens go that were not counted and that nothing names.
        scripts: Scripts or languages; tokens written in them alone are kept, counted or not.
        only_scripts: Scripts or languages; counted tokens with a character of another are not kept.
        quotas: Scripts, each with the number of its most frequent counted tokens that stay whatever the limits say.
        size: Number of tokens of the pruned tokenizer, everything included.
    """

    unseen: str | None = None
    drop_unused_added: bool = False
    scripts: tuple[str, ...] = ()
    only_scripts: tuple[str, ...] = ()
    quotas: tuple[tuple[str, int], ...] = ()
    size: int | None = None

    @classmethod
    def of(cls, quotas: Mapping[str, int], scripts: Iterable[str], only: Iterable[str], **rest: Any) -> TokenRules:
        """Rules of plain values.

        Raises:
            UsageError: A number is below 1, or no whole number.
        """
        rules = cls(scripts=several(scripts), only_scripts=several(only), quotas=tuple(quotas.items()), **rest)
        for name, number in (*rules.quotas, ("size", rules.size)):
            if number is not None:
                at_least_one(name, number)
        return rules

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TokenRules:
        """The inverse of `to_dict`."""
        known = {field.name for field in fields(cls)}
        read = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in known}
        return cls(**read | {"quotas": tuple((script, number) for script, number in read.get("quotas", ()))})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @property
    def narrows(self) -> bool:
        """Whether counted tokens may go because of these rules."""
        return bool(self.only_scripts) or self.size is not None

    def said(self) -> list[str]:
        """The rules in words, for the report."""
        said = [f"all of {', '.join(self.scripts)}"] if self.scripts else []
        said += [f"only {', '.join(self.only_scripts)}"] if self.only_scripts else []
        said += [f"at least {number:,} of {script}" for script, number in self.quotas]
        said += [f"{self.size:,} tokens in all"] if self.size is not None else []
        return said + (["without unused added tokens"] if self.drop_unused_added else [])
