"""`prunus prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, selected, show
from prunus.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from prunus.planned import PrunePlan
    from prunus.selection import KeepSet


def run(parsed: argparse.Namespace) -> int:
    """Writes a smaller model, verifies it, and reports."""
    from prunus.checkpoint.staging import Staging
    from prunus.pruning import prune

    Staging(parsed.out, parsed.model).check()
    report = prune(
        parsed.model,
        _keep(parsed),
        parsed.out,
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
        corpus=parsed.corpus,
        columns=parsed.column,
        threads=parsed.threads,
        forward=not parsed.no_forward,
        on_stage=lambda stage: say(parsed, f"{stage} ..."),
    )
    if parsed.json:
        show(report.to_dict())
    say(parsed, report)
    return 0


def _keep(parsed: argparse.Namespace) -> KeepSet | PrunePlan:
    if not parsed.plan:
        return selected(parsed)
    if parsed.counts:
        raise UsageError("--plan already says what to keep", hint="Leave out --counts.")
    from prunus.planned import PrunePlan

    return PrunePlan.load(parsed.plan)
