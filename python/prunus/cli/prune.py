"""`prunus prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import proof_corpus, say, selected, show
from prunus.cli.parser import decided_by_a_plan
from prunus.cli.plan import holds_out, planned
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
    corpus = proof_corpus(parsed)
    if parsed.dry_run:
        return _show_plan(parsed)
    report = prune(
        parsed.model,
        _keep(parsed),
        parsed.out,
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
        corpus=corpus,
        invalid_utf8=parsed.invalid_utf8,
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
        return planned(parsed, keep) if holds_out(parsed) else keep
    from prunus.planned import PrunePlan

    decided = decided_by_a_plan()
    given = [option for option, action in decided.items() if getattr(parsed, action.dest) != action.default]
    if given:
        hint = "Leave out what is named, here and in prunus.toml, or make another plan with it."
        raise UsageError(f"--plan already decides {', '.join(given)}", hint=hint)
    return PrunePlan.load(parsed.plan)
