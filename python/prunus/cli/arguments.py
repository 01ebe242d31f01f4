"""An argument parser whose errors are Prunus's own: with the nearest valid name, and machine-readable on request."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from prunus.errors import UsageError
from prunus.suggest import did_you_mean


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would print and exit; takes no abbreviations, so that a typo is an error."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{**keywords, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Turns argparse's message into an error that says what was probably meant.

        Raises:
            UsageError: Always.
        """
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        unknown = re.search(r"unrecognized arguments: (-[^\s=]+)", message)
        near = ""
        if choice:
            near = did_you_mean(choice[1], re.split(r",\s*", choice[2].replace("'", "")))
        elif unknown:
            near = did_you_mean(
                unknown[1], (o for parser in (self, *subparsers(self).values()) for o in options(parser))
            )
        raise UsageError(message, hint=f"{near} See {self.prog} --help.".strip())


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands by name."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options of one parser that its help shows, by each of their spellings."""
    shown = (action for action in parser._actions if action.help != argparse.SUPPRESS)
    return {option: action for action in shown for option in action.option_strings}
