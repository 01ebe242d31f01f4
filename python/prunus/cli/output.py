"""Standard output, which may be a full disk or a pipe that nobody reads."""

from __future__ import annotations

import os
import sys

from prunus.errors import OutputError


def emit(text: str) -> None:
    """Writes a result to standard output, at once.

    Raises:
        OutputError: It takes no more.
        BrokenPipeError: Nobody reads it.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        hint = "Free space, or send the output to another place."
        raise OutputError(f"standard output: cannot be written: {error.strerror}", hint=hint) from error


def silence() -> None:
    """Lets what waits for standard output go nowhere, so that the interpreter does not try it again on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
