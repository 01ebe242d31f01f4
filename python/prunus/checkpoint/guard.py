"""Fields of configs that look like token ids and that no rule knows: said in the plan, and left as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.config import read_config
from prunus.checkpoint.jsontext import read_object
from prunus.checkpoint.schema import CONFIG_FILES, shape_of
from prunus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LOOKS_LIKE_IDS = re.compile(r"(^|_)(ids?|idx|index|indices)$")
# Of config classes of transformers, and of the files around: layers, channels, labels, languages, experts, files.
_ARE_NONE = re.compile(
    r"layer|channel|expert|out_(features|indices)|ignore_index|label|head_in|altup|eval_idx|decode_index|merge_index"
    r"|lang_id$|prompt_id$|tag_pad_id|subs_pad_id|audio_stream|segment|token_type|per_seconds|id2label|output_indices"
)
_ARE_NUMBERS = re.compile(
    r"size|dim|layer|head|length|position|num|max|min|hidden|width|window|rate|rank|steps|theta|base"
)
_ADDED_TO = frozenset({"image_token_offset", "audio_token_offset"})
_DEEPEST = 64
_SMALL = 255


def unclear_fields(directory: str | Path, named: Collection[str], known_ids: Collection[int]) -> tuple[str, ...]:
    """One line for each field that may hold a token id and is none that Prunus knows.

    A field is unclear if its name ends like an id, or if its value is one that another field names as a token.

    Args:
        directory: A model directory.
        named: Dotted paths in `config.json` that the family names as ids.
        known_ids: Ids that known fields name.

    Raises:
        ConfigError: A file is broken, or a field is the first of a range of ids that codes are added to.

    Example:
        >>> unclear_fields("model", (), {50256})  # doctest: +SKIP
        ('config.json: stop is 50256, which other fields use as a token id',)
    """
    found = []
    for file in CONFIG_FILES:
        if file != CONFIG_FILES[0] and not (Path(directory) / file).exists():
            continue
        document = (
            read_config(directory) if file == CONFIG_FILES[0] else read_object(Path(directory) / file, ConfigError)
        )
        for path, name, value in _plain(document, ""):
            if name in _ADDED_TO:
                raise ConfigError(
                    f"{file}: {path} is {value}: codes are added to it, so its tokens may not be renumbered",
                    hint="Prunus cannot prune a vocabulary that holds such a range.",
                    field=path,
                )
            if path not in named and (why := _why(name, value, known_ids)):
                found.append(f"{file}: {path} is {value}, {why}")
    return tuple(found)


def _plain(document: dict[str, Any], above: str, depth: int = 0) -> Iterator[tuple[str, str, int | list[int]]]:
    """Integers and lists of integers in fields that no rule knows."""
    for name, value in document.items():
        path = f"{above}{name}"
        if shape_of(name) is not None or name.endswith("vocab_size"):
            continue
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _plain(value, f"{path}.", depth + 1)
        elif type(value) is int or (isinstance(value, list) and value and all(type(item) is int for item in value)):
            yield path, name, value


def _why(name: str, value: int | list[int], known_ids: Collection[int]) -> str:
    if _ARE_NONE.search(name):
        return ""
    if _LOOKS_LIKE_IDS.search(name):
        return "whose name ends like that of a token id"
    values = value if isinstance(value, list) else [value]
    if not _ARE_NUMBERS.search(name) and all(number > _SMALL and number in known_ids for number in values):
        return "which other fields use as a token id"
    return ""
