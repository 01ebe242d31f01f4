"""`prunus plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, opened, say, selected, show
from prunus.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from prunus.planned import PrunePlan
    from prunus.selection import KeepSet


def run(parsed: argparse.Namespace) -> int:
    """Shows what pruning would do; writes nothing but the plan, if asked."""
    if parsed.out:
        check_parent(parsed.out)
    made = planned(parsed, selected(parsed))
    if parsed.out:
        made.save(parsed.out)
    if parsed.json:
        show(made.to_dict(tokens=False))
    say(parsed, made)
    if parsed.out:
        say(
            parsed,
            f"\nwritten to {parsed.out}: `prunus prune {parsed.model} --plan {parsed.out} -o OUT` carries it out",
        )
    return 0


def planned(parsed: argparse.Namespace, keep: KeepSet) -> PrunePlan:
    """The plan that the options of `plan` and `prune` describe."""
    from prunus.planning import plan

    made = plan(
        parsed.model,
        keep,
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
    )
    return _estimated(parsed, made) if holds_out(parsed) else made


def holds_out(parsed: argparse.Namespace) -> bool:
    """Whether the options name text that is held out."""
    return parsed.holdout is not None or parsed.holdout_every is not None


def _estimated(parsed: argparse.Namespace, made: PrunePlan) -> PrunePlan:
    """The plan with what it does to the text that was held out."""
    from prunus.corpus.held import HeldOut
    from prunus.heldout import estimate

    if parsed.holdout is not None and parsed.holdout_every is not None:
        raise UsageError("--holdout and --holdout-every both name held-out text", hint="Choose one.")
    corpus = opened(parsed, parsed.holdout or parsed.corpus, parsed.column)
    if parsed.holdout_every is not None:
        corpus = HeldOut(corpus, parsed.holdout_every, held=True)
    return replace(made, held_out=estimate(made, corpus))
