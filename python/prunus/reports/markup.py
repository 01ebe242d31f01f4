"""HTML and SVG elements that are well-formed by construction."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: str | Iterable[str], **attributes: object) -> Markup:
    """An element; text among the children is escaped.

    Args:
        name: Name of the element.
        children: Texts, elements, or lists of them.
        attributes: Values of attributes; `_` in a name becomes `-`, one at its end is left out, None leaves it out.

    Example:
        >>> tag("text", "a < b", class_="label", text_anchor="end", x=1.5)
        '<text class="label" text-anchor="end" x="1.5">a &lt; b</text>'
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(_child(part) for child in children for part in ([child] if isinstance(child, str) else child))
    return Markup(f"<{name}{shown}>{inner}</{name}>" if inner or name not in _EMPTY else f"<{name}{shown}/>")


_EMPTY = frozenset({"meta", "br", "line", "circle", "rect", "path", "polyline"})


def _child(child: str) -> str:
    return child if isinstance(child, Markup) else _text(child)


def _text(text: str) -> str:
    """Escaped, and without the characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text))


def _number(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
