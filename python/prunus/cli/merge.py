"""`prunus merge`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, say, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Adds counts and writes the sum."""
    from prunus.counts import TokenCounts, merge

    check_parent(parsed.out)
    counts = merge([TokenCounts.load(path) for path in parsed.counts])
    counts.save(parsed.out)
    if parsed.json:
        show({"out": parsed.out, "ids": len(counts.ids), "info": asdict(counts.info)})
    say(parsed, counts.summary())
    return 0
