"""`prunus plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, say, selected, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Shows what pruning would do; writes nothing but the plan, if asked."""
    from prunus.planning import plan

    if parsed.out:
        check_parent(parsed.out)
    planned = plan(
        parsed.model,
        selected(parsed),
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
    )
    if parsed.out:
        planned.save(parsed.out)
    if parsed.json:
        show(planned.to_dict(tokens=False))
    say(parsed, planned)
    return 0
