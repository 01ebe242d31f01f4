"""`prunus prune-input`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, selected, show

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("model", metavar="MODEL", help="a directory of an encoder; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the directory to write; must not exist")


def run(parsed: argparse.Namespace) -> int:
    """Writes an encoder with a smaller input table and the map of ids: another model than before."""
    from prunus.halves.input import prune_input

    report = prune_input(
        parsed.model,
        selected(parsed),
        parsed.out,
        pad_to_multiple_of=parsed.pad_to_multiple_of,
        drop_files=parsed.drop_file,
        tokenizer_from=parsed.tokenizer_from,
    )
    if parsed.json:
        show(vars(report))
    say(parsed, report)
    return 0
