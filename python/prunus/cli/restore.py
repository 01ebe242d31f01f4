"""`prunus restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import say, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Writes the full-size model and says what came from where."""
    from prunus.restoring import restore

    report = restore(parsed.pruned, base=parsed.base, out=parsed.out, record=parsed.record)
    if parsed.json:
        show(asdict(report))
    say(parsed, report)
    return 0
