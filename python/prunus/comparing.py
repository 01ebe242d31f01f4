"""Audits any pair of model directories, whoever made the smaller one: which checks hold, what moved, what dangles."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.jsontext import read_bytes
from prunus.checks.dangling import check_dangling
from prunus.checks.outcome import Looking
from prunus.checks.pair import FOLDER, Options, Pair
from prunus.checks.vocabulary import tokens_by_id
from prunus.errors import CheckpointError, TokenizerError, VerificationError
from prunus.inferring import MOST, InferredMap, infer
from prunus.kept import KeptTokens
from prunus.plugin.family import Check
from prunus.tokenizer.resolve import LARGEST_FILE, resolve_tokenizer
from prunus.verification import NAMES, VerifyReport, guarded, installed_versions, run_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prunus.scanning import InvalidUtf8

KEEP = f"{FOLDER}/keep.parquet"


@dataclass(frozen=True)
class CompareReport(VerifyReport):
    """Every check with its outcome, and where tokens went. Made by `compare`.

    Attributes:
        recorded: Whether the smaller directory says itself which ids it keeps.
        tokens: Tokens before and after.
        moved: Tokens with another id than before, as `'text': old -> new`.
        out_of_order: Those whose order changed.
    """

    recorded: bool = False
    tokens: tuple[int, int] = (0, 0)
    moved: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()

    def __str__(self) -> str:
        source = f"as {KEEP} records them" if self.recorded else f"told by their text: there is no {KEEP}"
        order = f"{len(self.out_of_order):,} out of order" if self.out_of_order else "in their old order"
        head = [f"{self.tokens[1]:,} of {self.tokens[0]:,} tokens, {source}; {len(self.moved):,} moved, {order}"]
        head += [f"  moved {said}" for said in self.moved[:MOST]]
        return "\n".join([*head, super().__str__()])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        more = {"recorded": self.recorded, "tokens": list(self.tokens), "moved": list(self.moved)}
        return super().to_dict() | more | {"out_of_order": list(self.out_of_order)}

    def raise_if_failed(self) -> None:
        """Raises unless `passed`.

        Raises:
            VerificationError: Names the failed checks and the first finding of each.
        """
        if not self.passed:
            said = "; ".join(f"{c.name}: {c.findings[0] if c.findings else c.detail}" for c in self.failed)
            raise VerificationError(
                f"{self.out}: {len(self.failed)} of {len(self.checks)} checks failed: {said or 'no check could run'}",
                hint="Prune the source again, for example with `prunus prune`.",
                checks=self.to_dict()["checks"],
            )


def compare(
    a: str | Path,
    b: str | Path,
    corpus: Any = None,
    columns: Sequence[str] | None = None,
    *,
    invalid_utf8: InvalidUtf8 = "error",
    threads: int | None = None,
    forward: bool = True,
    tokenizer_from: str | None = "file",
) -> CompareReport:
    """Audits a smaller model directory against the one it came from, whichever tool made it.

    Where `B` carries no record of what it keeps, its tokens are found in `A` by their text. Then the checks of `verify`
    run, and one more that looks at `B` alone: whether each id that its files name exists.

    Args:
        a: The larger directory.
        b: The smaller one.
        corpus: Texts, as `scan` takes them: each must give the same tokens, renumbered.
        columns: Columns of the corpus.
        invalid_utf8: What to do with text of the corpus that is not UTF-8, as `scan` takes it.
        threads: Threads of the scans.
        forward: Whether to run the models.
        tokenizer_from: `file`, or `transformers` for the pipeline that AutoTokenizer makes of `A`.

    Raises:
        CheckpointError: One of the two is no directory.
        TokenizerError: A tokenizer cannot be read.
        CorpusError: The corpus cannot be read.
        ColumnError: The corpus lacks a column, or it is not clear which one is meant.

    Example:
        >>> import prunus
        >>> report = prunus.compare("model", "somebody-elses-trim")  # doctest: +SKIP
        >>> report.passed, report.moved[:2]  # doctest: +SKIP
    """
    start = time.perf_counter()
    source, pruned = Path(a), Path(b)
    for directory in (source, pruned):
        if not directory.is_dir():
            raise CheckpointError(f"{directory}: is not a directory", hint="Name a model directory.")
    resolved = resolve_tokenizer(source, tokenizer_from)
    old_tokens, new_tokens = _tokens(source, resolved.json), _tokens(pruned, _json(pruned))
    found = infer(old_tokens, new_tokens)
    recorded = (pruned / KEEP).is_file()
    kept = KeptTokens.load(pruned / KEEP) if recorded else found.kept
    checks = [_mapped(found, len(new_tokens)), guarded("dangling", lambda: check_dangling(source, pruned))]
    if kept is None:
        checks += [Check(name, "skipped", 0, "the tokens of the two do not correspond") for name in NAMES]
    else:
        options = Options(corpus, columns, threads, forward=forward, invalid_utf8=invalid_utf8)
        pair = Pair(source, pruned, kept, resolved, options)
        # Without a record the renumbering was read off both tokenizers: it cannot disagree with them.
        checks += [check for check in run_checks(pair) if recorded or check.name != "remap"]
    seconds = time.perf_counter() - start
    report = (str(source), str(pruned), tuple(checks), seconds, installed_versions(), resolved.note)
    return CompareReport(*report, recorded, (len(old_tokens), len(new_tokens)), found.moved, found.out_of_order)


def _json(directory: Path) -> bytes:
    return read_bytes(directory / "tokenizer.json", TokenizerError, LARGEST_FILE)


def _tokens(directory: Path, data: bytes) -> dict[int, str]:
    path = directory / "tokenizer.json"
    try:
        return tokens_by_id(data)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise TokenizerError(f"{path}: cannot be read: {type(error).__name__}: {error}", file=str(path)) from error


def _mapped(found: InferredMap, tokens: int) -> Check:
    looking = Looking("map")
    looking.looked = tokens
    for problem in found.problems:
        looking.found(problem)
    _some(looking, found.out_of_order)
    return looking.done(f"{tokens:,} tokens found in the source by their text")


def _some(looking: Looking, said: Iterable[str]) -> None:
    for entry in said:
        looking.found(f"out of order, {entry}")
