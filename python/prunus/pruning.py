"""The main verb: writes a smaller checkpoint and tokenizer, proves them, and only then lets them appear."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus._engine import build_info, fingerprint
from prunus.checkpoint.config import apply_config_edits
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import carry_over
from prunus.checkpoint.rows import Gather
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.writer import write_checkpoint
from prunus.errors import UsageError
from prunus.given import several
from prunus.planned import PlannedTensor, PrunePlan
from prunus.planning import plan as make_plan
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.resolve import resolve_tokenizer
from prunus.tokenizer.sidecars import write_tokenizer
from prunus.verification import VerifyReport, verify
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prunus.counts import TokenCounts
    from prunus.scanning import InvalidUtf8
    from prunus.selection import KeepSet

FOLDER = "prunus"


@dataclass(frozen=True)
class PruneReport:
    """What `prune` did, as kept in `OUT/prunus/report.json`.

    Attributes:
        out: The directory that was written, absolute.
        plan: The plan as carried out.
        verification: Every check with its outcome.
        seconds: Time by stage: `plan`, `write`, `verify`.
        versions: Versions of Prunus and of the oracle.
    """

    out: str
    plan: PrunePlan
    verification: VerifyReport
    seconds: dict[str, float]
    versions: dict[str, str]

    def __str__(self) -> str:
        from prunus.reporting import report_text

        return report_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the kept tokens are summed up by reason."""
        return {
            "out": self.out,
            "plan": self.plan.to_dict(tokens=False),
            "verification": self.verification.to_dict(),
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
            "versions": self.versions,
        }

    def save(self, path: str | Path) -> None:
        """Writes the report as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def prune(
    model_dir: str | Path,
    keep: KeepSet | TokenCounts | PrunePlan,
    out: str | Path,
    *,
    pad_to_multiple_of: int = 1,
    drop_files: Iterable[str] = (),
    tokenizer_from: str | None = None,
    corpus: object = None,
    columns: list[str] | None = None,
    invalid_utf8: InvalidUtf8 = "error",
    threads: int | None = None,
    forward: bool = True,
    on_stage: Callable[[str], None] | None = None,
) -> PruneReport:
    """Prunes a model directory on disk: tokenizer, tensors, configs; verified, then renamed into place.

    The model is never loaded: untouched tensors are copied as bytes, vocabulary tensors gathered row by row in bounded
    memory. The method is that of Williams & Aletras (arXiv 2309.08708), made permanent and proved.

    Args:
        model_dir: The source directory; only ever read.
        keep: What `select` chose, counts (every seen token is kept), or a plan made of this very directory.
        out: The directory to write; must not exist.
        pad_to_multiple_of: Zero rows are added up to a multiple of this; 16 makes logits bit-equal. A plan has decided
            this and the next two already.
        drop_files: Names of files to leave out because they cannot be rewritten.
        tokenizer_from: `file` or `transformers`, where the two differ.
        corpus: Texts for verification: every one must give the same tokens, renumbered.
        columns: Columns of the corpus.
        invalid_utf8: What to do with text of the corpus that is not UTF-8, as `scan` takes it.
        threads: Threads of the verification's scans; all cores by default.
        forward: Whether to compare forward passes, where torch and transformers are installed.
        on_stage: Called with the name of each stage as it begins.

    Raises:
        UsageError: The plan is of another directory, or decides what is given beside it.
        OutputError: `out` exists, lies inside the source, or cannot be written (disk full, permission).
        VerificationError: A check failed; no output was left behind.
        PrunusError: Anything that `plan` raises.

    Example:
        >>> import prunus
        >>> counts = prunus.scan("corpus.parquet", tokenizer="model")  # doctest: +SKIP
        >>> report = prunus.prune("model", counts, "model-small", corpus="corpus.parquet")  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
    """
    say = on_stage or (lambda _: None)
    clock = _Clock()
    source = Path(model_dir).resolve()
    with Staging(Path(out), source) as staging:
        say("plan")
        planned = _planned(source, keep, pad_to_multiple_of, several(drop_files), tokenizer_from)
        clock.lap("plan")
        say("write")
        _write(source, planned, staging.path)
        clock.lap("write")
        say("verify")
        checks = verify(
            source,
            staging.path,
            corpus,
            columns,
            invalid_utf8=invalid_utf8,
            threads=threads,
            forward=forward,
            tokenizer_from=planned.tokenizer_from,
        )
        checks.raise_if_failed()
        clock.lap("verify")
        report = PruneReport(str(staging.target), planned, checks, clock.seconds, _versions())
        report.save(staging.path / FOLDER / "report.json")
        staging.publish()
    return report


def _planned(
    source: Path, keep: KeepSet | TokenCounts | PrunePlan, pad: int, drop: tuple[str, ...], tokenizer_from: str | None
) -> PrunePlan:
    if not isinstance(keep, PrunePlan):
        return make_plan(source, keep, pad_to_multiple_of=pad, drop_files=drop, tokenizer_from=tokenizer_from)
    if pad != 1 or drop or tokenizer_from not in {None, keep.tokenizer_from}:
        raise UsageError(
            "a plan already decides pad_to_multiple_of, drop_files and tokenizer_from",
            hint="Leave them out, or make another plan with them.",
        )
    tensors = Checkpoint.open(source, drop_files=_dropped(keep)).tensors
    own = fingerprint(resolve_tokenizer(source, keep.tokenizer_from).json)
    stale = [t.name for t in keep.tensors if t.name not in tensors or tensors[t.name].shape != t.shape]
    if stale or own != keep.fingerprint or source != Path(keep.model_dir):
        raise UsageError(
            f"the plan was made of {keep.model_dir} as it was, not of {source} as it is",
            hint="Make the plan again: prunus plan.",
        )
    return keep


def _write(source: Path, planned: PrunePlan, out: Path) -> None:
    resolved = resolve_tokenizer(source, planned.tokenizer_from)
    document = TokenizerDocument.parse(resolved.json, file=str(source / "tokenizer.json"))
    drop = _dropped(planned)
    write_tokenizer(source, out, document, planned.remap, drop)
    gathers = {t.name: gather_of(planned, t) for t in planned.tensors}
    write_checkpoint(Checkpoint.open(source, drop_files=drop), gathers, out)
    apply_config_edits(source, planned.edits, out)
    carry_over(source, out, planned.files)
    folder = out / FOLDER
    folder.mkdir()
    planned.kept.save(folder / "keep.parquet")
    planned.save(folder / "plan.json")


def gather_of(planned: PrunePlan, tensor: PlannedTensor) -> Gather:
    """Which rows of a planned tensor stay."""
    ids = planned.kept.old_ids
    return Gather(tensor.axis, ids[ids < tensor.shape[tensor.axis]], tensor.new_shape[tensor.axis])


def _dropped(planned: PrunePlan) -> tuple[str, ...]:
    return tuple(action.name for action in planned.files if action.action == "drop")


def _versions() -> dict[str, str]:
    return {"prunus": __version__, **build_info()}


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage], self._last = now - self._last, now
