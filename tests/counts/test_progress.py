"""The progress line: seen on a terminal, silent everywhere else."""

from __future__ import annotations

import io

import pytest

from prunus.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def test_shows_speed_share_and_time_left_and_clears_itself():
    stream, clock = Terminal(), Clock()
    with ProgressLine(stream=stream, clock=clock) as progress:
        clock.now = 2.0
        progress.update(rows=12_345, text_bytes=50_000_000, bytes_read=1_000, total_bytes=4_000)
        assert stream.getvalue() == "\r12,345 rows  50.0 MB  25.0 MB/s  25%  0:06 left"
    after = stream.getvalue().rpartition("left")[2]
    assert after.startswith("\r")
    assert after.endswith("\r")
    assert after.strip() == ""


def test_total_unknown_says_no_share():
    stream, clock = Terminal(), Clock()
    progress = ProgressLine(stream=stream, clock=clock)
    clock.now = 1.0
    progress.update(rows=1, text_bytes=1_000_000)
    assert stream.getvalue() == "\r1 rows  1.0 MB  1.0 MB/s"


def test_hours_and_more_bytes_than_expected():
    stream, clock = Terminal(), Clock()
    progress = ProgressLine(stream=stream, clock=clock)
    clock.now = 3600.0
    progress.update(rows=1, text_bytes=1, bytes_read=1, total_bytes=3)
    assert "2:00:00 left" in stream.getvalue()
    clock.now += 1
    progress.update(rows=1, text_bytes=1, bytes_read=9, total_bytes=3)
    assert "100%  0:00 left" in stream.getvalue()


def test_at_most_ten_updates_a_second():
    stream, clock = Terminal(), Clock()
    progress = ProgressLine(stream=stream, clock=clock)
    for step in range(1000):
        clock.now = step / 1000
        progress.update(rows=step, text_bytes=step)
    assert 5 <= stream.getvalue().count("\r") <= 10


def test_a_shorter_line_leaves_nothing_of_a_longer_one():
    stream, clock = Terminal(), Clock()
    progress = ProgressLine(stream=stream, clock=clock)
    for rows in (10**12, 1):
        clock.now += 1
        progress.update(rows=rows, text_bytes=1)
    long, short = stream.getvalue().split("\r")[1:]
    assert len(short) == len(long)


def test_a_narrow_terminal_does_not_wrap(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream, clock = Terminal(), Clock()
    progress = ProgressLine(stream=stream, clock=clock)
    clock.now = 1
    progress.update(rows=10**15, text_bytes=10**15)
    assert len(stream.getvalue().strip("\r")) == 19


@pytest.mark.parametrize(
    ("stream", "quiet", "term"),
    [(io.StringIO(), False, "xterm"), (Terminal(), True, "xterm"), (Terminal(), False, "dumb")],
)
def test_silent_otherwise(monkeypatch, stream, quiet, term):
    monkeypatch.setenv("TERM", term)
    clock = Clock()
    with ProgressLine(stream=stream, quiet=quiet, clock=clock) as progress:
        clock.now = 5
        progress.update(rows=1, text_bytes=1)
    assert stream.getvalue() == ""


def test_a_closed_stream_is_silent():
    stream = Terminal()
    stream.close()
    stream.isatty = lambda: (_ for _ in ()).throw(ValueError("closed"))
    ProgressLine(stream=stream).update(rows=1, text_bytes=1)
