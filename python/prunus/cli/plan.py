"""`prunus plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, say, selected, show

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
    return 0


def planned(parsed: argparse.Namespace, keep: KeepSet) -> PrunePlan:
    """The plan that the options of `plan` and `prune` describe."""
    from prunus.planning import plan

    return plan(
        parsed.model,
        keep,
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
    )
