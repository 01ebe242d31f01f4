"""`Part`: which units of a planned scan some counts hold, so that none is lost or counted twice when they are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHOWN = 5


@dataclass(frozen=True)
class Part:
    """The units of one plan that counts hold.

    Attributes:
        plan: Fingerprint of the plan: source files, tokenizer, options and versions.
        of: Number of units in the plan.
        units: The units held, as ascending ranges `(first, end)`, the end exclusive.
        files: Place of each of the counts' sources in the corpus, ascending.

    Example:
        >>> first, second = Part("9f", 3, ((0, 2),), (0,)), Part("9f", 3, ((2, 3),), (0, 1))
        >>> first.missing(), joined([first, second]).complete
        ([2], True)
    """

    plan: str
    of: int
    units: tuple[tuple[int, int], ...]
    files: tuple[int, ...]

    @classmethod
    def of_units(cls, plan: str, of: int, units: Iterable[int], files: Iterable[int]) -> Part:
        """The part that holds these units of `of`, which read these files."""
        return cls(plan, of, _ranges((unit, unit + 1) for unit in units), tuple(sorted(set(files))))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Part:
        """The part that `dataclasses.asdict` turned into JSON values."""
        units = tuple((int(first), int(end)) for first, end in record["units"])
        return cls(str(record["plan"]), int(record["of"]), units, tuple(map(int, record["files"])))

    @property
    def complete(self) -> bool:
        """Whether no unit is missing."""
        return self.units == ((0, self.of),)

    def missing(self) -> list[int]:
        """The units not held."""
        held = {unit for first, end in self.units for unit in range(first, end)}
        return [unit for unit in range(self.of) if unit not in held]

    def __str__(self) -> str:
        held = sum(end - first for first, end in self.units)
        return f"{held:,} of {self.of:,} units of scan {self.plan[:12]}"


def joined(parts: Sequence[Part | None]) -> Part | None:
    """What the sum of counts holds; None if they are all whole scans.

    Raises:
        UsageError: Parts of different plans, parts beside whole scans, or a unit held twice.
    """
    held = [part for part in parts if part is not None]
    if not held:
        return None
    plans = sorted({part.plan for part in held})
    if len(held) < len(parts):
        raise UsageError(
            f"{held[0]} cannot be added to a whole scan: what is missing would go unnoticed",
            hint="Merge all parts of the scan first.",
        )
    if len(plans) > 1:
        raise UsageError(
            f"parts of different scans do not add up: {', '.join(plan[:12] for plan in plans[:_SHOWN])}",
            hint="Their corpus (paths, sizes, times of change), tokenizer, options, --unit-size or versions differ: "
            "merge the parts of one scan only.",
        )
    return Part(
        held[0].plan,
        held[0].of,
        _ranges(units for part in held for units in part.units),
        tuple(sorted({file for part in held for file in part.files})),
    )


def _ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges in order, neighbours joined.

    Raises:
        UsageError: Two overlap.
    """
    out: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if out and first < out[-1][1]:
            raise UsageError(f"unit {first} would be counted twice", hint="Name the counts of each unit once.")
        if out and first == out[-1][1]:
            out[-1] = (out[-1][0], end)
        else:
            out.append((first, end))
    return tuple(out)
