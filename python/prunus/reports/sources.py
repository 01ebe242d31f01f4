"""What a report can be made of: counts files, and directories that `prunus prune` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.counts import TokenCounts
from prunus.errors import TokenizerError, UsageError
from prunus.planned import PrunePlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunus.tokenizer.document import TokenizerDocument

FOLDER = "prunus"


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned directory as its own files describe it.

    Attributes:
        name: Name in the report.
        plan: The plan as carried out.
        checks: Every check of its verification: `name`, `status`, `looked`, `detail`, `findings`.
        document: The unpruned tokenizer, or None where the source directory is gone.
        counts: Counts of the same tokenizer that were given beside it, or None.
    """

    name: str
    plan: PrunePlan
    checks: tuple[dict[str, Any], ...]
    document: TokenizerDocument | None
    counts: TokenCounts | None


@dataclass(frozen=True, eq=False)
class Curve:
    """How much of the counted text the most frequent tokens cover.

    Attributes:
        name: Name in the report.
        amounts: Occurrences of each token, descending.
        covered: Occurrences of the first, the first two, ... tokens.
        total: All counted occurrences, of dropped tokens too.
        chosen: Number of tokens that were kept and the share that they cover; None where nothing was chosen.
    """

    name: str
    amounts: tuple[int, ...]
    covered: tuple[int, ...]
    total: int
    chosen: tuple[int, float] | None = None

    @classmethod
    def of(cls, name: str, amounts: Sequence[int], total: int, chosen: tuple[int, float] | None = None) -> Curve:
        """The curve of occurrences in any order; zeros are left out."""
        ordered = tuple(sorted((amount for amount in amounts if amount), reverse=True))
        return cls(name, ordered, tuple(accumulate(ordered)), total, chosen)

    def share(self, tokens: int) -> float:
        """Share of all occurrences that the `tokens` most frequent tokens cover."""
        covered = self.covered[min(tokens, len(self.covered)) - 1] if tokens and self.covered else 0
        return covered / self.total if self.total else 1.0

    def tokens_for(self, share: float) -> int | None:
        """How many tokens cover the share; None if these do not."""
        numerator, denominator = share.as_integer_ratio()
        goal = self.total * numerator
        return next((n for n, covered in enumerate(self.covered, 1) if covered * denominator >= goal), None)


def load_sources(paths: Sequence[str | Path]) -> tuple[dict[str, TokenCounts], tuple[Pruned, ...]]:
    """The counts by name, and the pruned directories; each of these with the counts of its tokenizer, if given.

    Raises:
        UsageError: Nothing was named, a path is named twice, or is neither.
        CorpusError: A counts file is damaged.
    """
    if not paths:
        raise UsageError("nothing to report on", hint="Name counts files or directories that `prunus prune` wrote.")
    names = _names([Path(path) for path in paths])
    counts = {name: TokenCounts.load(path) for path, name in names.items() if not path.is_dir()}
    given = tuple(counts.values())
    return counts, tuple(_pruned(path, name, given) for path, name in names.items() if path.is_dir())


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """The shortest endings of the paths that tell them apart."""
    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), None)
    if twice is not None:
        raise UsageError(f"{twice}: named twice", hint="Name each source once.")
    depth = 1
    while len({path.absolute().parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return {path: "/".join(path.absolute().parts[-depth:]) for path in paths}


def _pruned(path: Path, name: str, counts: Sequence[TokenCounts]) -> Pruned:
    folder = path / FOLDER
    if not (folder / "plan.json").is_file():
        hint = "Name a counts file, or a directory that `prunus prune` wrote."
        raise UsageError(f"{path}: holds no {FOLDER}/plan.json, so it is no pruned directory", hint=hint)
    plan = PrunePlan.load(folder / "plan.json")
    same = next((c for c in counts if c.info.fingerprint == plan.fingerprint), None)
    return Pruned(name, plan, _checks(folder / "report.json"), _document(plan), same)


def _checks(path: Path) -> tuple[dict[str, Any], ...]:
    try:
        return tuple(json.loads(path.read_bytes())["verification"]["checks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read as the report of a prune: {error}", hint="Prune again.") from error


def _document(plan: PrunePlan) -> TokenizerDocument | None:
    """The unpruned tokenizer, if the source is still there and still the same."""
    from prunus.tokenizer.document import TokenizerDocument

    try:
        document = TokenizerDocument.load(plan.model_dir)
    except TokenizerError:
        return None
    return document if document.fingerprint == plan.fingerprint else None
