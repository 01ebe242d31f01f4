"""One line on standard error that says how far a scan is, where somebody watches; silent otherwise."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_INTERVAL = 0.1
_MB = 1e6


class ProgressLine:
    """Rows, megabytes, speed, and, where the total is known, the share done and the time left.

    Nothing is ever written to a stream that is no terminal, to a dumb terminal, or when `quiet`.

    Args:
        quiet: Write nothing.
        stream: Where to write; standard error if None.
        clock: Seconds, monotonic.

    Example:
        >>> with ProgressLine(quiet=True) as progress:
        ...     progress.update(rows=10, text_bytes=2_000_000, bytes_read=1_000_000, total_bytes=4_000_000)
    """

    def __init__(
        self, *, quiet: bool = False, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._enabled = not quiet and os.environ.get("TERM") != "dumb" and _is_terminal(self._stream)
        self._started = clock()
        self._shown = self._started - _INTERVAL
        self._width = 0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, *, rows: int, text_bytes: int, bytes_read: int = 0, total_bytes: int | None = None) -> None:
        """Show where the scan is; at most ten times a second, further calls cost nothing.

        Args:
            rows: Texts encoded so far.
            text_bytes: Bytes of these texts.
            bytes_read: Bytes of the sources consumed so far.
            total_bytes: Bytes of all sources; None if unknown.
        """
        now = self._clock()
        if not self._enabled or now - self._shown < _INTERVAL:
            return
        self._shown = now
        self._write(_line(now - self._started, rows, text_bytes, bytes_read, total_bytes))

    def close(self) -> None:
        """Clear the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def _write(self, line: str) -> None:
        # A line as wide as the terminal would wrap, and then a carriage return no longer reaches its start.
        line = line[: shutil.get_terminal_size().columns - 1]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _line(seconds: float, rows: int, text_bytes: int, bytes_read: int, total_bytes: int | None) -> str:
    speed = text_bytes / _MB / seconds if seconds > 0 else 0.0
    line = f"{rows:,} rows  {text_bytes / _MB:,.1f} MB  {speed:,.1f} MB/s"
    if not total_bytes:
        return line
    share = min(bytes_read / total_bytes, 1.0)
    left = f"  {_duration(seconds * (1 - share) / share)} left" if share > 0 else ""
    return f"{line}  {share:.0%}{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
