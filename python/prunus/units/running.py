"""Running units, here and now: with or without a work directory, all of them or one shard's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prunus.corpus.files import FileCorpus
from prunus.corpus.spans import Span
from prunus.corpus.streams import open_file
from prunus.corpus.stretch import StretchCorpus
from prunus.counts import TokenCounts
from prunus.errors import CorpusError, TokenizerError, UsageError
from prunus.scanning import Progress, Scanner, refuse_nothing
from prunus.summing import summed
from prunus.units.plan import UnitPlan
from prunus.units.planning import plan_units
from prunus.units.workdir import WorkDirectory

if TYPE_CHECKING:
    import os

    from prunus.corpus import Corpus
    from prunus.parts import Part

Results = Iterator[tuple[int, TokenCounts]]
Runner = Callable[[Scanner, UnitPlan, Sequence[int], Progress | None], Results]
_BLOCK = 1 << 20


def run_unit(scanner: Scanner, plan: UnitPlan, unit: int, progress: Progress | None = None) -> TokenCounts:
    """The counts of one unit, labelled as a part of its plan.

    Args:
        scanner: Loaded with the plan's tokenizer and options.
        plan: The plan.
        unit: Number of the unit.
        progress: Told how far it is.

    Raises:
        CorpusError: The file is not the one that was planned, or cannot be read; rows are numbered as in a plain scan.
        PrunusError: As `Scanner.scan` says.
    """
    try:
        return _run(scanner, plan, unit, 0, progress)
    except (CorpusError, TokenizerError):
        what = plan.units[unit]
        if not what.start or plan.files[what.file].format == "parquet":
            raise
        # The error names a line of the stretch: count the lines before it, and let it be named again.
        return _run(scanner, plan, unit, _lines_before(plan.files[what.file].path, what.start), progress)


def _run(scanner: Scanner, plan: UnitPlan, unit: int, rows_before: int, progress: Progress | None) -> TokenCounts:
    what = plan.units[unit]
    corpus = StretchCorpus(
        plan.files[what.file],
        Span(what.start, what.stop, what.weight, rows_before) if what.stop else None,
        columns=plan.scan["columns"],
        text_rows=plan.scan["text_rows"],
        part=plan.part([unit]),
        weight=what.weight,
    )
    return scanner.scan(corpus, pair=plan.scan["options"]["pair"], progress=progress)


def _lines_before(path: str, position: int) -> int:
    lines = 0
    with open_file(path) as file:
        while position > 0 and (block := file.read(min(_BLOCK, position))):
            lines += block.count(b"\n")
            position -= len(block)
    return lines


def scan_in_units(
    scanner: Scanner,
    corpus: Corpus,
    *,
    pair: bool = False,
    resume: str | os.PathLike[str] | None = None,
    shard: tuple[int, int] | None = None,
    unit_bytes: int | None = None,
    progress: Progress | None = None,
    runner: Runner | None = None,
) -> TokenCounts:
    """Scans a corpus unit by unit; all units together give the very bytes of a plain scan.

    Args:
        scanner: The scanner.
        corpus: Files.
        pair: Encode two columns as pairs.
        resume: A work directory, created or taken up again: each unit's result is kept there as soon as it is done.
        shard: `(number, of)`, from 1: only the units of one of several machines; the result is a part.
        unit_bytes: Bytes of text a unit, about; None for the work directory's, or 128 MiB.
        progress: Told how far the scan is.
        runner: Runs units, in any order; None runs them here, one after the other.

    Raises:
        UsageError: The corpus is no list of files; or the options are not those that the work directory was made with.
        TokenizerMismatchError: The work directory was made with another tokenizer.
        CorpusError: A source changed since the work directory was made, or cannot be read.
        OutputError: A result cannot be written.
        PrunusError: As `Scanner.scan` says.
    """
    if not isinstance(corpus, FileCorpus):
        raise UsageError("only files are scanned in units", hint="Leave out resume and shard, or name files.")
    work = None if resume is None else WorkDirectory(resume)
    if work is not None and unit_bytes is None and work.exists():
        unit_bytes = work.plan.unit_bytes
    plan = plan_units(corpus, scanner.identity(corpus, pair=pair), unit_bytes)
    units: Sequence[int] = plan.shard(*shard) if shard else range(len(plan.units))
    run = runner or run_here
    if not units:
        counts = scanner.nothing(plan.part([]), pair=pair)
    elif work is None:
        counts = summed(result for _, result in run(scanner, plan, units, progress))
    else:
        work.adopt(plan)
        done = work.done()
        for unit, result in run(scanner, plan, [unit for unit in units if unit not in done], progress):
            work.save(unit, result)
        counts = work.sum_of(units)
    if counts.info.part is None:
        refuse_nothing(counts.info, corpus.columns, corpus.sources, counts.info.options.get("sample"))
    return counts if shard is None or shard[1] == 1 else _labelled(counts, plan.part(units))


def _labelled(counts: TokenCounts, part: Part) -> TokenCounts:
    """A shard's counts as a part even where it got every unit: the others' empty parts are to be added to it."""
    return TokenCounts(counts.ids, counts.counts, counts.tokens, replace(counts.info, part=part))


def run_here(scanner: Scanner, plan: UnitPlan, units: Sequence[int], progress: Progress | None) -> Results:
    """Runs units one after the other, each with all threads of the scanner; raises as `run_unit` does."""
    told = None if progress is None else UnitProgress(progress, plan, units)
    for unit in units:
        counts = run_unit(scanner, plan, unit, told)
        if told is not None:
            told.advance(unit, counts)
        yield unit, counts


class UnitProgress:
    """Progress of a unit as progress of all.

    Args:
        progress: Told of all.
        plan: The plan.
        units: All units that will be run.
    """

    def __init__(self, progress: Progress, plan: UnitPlan, units: Sequence[int]) -> None:
        self._progress = progress
        self._plan = plan
        self._total = sum(plan.units[unit].weight for unit in units)
        self._rows = self._text_bytes = self._read = 0

    def update(self, *, rows: int, text_bytes: int, bytes_read: int, total_bytes: int | None) -> None:
        """As `Progress` says."""
        self._progress.update(
            rows=self._rows + rows,
            text_bytes=self._text_bytes + text_bytes,
            bytes_read=self._read + min(bytes_read, total_bytes or 0),
            total_bytes=self._total,
        )

    def advance(self, unit: int, counts: TokenCounts) -> None:
        """One more unit is done."""
        self._rows += counts.info.rows
        self._text_bytes += counts.info.text_bytes
        self._read += self._plan.units[unit].weight
