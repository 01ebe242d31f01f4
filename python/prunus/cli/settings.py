"""`prunus.toml`: options of commands by a file; an option on the command line goes before its value there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.cli.arguments import options, subparsers
from prunus.errors import UsageError
from prunus.suggest import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

NAME = "prunus.toml"


def with_settings(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """The arguments, followed by those that `prunus.toml` in this directory, or `--config FILE`, has for the command.

    Raises:
        UsageError: The file is broken, or names a command or option that does not exist.
    """
    words, file = _without_config(arguments)
    commands = subparsers(parser)
    command = next((word for word in words if not word.startswith("-")), "")
    if command not in commands or (file is None and not Path(NAME).is_file()):
        return words
    path = Path(file or NAME)
    tables = _read(path)
    for name in tables:
        if name not in commands:
            raise UsageError(f"{path}: no command {name!r}", hint=did_you_mean(name, commands), file=str(path))
    added = _words(commands[command], tables.get(command, {}), words, f"{path}: [{command}]")
    end = words.index("--") if "--" in words else len(words)
    return words[:end] + added + words[end:]


def _without_config(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    words = list(arguments)
    for place, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--config="):
            return words[:place] + words[place + 1 :], word.partition("=")[2]
        if word == "--config":
            if place + 1 == len(words):
                raise UsageError("--config: a file is missing", hint=f"Name a {NAME}.")
            return words[:place] + words[place + 2 :], words[place + 1]
    return words, None


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}", file=str(path)) from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            hint = "Options stand in the table of their command, such as [scan]."
            raise UsageError(f"{path}: {name!r} is no table", hint=hint, file=str(path))
    return tables


def _words(parser: argparse.ArgumentParser, table: dict[str, Any], given: Sequence[str], where: str) -> list[str]:
    """The table as command-line words, but for the options that are given already."""
    known = options(parser)
    words: list[str] = []
    for name, value in table.items():
        option = f"--{name}"
        if option not in known or option == "--help":
            names = [spelt[2:] for spelt in known if spelt.startswith("--")]
            raise UsageError(f"{where}: no option {name!r}", hint=did_you_mean(name, names))
        if not any(_is_given(word, known[option]) for word in given):
            words += _option_words(known[option], option, value, where)
    return words


def _is_given(word: str, action: argparse.Action) -> bool:
    """Whether a word is the option, with a value, or a short one with its value joined."""
    spelt = word.partition("=")[0]
    for option in action.option_strings:
        if spelt == option:
            return True
        if not option.startswith("--") and not word.startswith("--") and word.startswith(option):
            return True
    return False


def _option_words(action: argparse.Action, option: str, value: Any, where: str) -> list[str]:
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {option[2:]} is true or false, not {value!r}")
        return [option] if value else []
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, (bool, dict, list)) for one in values):
        raise UsageError(f"{where}: {option[2:]} takes text, numbers, or a list of them, not {value!r}")
    if action.nargs in {"+", 2}:
        return [option, *map(str, values)]
    return [f"{option}={one}" for one in values]
