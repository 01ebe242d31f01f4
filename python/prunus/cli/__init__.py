"""The `prunus` command: one module a verb; nothing heavy is imported before a verb runs.

Exit codes: 0 done, 1 an error, 2 wrong usage, 3 a check failed, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prunus.cli.output import emit, silence
from prunus.cli.parser import build_parser
from prunus.cli.settings import with_settings
from prunus.errors import PrunusError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141
VERBOSE = ("-v", "--verbose")


class _Terminated(KeyboardInterrupt):
    """SIGTERM, as sent by `kill`, `docker stop` and Slurm: cleaned up after like Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        silence()
        return BROKEN_PIPE


def _run(words: list[str]) -> int:
    parsed: argparse.Namespace | None = None
    try:
        parser = build_parser()
        words = with_settings(parser, words)
        _refuse_empty(words)
        parsed = parser.parse_args(words)
        with _terminable():
            code: int = parsed.run(parsed)
    except PrunusError as error:
        return _report(error, words)
    except KeyboardInterrupt as stop:
        return _report_stop(stop, words, getattr(parsed, "resume", None))
    return code


def _refuse_empty(words: Sequence[str]) -> None:
    """An empty word is a variable without a value; as a path it would be the current directory."""
    for before, word in zip(["prunus", *words], words, strict=False):
        name, sign, value = word.partition("=")
        if not word or (name.startswith("--") and sign and not value):
            where = f"{name} has an empty value" if word else f"the argument behind {before} is empty"
            raise UsageError(where, hint="Is a variable unset? Give a value, or leave the option out.")


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():  # only the main thread may listen
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _report(error: PrunusError, words: Sequence[str]) -> int:
    """Says what is wrong; by the words of the command line, since the error may be in parsing them."""
    _show_error(words, error.slug, error.message, error.hint, error.details)
    if any(word in VERBOSE for word in words):
        traceback.print_exception(type(error), error, error.__traceback__)
    sys.stderr.write(f"{_named()} {error}\n")
    return error.exit_code


def _report_stop(stop: KeyboardInterrupt, words: Sequence[str], resume: str | None) -> int:
    """Says that the command was stopped, and what is left of its work."""
    terminated = isinstance(stop, _Terminated)
    what = "terminated" if terminated else "interrupted"
    left = f"finished units are kept in {resume}" if resume else "nothing half-written was left behind"
    hint = "The same command does what is missing." if resume else ""
    _show_error(words, what, f"{what}; {left}", hint, {})
    sys.stderr.write(f"\nprunus: {what}; {left}\n" + (f"  {hint}\n" if hint else ""))
    return TERMINATED if terminated else INTERRUPTED


def _show_error(words: Sequence[str], slug: str, message: str, hint: str, details: Mapping[str, object]) -> None:
    if "--json" in words:
        values = {"error": slug, "message": message, "hint": hint, "details": details}
        emit(json.dumps(values, ensure_ascii=False, default=str) + "\n")


def _named() -> str:
    """The program's name before an error, red on a terminal that wants colour (see no-color.org)."""
    wanted = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return "\x1b[1;31mprunus:\x1b[0m" if wanted else "prunus:"
