"""Proves a pruned directory against the one it came from: named checks, each saying what it looked at."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checks.carried import check_files
from prunus.checks.configs import check_configs
from prunus.checks.document import check_document
from prunus.checks.forward import check_forward
from prunus.checks.loading import check_loading
from prunus.checks.outcome import Looking
from prunus.checks.pair import FOLDER, Options, Pair
from prunus.checks.renumbering import check_remap
from prunus.checks.rescan import check_rescan
from prunus.checks.rows import check_rows
from prunus.checks.runtime import Runtime
from prunus.checks.sidecars import check_sidecars
from prunus.checks.tensors import check_tensors
from prunus.errors import CheckpointError, PrunusError, SelectionError, VerificationError
from prunus.kept import KeptTokens
from prunus.plugin.family import Check, VerifyContext
from prunus.tokenizer.resolve import resolve_tokenizer
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prunus.remap import IdRemap
    from prunus.scanning import InvalidUtf8

USED = ("tokenizers", "transformers", "torch", "sentencepiece", "pyarrow", "numpy")
NAMES = (
    "remap",
    "tensors",
    "configs",
    "files",
    "tokenizer.json",
    "tokenizer.load",
    "tokenizer.files",
    "tokenizer.rows",
    "tokenizer.rescan",
    "forward",
)


@dataclass(frozen=True)
class VerifyReport:
    """Every check with its outcome. Made by `verify`.

    Attributes:
        model_dir: The source.
        out: The pruned directory.
        checks: The checks, in the order in which they ran.
        seconds: How long it took.
        versions: Versions of Prunus and of the installed libraries that it asks.
        note: What a person should know about the tokenizer that was taken; mostly empty.
    """

    model_dir: str
    out: str
    checks: tuple[Check, ...]
    seconds: float
    versions: tuple[tuple[str, str], ...]
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether no check failed, and some passed."""
        states = {check.status for check in self.checks}
        return "passed" in states and "failed" not in states

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    def __getitem__(self, name: str) -> Check:
        """The check of that name."""
        return {check.name: check for check in self.checks}[name]

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            lines.append(f"  {check.status:7}  {check.name:{width}}  {check.detail}")
            lines += [f"             {finding}" for finding in check.findings]
        return "\n".join([*lines, *([f"  note: {self.note}"] if self.note else [])])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        checks = [
            {"name": c.name, "status": c.status, "looked": c.looked, "detail": c.detail, "findings": list(c.findings)}
            for c in self.checks
        ]
        head = {"model_dir": self.model_dir, "out": self.out, "passed": self.passed, "checks": checks}
        return head | {"seconds": round(self.seconds, 3), "versions": dict(self.versions), "note": self.note}

    def raise_if_failed(self) -> None:
        """Raises unless `passed`.

        Raises:
            VerificationError: Names the failed checks and the first finding of each.
        """
        if self.passed:
            return
        said = "; ".join(
            f"{check.name}: {check.findings[0] if check.findings else check.detail}" for check in self.failed
        )
        raise VerificationError(
            f"{self.out}: {len(self.failed)} of {len(self.checks)} checks failed: {said or 'no check could run'}",
            hint="Do not use the output. If the source is sound, this is a fault of Prunus: report it with this text.",
            checks=self.to_dict()["checks"],
        )


def verify(
    model_dir: str | Path,
    out: str | Path,
    corpus: Any = None,
    columns: Sequence[str] | None = None,
    *,
    invalid_utf8: InvalidUtf8 = "error",
    remap: IdRemap | None = None,
    threads: int | None = None,
    sample_rows: int = 2000,
    forward: bool = True,
    forward_texts: int = 12,
    largest_forward: int = 2 * 2**30,
    tokenizer_from: str | None = None,
) -> VerifyReport:
    """Compares a pruned directory with its source; works on any pair with an `OUT/prunus/keep.parquet`.

    Args:
        model_dir: The source directory.
        out: The pruned directory.
        corpus: Texts, as `scan` takes them: each must give the same tokens, renumbered. They are read several times.
        columns: Columns of the corpus.
        invalid_utf8: What to do with text of the corpus that is not UTF-8, as `scan` takes it.
        remap: The renumbering that `keep.parquet` must hold, if the caller knows it.
        threads: Threads of the scans; all cores by default.
        sample_rows: Rows of the corpus that are compared one by one.
        forward: Whether to run the models, where torch and transformers are installed.
        forward_texts: How many texts the models see.
        largest_forward: Bytes of weights above which the models are not run.
        tokenizer_from: `file` or `transformers`, where the source's two pipelines differ.

    Raises:
        CheckpointError: One of the two is no directory.
        TokenizerError: The source's tokenizer cannot be read.
        TokenizerMismatchError: The source's file and AutoTokenizer differ, and no choice was made.
        CorpusError: The corpus cannot be read.
        ColumnError: The corpus lacks a column, or it is not clear which one is meant.

    Example:
        >>> import prunus
        >>> report = prunus.verify("model", "model-small", corpus="corpus.parquet")  # doctest: +SKIP
        >>> report.passed  # doctest: +SKIP
        True
    """
    start = time.perf_counter()
    source, pruned = Path(model_dir), Path(out)
    for directory in (source, pruned):
        if not directory.is_dir():
            raise CheckpointError(f"{directory}: is not a directory", hint="Name a model directory.")
    resolved = resolve_tokenizer(source, tokenizer_from)
    options = Options(corpus, columns, threads, sample_rows, forward, forward_texts, largest_forward, invalid_utf8)
    try:
        kept = _kept(pruned, remap)
    except SelectionError as error:
        checks = [Check("remap", "failed", 0, "keep.parquet", (error.message, *([error.hint] if error.hint else [])))]
        checks += [Check(name, "skipped", 0, "without a renumbering nothing can be compared") for name in NAMES[1:]]
    else:
        checks = list(run_checks(Pair(source, pruned, kept, resolved, options)))
    seconds = time.perf_counter() - start
    return VerifyReport(str(source), str(pruned), tuple(checks), seconds, installed_versions(), resolved.note)


def _kept(out: Path, remap: IdRemap | None) -> KeptTokens:
    kept = KeptTokens.load(out / FOLDER / "keep.parquet")
    if not len(kept):
        raise SelectionError(f"{out / FOLDER / 'keep.parquet'}: lists no token")
    if remap is not None and kept.remap != remap:
        raise SelectionError(f"{out / FOLDER / 'keep.parquet'}: holds another renumbering than the one expected")
    return kept


def run_checks(pair: Pair) -> Iterable[Check]:
    """All checks of a pair, in the order of `NAMES`."""
    yield guarded("remap", lambda: check_remap(pair))
    with Runtime(pair) as runtime:
        runtime.ask()
        yield from _compared(pair, runtime)


def _compared(pair: Pair, runtime: Runtime) -> Iterable[Check]:
    yield guarded("tensors", lambda: check_tensors(pair))
    yield guarded("configs", lambda: check_configs(pair))
    yield guarded("files", lambda: check_files(pair))
    yield guarded("tokenizer.json", lambda: check_document(pair))
    yield guarded("tokenizer.load", lambda: check_loading(pair, runtime))
    yield guarded("tokenizer.files", lambda: check_sidecars(pair, runtime))
    yield guarded("tokenizer.rows", lambda: check_rows(pair, runtime))
    yield guarded("tokenizer.rescan", lambda: check_rescan(pair, runtime))
    yield from _plugins(pair)
    yield guarded("forward", lambda: check_forward(pair, runtime))


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot read what it checks has failed; only a corpus that cannot be read is the caller's affair."""
    from prunus.errors import CorpusError

    try:
        return check()
    except CorpusError:
        raise
    except PrunusError as error:
        return Check(name, "failed", 0, "could not be completed", (error.message,))
    except Exception as error:  # noqa: BLE001 - whatever a broken output provokes is the finding
        return Check(name, "failed", 0, "could not be completed", (f"{type(error).__name__}: {error}"[:400],))


def _plugins(pair: Pair) -> Iterable[Check]:
    """What plugins check beyond this; one that claims to have passed without looking has not."""
    from prunus.plugin.manager import plugin_manager

    try:
        found = plugin_manager().verify(VerifyContext(pair.model_dir, pair.out, pair.config, pair.remap))
    except PrunusError as error:
        return [Check("plugins", "failed", 0, "could not be completed", (error.message,))]
    return [Looking(c.name).done(c.detail) if c.status == "passed" and not c.looked else c for c in found]


def installed_versions() -> tuple[tuple[str, str], ...]:
    """Versions of Prunus and of the installed libraries that it asks; none is imported for this."""
    found = [("prunus", __version__), ("python", sys.version.split()[0])]
    for name in USED:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
