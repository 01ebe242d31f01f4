"""Plots as inline SVG: lines on logarithmic axes, and stacked bars. Colours come from the page's style sheet."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from prunus.reports.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 16, 48
COLOURS = 6
BAR, BAR_GAP, BAR_LEFT, BAR_RIGHT = 18, 8, 250, 150

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: Name in the legend.
        points: Points in the units of the axes; x ascending.
        mark: A point that is drawn as a dot with a label; None for none.
        label: Text beside the dot.
    """

    name: str
    points: tuple[Point, ...]
    mark: Point | None = None
    label: str = ""


@dataclass(frozen=True)
class Axis:
    """An axis: its title, its range, whether it is logarithmic."""

    title: str
    low: float
    high: float
    log: bool

    def at(self, value: float) -> float:
        """Position from 0 to 1."""
        low, high, value = (log10(v) if self.log else v for v in (self.low, self.high, value))
        return (value - low) / (high - low or 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels of the grid."""
        if self.log:
            powers = range(ceil(log10(self.low)), floor(log10(self.high)) + 1)
            return [(10.0**power, f"{10**power:,}") for power in powers]
        return [(self.low + (self.high - self.low) * n / 5, f"{(self.high - self.low) * n / 5:.0%}") for n in range(6)]


def line_plot(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> Markup:
    """Lines over a grid with a legend; every line's name and dot is also text for readers that see no picture."""
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(point: Point) -> Point:
        return LEFT + x.at(point[0]) * inner_w, TOP + (1 - y.at(point[1])) * inner_h

    parts = [tag("title", title), *_grid(x, y, place)]
    for number, line in enumerate(lines):
        colour = f"c{number % COLOURS}"
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in map(place, line.points))
        parts.append(tag("polyline", tag("title", line.name), points=path, class_=f"line {colour}"))
        if line.mark is not None:
            parts += _mark(line, place(line.mark), colour, number)
    parts += _legend([line.name for line in lines], LEFT + 12, TOP + 14 if y.log is False else HEIGHT - BOTTOM - 12)
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title, class_="plot")


def _grid(x: Axis, y: Axis, place: Callable[[Point], Point]) -> list[Markup]:
    parts = []
    for value, text in x.ticks():
        px, _ = place((value, y.low))
        parts.append(tag("line", x1=px, x2=px, y1=TOP, y2=HEIGHT - BOTTOM, class_="grid"))
        parts.append(tag("text", text, x=px, y=HEIGHT - BOTTOM + 18, text_anchor="middle", class_="tick"))
    for value, text in y.ticks():
        _, py = place((x.low, value))
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=py, y2=py, class_="grid"))
        parts.append(tag("text", text, x=LEFT - 8, y=py + 4, text_anchor="end", class_="tick"))
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    parts.append(tag("text", x.title, x=middle_x, y=HEIGHT - 10, text_anchor="middle", class_="axis"))
    turned = f"rotate(-90 14 {middle_y:.0f})"
    parts.append(tag("text", y.title, x=14, y=middle_y, text_anchor="middle", class_="axis", transform=turned))
    return parts


def _mark(line: Line, at: Point, colour: str, number: int) -> list[Markup]:
    """A dot, and its label at the foot of a line down to the axis, where no curve runs; each label has a row."""
    left = at[0] > WIDTH / 2
    shift, anchor = (-8, "end") if left else (8, "start")
    foot = HEIGHT - BOTTOM
    return [
        tag("line", x1=at[0], x2=at[0], y1=at[1], y2=foot, class_=f"drop line {colour}"),
        tag("circle", cx=at[0], cy=at[1], r=5, class_=f"dot {colour}"),
        tag("text", line.label, x=at[0] + shift, y=foot - 10 - 18 * number, text_anchor=anchor, class_="label"),
    ]


def _legend(names: Sequence[str], left: float, top: float) -> list[Markup]:
    """Names under each other; upwards where the plot's free corner is the lower one."""
    step = 18 if top < HEIGHT / 2 else -18
    parts = []
    for number, name in enumerate(names):
        y = top + number * step
        parts.append(tag("rect", x=left, y=y - 9, width=12, height=12, class_=f"key c{number % COLOURS}"))
        parts.append(tag("text", name, x=left + 18, y=y + 1, class_="label"))
    return parts


def bars(title: str, rows: Sequence[tuple[str, Sequence[float], str]], classes: Sequence[str]) -> Markup:
    """Horizontal stacked bars.

    Args:
        title: What is shown.
        rows: Name, parts of the bar, and the text at its end.
        classes: Class of each part.
    """
    largest = max((sum(parts) for _, parts, _ in rows), default=0) or 1
    room = WIDTH - BAR_LEFT - BAR_RIGHT
    drawn = [tag("title", title)]
    for number, (name, parts, text) in enumerate(rows):
        top, left = number * (BAR + BAR_GAP) + BAR_GAP, float(BAR_LEFT)
        drawn.append(tag("text", name, x=BAR_LEFT - 8, y=top + 13, text_anchor="end", class_="label"))
        for part, class_ in zip(parts, classes, strict=True):
            width = part / largest * room
            drawn.append(tag("rect", x=left, y=top, width=width, height=BAR, class_=class_))
            left += width
        drawn.append(tag("text", text, x=left + 8, y=top + 13, class_="tick"))
    height = len(rows) * (BAR + BAR_GAP) + 2 * BAR_GAP
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=title, class_="plot")
