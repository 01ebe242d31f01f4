"""The verb behind `prunus report`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunus.reports.figures import SHARES, by_script, curve_of_counts, dropped_by_reason, kept_by_reason, memory
from prunus.reports.page import page
from prunus.reports.sources import Pruned, load_sources
from prunus.reports.terminal import counts_text, pruned_text
from prunus.wholefile import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunus.counts import TokenCounts


@dataclass(frozen=True, eq=False)
class Report:
    """Counts and pruned directories, ready to be shown. Made by `report`.

    Attributes:
        counts: The counts by their name in the report.
        pruned: The pruned directories.
    """

    counts: Mapping[str, TokenCounts]
    pruned: tuple[Pruned, ...]

    def __str__(self) -> str:
        parts = [counts_text(self.counts)] if self.counts else []
        return "\n\n\n".join(parts + [pruned_text(one) for one in self.pruned])

    def html(self) -> str:
        """One self-contained page: no script, nothing from the network, light and dark."""
        return page(self.counts, self.pruned)

    def save(self, path: str | Path) -> None:
        """Writes the page.

        Raises:
            OutputError: The file cannot be written; whatever was there before is untouched.
        """
        write_whole(path, self.html())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "counts": {name: _counts(name, counts) for name, counts in self.counts.items()},
            "pruned": {one.name: _pruned(one) for one in self.pruned},
        }


def report(*sources: str | Path) -> Report:
    """Gathers what there is to say about counts files and pruned directories.

    A directory is shown with the full coverage curve where the counts that it was pruned by are named beside it.

    Args:
        sources: Files that `prunus scan` wrote and directories that `prunus prune` wrote, in any order.

    Raises:
        UsageError: Nothing was named, a path is named twice, or is neither.
        CorpusError: A counts file is damaged.

    Example:
        >>> import prunus
        >>> made = prunus.report("counts.parquet", "model-small")  # doctest: +SKIP
        >>> made.save("report.html")  # doctest: +SKIP
    """
    return Report(*load_sources(sources))


def _counts(name: str, counts: TokenCounts) -> dict[str, Any]:
    curve = curve_of_counts(name, counts)
    needed = {f"{share:.10g}": curve.tokens_for(share) for share in SHARES}
    return {"ids": len(counts), "tokens_for_share": needed, "info": asdict(counts.info)}


def _pruned(pruned: Pruned) -> dict[str, Any]:
    return {
        "plan": pruned.plan.to_dict(tokens=False),
        "kept_by_reason": dict(kept_by_reason(pruned)),
        "dropped_by_reason": dict(dropped_by_reason(pruned)),
        "by_script": {name: {"kept": kept, "dropped": gone} for name, kept, gone in by_script(pruned)},
        "memory": {use: {"before": before, "after": after} for use, before, after in memory(pruned)},
        "checks": list(pruned.checks),
    }
