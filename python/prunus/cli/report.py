"""`prunus report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import check_parent, say, show
from prunus.cli.output import emit

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("sources", nargs="+", metavar="COUNTS|OUT", help="counts files and pruned directories")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page with plots")


def run(parsed: argparse.Namespace) -> int:
    """Shows counts and pruned directories, side by side, on standard output; writes the page, if asked."""
    from prunus.reports.build import report

    if parsed.html:
        check_parent(parsed.html)
    made = report(*parsed.sources)
    if parsed.html:
        made.save(parsed.html)
    if parsed.json:
        show(made.to_dict())
    elif not parsed.quiet:
        emit(f"{made}\n")
    if parsed.html:
        say(parsed, f"wrote {parsed.html}")
    return 0
