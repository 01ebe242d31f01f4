"""Added tokens, with the ids that the `tokenizers` library really gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.checkpoint.jsontext import Json

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class AddedToken:
    """A token that is matched in the text before the model sees it.

    Attributes:
        id: The id it gets on loading, which need not be the one in the file.
        content: Its text.
        special: Whether decoding may skip it.
        in_model: Whether the model's vocabulary has it too.
        record: Its entry in the file.
    """

    id: int
    content: str
    special: bool
    in_model: bool
    record: Mapping[str, Any]


def read_added(
    data: Mapping[str, Any], model_ids: Mapping[str, int], model_size: int, file: str
) -> tuple[AddedToken, ...]:
    """The added tokens as the library loads them.

    The library ignores the `id` of an entry: a token that the model knows has the model's id, any other gets the next
    free number, counted from the *number* of entries of the model's vocabulary. An entry that names a token again
    changes its flags but not its id; an empty one is skipped.

    Args:
        data: The parsed file.
        model_ids: Ids by token of the model.
        model_size: Number of entries of the model's vocabulary.
        file: Name for messages.

    Raises:
        TokenizerError: An entry is malformed.
    """
    records = data.get("added_tokens", [])
    if not isinstance(records, list):
        raise TokenizerError(f"{file}: added_tokens is no list", file=file)
    given: dict[str, int] = {}
    next_id = model_size
    added = []
    for position, record in enumerate(records):
        content = _content(record, position, file)
        if content == "":
            continue
        if content not in given and content in model_ids:
            given[content] = model_ids[content]
        elif content not in given:
            given[content], next_id = next_id, next_id + 1
        added.append(AddedToken(given[content], content, record["special"], content in model_ids, record))
    return tuple(added)


def _content(record: Json, position: int, file: str) -> str:
    where = f"{file}: added token {position}"
    if not isinstance(record, dict) or not isinstance(record.get("content"), str):
        raise TokenizerError(f"{where} has no content", file=file)
    content: str = record["content"]
    if type(record.get("id")) is not int or not 0 <= record["id"] < 2**32:
        raise TokenizerError(f"{where} ({content!r}) has the id {record.get('id')!r}", file=file)
    for flag in _FLAGS:
        if not isinstance(record.get(flag), bool):
            raise TokenizerError(f"{where} ({content!r}) does not say whether it is {flag}", file=file)
    return content
