"""The `prunus` command: one module a verb; nothing heavy is imported before a verb runs.

Exit codes: 0 done, 1 an error, 2 wrong usage, 3 a check failed, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from prunus.cli.parser import build_parser
from prunus.errors import PrunusError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except PrunusError as error:
        return _report(error, parsed)
    except KeyboardInterrupt:
        sys.stderr.write("\nprunus: interrupted; nothing half-written was left behind\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _report(error: PrunusError, parsed: argparse.Namespace) -> int:
    if getattr(parsed, "json", False):
        values = {"error": error.slug, "message": error.message, "hint": error.hint, "details": error.details}
        sys.stdout.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")
    sys.stderr.write(f"prunus: {error}\n")
    return error.exit_code
