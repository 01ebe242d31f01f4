"""`prunus prune-head`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, selected, show

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("model", metavar="MODEL", help="a directory with an output head; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the directory to write; must not exist")
    parser.add_argument("--tokenizer", metavar="T", help="the target's directory, where MODEL has no tokenizer")
    parser.add_argument(
        "--multiple-of", type=int, default=1, metavar="M", help="fill up with the next most frequent tokens"
    )


def run(parsed: argparse.Namespace) -> int:
    """Writes a model with a smaller output head and its id maps: another model than before."""
    from prunus.halves.head import prune_head

    report = prune_head(
        parsed.model,
        selected(parsed),
        parsed.out,
        tokenizer=parsed.tokenizer,
        multiple_of=parsed.multiple_of,
        tokenizer_from=parsed.tokenizer_from,
    )
    if parsed.json:
        show(vars(report))
    say(parsed, report)
    return 0
