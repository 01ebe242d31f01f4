"""`prunus pack` and `prunus unpack`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import say, show

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser, what: str) -> None:
    """The options of either command."""
    parser.add_argument("source", metavar=what, help="only ever read")
    parser.add_argument("--base", required=True, metavar="MODEL", help="the unpruned directory; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the directory to write; must not exist")
    parser.set_defaults(unpack=what == "DELTA")


def run(parsed: argparse.Namespace) -> int:
    """Writes a delta, or the model that one stands for."""
    from prunus.packing import pack, unpack

    report = (unpack if parsed.unpack else pack)(parsed.source, base=parsed.base, out=parsed.out)
    if parsed.json:
        show(asdict(report))
    say(parsed, report)
    return 0
