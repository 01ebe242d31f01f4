"""`prunus completion`: what a shell needs to complete commands, options and their choices; made from the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.arguments import options, subparsers
from prunus.cli.output import emit

if TYPE_CHECKING:
    import argparse

SHELLS = ("bash", "zsh", "fish")


def grammar(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("shell", choices=SHELLS, help='bash and zsh: eval "$(prunus completion bash)"')


def run(parsed: argparse.Namespace) -> int:
    """Writes the script on standard output."""
    from prunus.cli.parser import build_parser

    parser = build_parser()
    emit(_fish(parser) if parsed.shell == "fish" else _bash(parser, zsh=parsed.shell == "zsh"))
    return 0


def _bash(parser: argparse.ArgumentParser, *, zsh: bool) -> str:
    """A function of bash, which zsh takes through its own `bashcompinit`."""
    cases = []
    choices: dict[str, str] = {}
    for name, command in subparsers(parser).items():
        known = options(command)
        cases.append(f'    {name}) words="{" ".join(sorted(known))}{_positional(command)}" ;;')
        choices |= {option: " ".join(map(str, a.choices)) for option, a in known.items() if a.choices}
    commands = " ".join([*subparsers(parser), *options(parser)])
    values = [f'    {option}) words="{words}"; given=yes ;;' for option, words in sorted(choices.items())]
    lines = [
        *(["autoload -U +X bashcompinit && bashcompinit"] if zsh else []),
        "_prunus() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words="" given=""',
        '  case "${COMP_WORDS[1]}" in',
        *cases,
        "  esac",
        '  case "$prev" in',
        *values,
        "  esac",
        f'  if [ "$COMP_CWORD" -eq 1 ]; then words="{commands}"; given=yes; fi',
        '  case "$cur" in -*) given=yes ;; esac',
        '  if [ -n "$given" ] || [ "${COMP_WORDS[1]}" = completion ]; then',
        '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "  else",
        "    COMPREPLY=()",
        "  fi",
        "}",
        "complete -o default -F _prunus prunus",
    ]
    return "\n".join(lines) + "\n"


def _positional(command: argparse.ArgumentParser) -> str:
    return "".join(f" {choice}" for a in command._actions if not a.option_strings for choice in a.choices or ())


def _fish(parser: argparse.ArgumentParser) -> str:
    lines = []
    helps = {a.dest: a.help for group in parser._subparsers._group_actions for a in group._choices_actions}  # type: ignore[union-attr]
    for name, command in subparsers(parser).items():
        lines.append(f"complete -c prunus -n __fish_use_subcommand -a {name} -d {_quoted(helps.get(name))}")
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        for option, action in options(command).items():
            spelt = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            takes = "" if action.nargs == 0 else " -r"
            values = f" -f -a '{' '.join(map(str, action.choices))}'" if action.choices else ""
            lines.append(f"complete -c prunus {seen} {spelt}{takes}{values} -d {_quoted(action.help)}")
        if _positional(command):
            lines.append(f"complete -c prunus {seen} -f -a '{_positional(command).strip()}'")
    return "\n".join(lines) + "\n"


def _quoted(text: str | None) -> str:
    return "'" + (text or "").replace("\\", "\\\\").replace("'", "\\'") + "'"
