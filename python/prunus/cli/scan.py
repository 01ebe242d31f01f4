"""`prunus scan`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, say, scanned, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Counts a corpus, writes the counts if asked, and sums up."""
    if parsed.out:
        check_parent(parsed.out)
    counts = scanned(
        parsed,
        parsed.corpus,
        parsed.tokenizer,
        add_special_tokens=not parsed.no_special_tokens,
        truncate=parsed.truncate,
        path=parsed.path,
        memory=parsed.memory,
    )
    if parsed.out:
        counts.save(parsed.out)
    if parsed.json:
        show({"out": parsed.out, "ids": len(counts.ids), "info": asdict(counts.info)})
    say(parsed, counts.summary())
    if not parsed.out and not parsed.json:
        say(parsed, "the counts were not saved; give -o FILE to keep them")
    return 0
