"""`prunus merge`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import check_counts_out, say, show
from prunus.errors import UsageError

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Adds counts and writes the sum."""
    from prunus.merging import merge_files

    check_counts_out(parsed.out, parsed.counts)
    counts = merge_files(parsed.counts, partial=parsed.partial)
    if counts.info.part is not None and not parsed.partial:
        missing = counts.info.part.missing()
        shown = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
        raise UsageError(
            f"{counts.info.part}: {len(missing):,} are missing: {shown}",
            hint="Name the counts of all shards, or accept a part with --partial.",
            missing=missing[:1000],
        )
    counts.save(parsed.out)
    if parsed.json:
        show({"out": parsed.out, "ids": len(counts.ids), "info": asdict(counts.info)})
    say(parsed, counts.summary())
    return 0
