"""`prunus explain-tokenizer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import show
from prunus.cli.output import emit

if TYPE_CHECKING:
    import argparse

    from prunus.scanning import Scanner

WAYS = {
    "native": "cuts raw text with a scanner written for this pipeline, tokenises each distinct piece once",
    "generic": "lets the library split each row, tokenises each distinct piece once",
    "row": "lets the library encode every row",
}


def grammar(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("tokenizer", metavar="T", help="a tokenizer.json or a directory with one")
    parser.add_argument("--tokenizer-from", choices=["file", "transformers"], help="which one, where the two differ")
    parser.add_argument("--json", action="store_true", help="machine-readable result on standard output")


def run(parsed: argparse.Namespace) -> int:
    """Says which path a scan would take with a tokenizer, and why."""
    from prunus.scanning import Scanner

    facts = _facts(Scanner(parsed.tokenizer, tokenizer_from=parsed.tokenizer_from))
    if parsed.json:
        show(facts)
    else:
        emit("".join(f"{name + ':':14}{value}\n" for name, value in facts.items()))
    return 0


def _facts(scanner: Scanner) -> dict[str, object]:
    engine = scanner.engine
    file_says = [what for what, told in (("truncates", engine.has_truncation), ("pads", engine.has_padding)) if told]
    return {
        "path": engine.path,
        "why": engine.path_reason,
        "which": WAYS[engine.path.split(":")[0]],
        "ids": engine.size,
        "file says": f"{' and '.join(file_says)} (switched off)" if file_says else "neither truncates nor pads",
        "oracle": engine.oracle,
        "fingerprint": engine.fingerprint,
    }
