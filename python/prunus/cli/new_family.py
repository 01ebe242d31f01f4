"""`prunus new-family`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, show

if TYPE_CHECKING:
    import argparse


def grammar(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("name", metavar="NAME", help="name of the family, such as my-model")
    parser.add_argument("-o", "--out", metavar="DIR", help="where to write it (default: prunus-NAME)")


def run(parsed: argparse.Namespace) -> int:
    """Writes a package that passes its test as it is, and says what to do next."""
    from prunus.plugin.newfamily import new_family

    made = new_family(parsed.name, parsed.out)
    if parsed.json:
        show({"out": str(made), "files": sorted(str(p.relative_to(made)) for p in made.rglob("*") if p.is_file())})
    say(parsed, f'wrote {made}; next: pip install -e {made} "prunus[testing]" && pytest {made}')
    return 0
