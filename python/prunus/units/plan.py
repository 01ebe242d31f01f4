"""`UnitPlan`: what is scanned, with what, in which units; a value that every machine derives alike."""

from __future__ import annotations

import hashlib
import heapq
import json
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.corpus.discover import SourceFile
from prunus.errors import CorpusError, UsageError
from prunus.parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORMAT = 1


@dataclass(frozen=True)
class Unit:
    """A stretch of one file.

    Attributes:
        file: Place of the file in the plan.
        start: First row group of a Parquet file, first byte of text or JSONL.
        stop: End, exclusive; 0 where the unit is the whole file.
        weight: Bytes of text in it, about, for balance and progress.
    """

    file: int
    start: int
    stop: int
    weight: int


@dataclass(frozen=True)
class UnitPlan:
    """Source files, what is counted in them, and the units.

    Attributes:
        scan: What else the counts depend on: the tokenizer's fingerprint and size, the oracle, the version of Prunus,
            the options, the columns, what a row of text is.
        unit_bytes: Size that the units were planned for.
        files: The source files with their sizes and times of change, in the order of the corpus.
        units: The units, in the order of the corpus; each file has at least one.
    """

    scan: Mapping[str, Any]
    unit_bytes: int
    files: tuple[SourceFile, ...]
    units: tuple[Unit, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 of the plan."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def part(self, units: Iterable[int]) -> Part:
        """The label of counts that hold these units."""
        held = list(units)
        return Part.of_units(self.fingerprint, len(self.units), held, (self.units[unit].file for unit in held))

    def shard(self, number: int, of: int) -> list[int]:
        """The units of one of several machines, ascending; the heaviest first go to whoever has least.

        Args:
            number: Which machine, from 1.
            of: How many there are.

        Raises:
            UsageError: The numbers are out of range.
        """
        if of < 1 or not 1 <= number <= of:
            raise UsageError(f"shard {number}/{of} does not exist", hint=f"Shards are numbered from 1 to {max(of, 1)}.")
        loads = [(0, shard) for shard in range(of)]
        mine = []
        for unit in sorted(range(len(self.units)), key=lambda unit: (-self.units[unit].weight, unit)):
            load, shard = loads[0]
            # A unit without text still costs the opening of its file.
            heapq.heapreplace(loads, (load + max(self.units[unit].weight, 1), shard))
            if shard == number - 1:
                mine.append(unit)
        return sorted(mine)

    def describe(self, unit: int) -> str:
        """A unit in words, such as `a.parquet, row groups 3 to 7`."""
        what = self.units[unit]
        file = self.files[what.file]
        if not what.stop:
            return file.path
        if file.format == "parquet":
            return f"{file.path}, row groups {what.start} to {what.stop - 1}"
        return f"{file.path}, bytes {what.start:,} to {what.stop:,}"

    def to_json(self) -> str:
        """The plan as JSON, the same bytes for equal plans."""
        record = {
            "format": _FORMAT,
            "scan": self.scan,
            "unit_bytes": self.unit_bytes,
            "files": [astuple(file) for file in self.files],
            "units": [astuple(unit) for unit in self.units],
        }
        return json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> UnitPlan:
        """The plan that `to_json` wrote.

        Raises:
            CorpusError: Not such a plan, or one of another version.
        """
        try:
            record = json.loads(text)
            if record["format"] == _FORMAT:
                files = tuple(SourceFile(*values) for values in record["files"])
                units = tuple(Unit(*values) for values in record["units"])
                return cls(record["scan"], record["unit_bytes"], files, units)
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"the plan is damaged: {error}") from error
        raise CorpusError(f"the plan is of format {record['format']!r}, this version of Prunus reads format {_FORMAT}")
