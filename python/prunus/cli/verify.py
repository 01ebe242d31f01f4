"""`prunus verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import proof_corpus, say, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Proves a pruned directory against its source; exit code 3 if a check fails."""
    from prunus.verification import verify

    report = verify(
        parsed.model,
        parsed.out,
        proof_corpus(parsed),
        invalid_utf8=parsed.invalid_utf8,
        threads=parsed.threads,
        forward=not parsed.no_forward,
        tokenizer_from=parsed.tokenizer_from,
    )
    if parsed.json:
        show(report.to_dict())
    say(parsed, report)
    report.raise_if_failed()
    return 0
