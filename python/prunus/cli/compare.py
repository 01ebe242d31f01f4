"""`prunus compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import proof_corpus, say, show

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command, beside those of a corpus."""
    parser.add_argument("a", metavar="A", help="the larger model directory")
    parser.add_argument("b", metavar="B", help="the smaller one, made by any tool")
    parser.add_argument("--corpus", nargs="+", metavar="PATH", help="texts that must give the same tokens")
    parser.add_argument("--no-forward", action="store_true", help="do not compare forward passes")


def run(parsed: argparse.Namespace) -> int:
    """Audits a pair of directories; exit code 3 if a check fails."""
    from prunus.comparing import compare

    report = compare(
        parsed.a,
        parsed.b,
        proof_corpus(parsed),
        invalid_utf8=parsed.invalid_utf8,
        threads=parsed.threads,
        forward=not parsed.no_forward,
        tokenizer_from=parsed.tokenizer_from or "file",
    )
    if parsed.json:
        show(report.to_dict())
    say(parsed, report)
    report.raise_if_failed()
    return 0
