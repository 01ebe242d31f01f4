"""`prunus prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, selected, show
from prunus.cli.plan import planned
from prunus.errors import UsageError
from prunus.selection import KeepSet

if TYPE_CHECKING:
    import argparse

    from prunus.planned import PrunePlan


def run(parsed: argparse.Namespace) -> int:
    """Writes a smaller model, verifies it, and reports."""
    from prunus.checkpoint.staging import Staging
    from prunus.pruning import prune

    Staging(parsed.out, parsed.model).check()
    if parsed.dry_run:
        return _show_plan(parsed)
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


def _show_plan(parsed: argparse.Namespace) -> int:
    """The plan that would be carried out, as `prunus plan` shows it."""
    keep = _keep(parsed)
    if isinstance(keep, KeepSet):
        keep = planned(parsed, keep)
    if parsed.json:
        show(keep.to_dict(tokens=False))
    say(parsed, keep)
    say(parsed, f"\na dry run: {parsed.out} was not written")
    return 0


def _keep(parsed: argparse.Namespace) -> KeepSet | PrunePlan:
    if not parsed.plan:
        keep = selected(parsed)
        return planned(parsed, keep) if parsed.holdout or parsed.holdout_every else keep
    if parsed.counts:
        raise UsageError("--plan already says what to keep", hint="Leave out --counts.")
    from prunus.planned import PrunePlan

    return PrunePlan.load(parsed.plan)
