"""A work directory: the plan and one small result file a unit, each of them whole or absent."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.ahead import read_ahead
from prunus.countsfile import save_result
from prunus.errors import CorpusError, OutputError
from prunus.given import not_empty, utf8_name
from prunus.knowntokens import KnownTokens
from prunus.storedcounts import StoredCounts
from prunus.summing import summed
from prunus.units.differences import check_same_scan
from prunus.units.plan import UnitPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prunus.counts import TokenCounts

PLAN = "plan.json"
_RESULTS = "units"
_A_FOLDER = 1000
_NAME = re.compile(r"(\d{7,})-([0-9a-f]{16})\.parquet")
_TEMPORARY = ".prunus-tmp-"
_SHOWN = 5


class WorkDirectory:
    """Where a scan keeps what it has done; several processes may work in one at the same time.

    `plan.json` says what is scanned; `units/*/NUMBER-FINGERPRINT.parquet` are the results, counts files like any other.
    A kill loses the units in flight and leaves at most files named `*.prunus-tmp-*`, which are ignored and can be
    deleted.

    Args:
        path: The directory.

    Raises:
        CorpusError: Its name is not UTF-8.
        UsageError: Its name is empty.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        not_empty("work directory", path)
        self.path = Path(utf8_name(os.fspath(path)))
        self._plan: UnitPlan | None = None
        self._known: KnownTokens | None = None

    @property
    def plan(self) -> UnitPlan:
        """The plan that lies in it.

        Raises:
            CorpusError: There is none, or a damaged one.
        """
        if self._plan is None:
            self._plan = self._read()
        return self._plan

    def exists(self) -> bool:
        """Whether a plan lies in it."""
        return (self.path / PLAN).exists()

    def adopt(self, plan: UnitPlan) -> None:
        """Creates the directory with this plan, or goes on with the plan that lies in it.

        Raises:
            TokenizerMismatchError: The tokenizer is not the one that lies there.
            UsageError: The options, columns or version are not.
            CorpusError: A source file is not, or the directory holds something else.
            OutputError: It cannot be written.
        """
        if not self.exists():
            self._create(plan)
        check_same_scan(self.plan, plan, str(self.path))

    def _read(self) -> UnitPlan:
        file = self.path / PLAN
        try:
            return UnitPlan.from_json(file.read_bytes())
        except FileNotFoundError as error:
            raise CorpusError(
                f"{self.path}: no work directory: it holds no {PLAN}",
                hint="Name the directory that `prunus scan --resume DIR` made.",
                file=str(self.path),
            ) from error
        except OSError as error:
            raise CorpusError(f"{file}: cannot be read: {error.strerror}", file=str(file)) from error
        except CorpusError as error:
            raise CorpusError(
                f"{file}: {error.message}", hint="Delete the directory and scan again.", file=str(file)
            ) from error

    def _create(self, plan: UnitPlan) -> None:
        temporary = self.path / f"{PLAN}{_TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self.path.mkdir(exist_ok=True)
            self._refuse_strangers()
            with temporary.open("w", encoding="utf-8") as file:
                file.write(plan.to_json())
                file.flush()
                os.fsync(file.fileno())
            # Whoever comes first wins; the others compare theirs with it.
            _publish(temporary, self.path / PLAN)
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be used as a work directory: {error.strerror or error}",
                hint="Name a directory, in one that exists and can be written.",
                file=str(self.path),
            ) from error
        finally:
            _remove(temporary)

    def _refuse_strangers(self) -> None:
        names = sorted(p.name for p in self.path.iterdir() if _TEMPORARY not in p.name and p.name != PLAN)
        if names:
            raise CorpusError(
                f"{self.path}: holds {', '.join(names[:_SHOWN])}, but no {PLAN}: it is no work directory",
                hint="Name a new or empty directory.",
                file=str(self.path),
            )

    def file_of(self, unit: int) -> Path:
        """Where the result of a unit lies, or will."""
        mark = hashlib.sha256(f"{self.plan.fingerprint} {unit}".encode()).hexdigest()[:16]
        return self.path / f"{_RESULTS}/{unit // _A_FOLDER:04}/{unit:07}-{mark}.parquet"

    def done(self) -> set[int]:
        """The units whose results are there.

        Raises:
            CorpusError: There are files that are no results of this plan.
        """
        found = set()
        for file in (self.path / _RESULTS).glob("*/*"):
            if file.name.startswith(".") or _TEMPORARY in file.name:
                continue
            match = _NAME.fullmatch(file.name)
            if match is None or int(match[1]) >= len(self.plan.units) or file != self.file_of(int(match[1])):
                raise CorpusError(
                    f"{file}: not a result of this scan", hint="Move it out of the work directory.", file=str(file)
                )
            found.add(int(match[1]))
        return found

    def save(self, unit: int, counts: TokenCounts) -> None:
        """Keeps the result of a unit.

        Raises:
            OutputError: It cannot be written.
        """
        file = self.file_of(unit)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{file.parent}: cannot be created: {error.strerror}", file=str(file.parent)) from error
        if self._known is None:
            self._known = KnownTokens(counts.info.size)
        save_result(counts, file, self._known)

    def load(self, unit: int) -> TokenCounts:
        """The result of a unit.

        Raises:
            CorpusError: It is absent, damaged, or the result of something else.
        """
        return self._stored(unit).whole()

    def _stored(self, unit: int) -> StoredCounts:
        file = self.file_of(unit)
        try:
            counts = StoredCounts(file)
        except CorpusError as error:
            hint = "Delete it and scan again with --resume."
            raise CorpusError(error.message, hint=hint, file=str(file)) from error
        if counts.info.part != self.plan.part([unit]):
            raise CorpusError(
                f"{file}: holds the counts of something else ({counts.info.part or 'a whole scan'})",
                hint="Delete it and scan again with --resume.",
                file=str(file),
            )
        return counts

    def merged(self, progress: Callable[[int], None] | None = None, *, partial: bool = False) -> TokenCounts:
        """The sum of all units, equal to the byte to a plain scan's.

        Args:
            progress: Told how many results were added.
            partial: Accept that units are missing; what is done is then labelled as a part.

        Raises:
            CorpusError: Units are missing, all or more than is accepted; or a result is damaged.
        """
        done = self.done()
        missing = sorted(set(range(len(self.plan.units))) - done)
        if missing and not (partial and done):
            shown = "; ".join(f"{unit} ({self.plan.describe(unit)})" for unit in missing[:_SHOWN])
            more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
            raise CorpusError(
                f"{self.path}: {len(missing):,} of {len(self.plan.units):,} units are missing: {shown}{more}",
                hint="Run the scan again with --resume; it does only what is missing.",
                missing=missing[:1000],
            )
        return self.sum_of(sorted(done), progress)

    def sum_of(self, units: Iterable[int], progress: Callable[[int], None] | None = None) -> TokenCounts:
        """The sum of some units; raises as `load` does."""

        def each() -> Iterable[StoredCounts]:
            for number, (_, counts) in enumerate(read_ahead(units, self._stored), 1):
                yield counts
                if progress is not None:
                    progress(number)

        return summed(each())


def _publish(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return
    except OSError:
        temporary.replace(target)  # a file system without hard links


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
