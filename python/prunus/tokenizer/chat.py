"""The words of chat templates: literal text that every prompt will hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from prunus.checkpoint.jsontext import read_bytes, read_object
from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunus.checkpoint.jsontext import Json

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}


def chat_template_texts(directory: str | Path) -> list[str]:
    """The literal pieces of text of a directory's chat templates: between the tags, and quoted inside them.

    Args:
        directory: A model directory; one without templates gives no texts.

    Raises:
        TokenizerError: A file is damaged.

    Example:
        >>> chat_template_texts("SmolLM2-135M-Instruct")[:2]  # doctest: +SKIP
        ['<|im_start|>', '<|im_end|>']
    """
    found: dict[str, None] = {}
    for template in _templates(Path(directory)):
        found.update(dict.fromkeys(literals(template)))
    return list(found)


def literals(template: str) -> Iterator[str]:
    """The literal pieces of text of one template.

    Line breaks after a block tag and white space that `-` strips never reach a prompt; both readings are given where
    they differ, since that costs a token at most.

    Example:
        >>> list(literals("{% if x %}<s>{{ '[INST] ' + x }}{% endif %}"))
        ['<s>', '[INST] ']
    """
    end = 0
    for tag in _TAG.finditer(template):
        yield from _readings(template[end : tag.start()])
        end = tag.end()
        if not tag[0].startswith("{#"):
            for quoted in _STRING.finditer(tag[0]):
                text = _ESCAPE.sub(
                    lambda m: _ESCAPES.get(m[1], m[1]), quoted[1] if quoted[1] is not None else quoted[2]
                )
                if text:
                    yield text
    yield from _readings(template[end:])


def _readings(text: str) -> Iterator[str]:
    yield from dict.fromkeys(reading for reading in (text, text.removeprefix("\n"), text.strip()) if reading)


def _templates(directory: Path) -> Iterator[str]:
    names = sorted((*directory.glob("chat_template*.jinja"), *directory.glob("additional_chat_templates/*.jinja")))
    for path in names:
        try:
            yield read_bytes(path, TokenizerError).decode("utf-8")
        except UnicodeDecodeError as cause:
            raise TokenizerError(f"{path}: is not UTF-8: {cause}", file=str(path)) from cause
    for name in ("chat_template.json", "tokenizer_config.json", "processor_config.json"):
        path = directory / name
        if path.is_file():
            yield from _strings(read_object(path, TokenizerError).get("chat_template"))


def _strings(value: Json) -> Iterator[str]:
    """The templates in a field: one, several by name, or a list of names and templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry.get("template") if isinstance(entry, dict) else None)
