"""`tokenizer_config.json` and `special_tokens_map.json`: ids renumbered, dropped tokens removed, the rest as it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.jsontext import parse_object, read_object, replace_value
from prunus.errors import SelectionError, TokenizerError, UnsupportedFileError
from prunus.tokenizer.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from prunus.checkpoint.jsontext import Json
    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument

CONFIGS = ("tokenizer_config.json", "special_tokens_map.json")
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
LISTS = ("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens")
_VOCABULARIES = frozenset(
    {"vocab", "vocabulary", "merges", "scores", "encoder", "decoder", "id_to_token", "token_to_id"}
)
_SENTINEL = re.compile(r"<extra_id_(\d+)>")


def rewrite_config(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    """The file with its ids renumbered; every other byte stays.

    Raises:
        SelectionError: A dropped token has a role (`eos_token`, …), or is a sentinel in the middle.
        TokenizerError: The file and `tokenizer.json` disagree.
        UnsupportedFileError: It holds a vocabulary of its own.
    """
    config = parse_object(data, name, TokenizerError)
    text = data.decode("utf-8")
    _refuse_vocabularies(config, name)
    for path, value in _edits(config, name, document, remap):
        text = replace_value(text, [path], value)
    return text.encode("utf-8")


def role_ids(directory: Path, document: TokenizerDocument) -> dict[int, Reason]:
    """Ids of the tokens to which the tokenizer's configs give a role, such as `eos_token`; they cannot be dropped.

    Raises:
        TokenizerError: A config is damaged.
    """
    found: dict[int, Reason] = {}
    for name in CONFIGS:
        if (directory / name).is_file():
            config = read_object(directory / name, TokenizerError)
            for field, value in config.items():
                for content in _role_tokens(field, value):
                    if content in document.ids:
                        found.setdefault(document.ids[content], Reason(f"config: {field}"))
                for identifier in _id_list(value) if field.endswith(("_token_id", "_token_ids")) else ():
                    if identifier in document.tokens:
                        found.setdefault(identifier, Reason(f"config: {field}"))
    return found


def sentinels_before(document: TokenizerDocument, kept: Collection[int]) -> set[int]:
    """Ids of the sentinels `<extra_id_N>` whose number is below that of a kept one."""
    sentinels = {int(m[1]): i for token, i in document.ids.items() if (m := _SENTINEL.fullmatch(token))}
    last = max((number for number, identifier in sentinels.items() if identifier in kept), default=-1)
    return {identifier for number, identifier in sentinels.items() if number < last}


def _role_tokens(field: str, value: Json) -> Iterator[str]:
    """Contents that a field gives a role: `eos_token`, and the names inside `extra_special_tokens`."""
    members = value if field in LISTS and isinstance(value, dict) else {field: value}
    for name, member in members.items():
        content = _content(member)
        if (members is value or name.endswith("_token")) and isinstance(content, str):
            yield content


def _id_list(value: Json) -> list[int]:
    ids = value if isinstance(value, list) else [value]
    return ids if ids and all(type(i) is int for i in ids) else []


def _edits(
    config: dict[str, Any], name: str, document: TokenizerDocument, remap: IdRemap
) -> Iterator[tuple[str, Json]]:
    if config.get("extra_ids", "T5" in str(config.get("tokenizer_class"))):
        yield from _extra_ids(config.get("extra_ids"), name, document, remap)
    decoder = config.get("added_tokens_decoder")
    if decoder:
        yield "added_tokens_decoder", _decoder(decoder, name, document, remap)
    for field, value in config.items():
        if field.endswith("_token") and isinstance(_content(value), str):
            _check_role(field, str(_content(value)), name, document, remap)
        elif field in LISTS and value:
            kept = _kept_members(field, value, name, document, remap)
            if kept != value:
                yield field, kept
        elif field.endswith(("_token_id", "_token_ids")):
            yield from _ids(field, value, name, document, remap)
        elif field == "vocab_size" and value == len(document.model_tokens):
            yield field, sum(old in document.model_tokens for old in remap.old_ids.tolist())


def _refuse_vocabularies(config: dict[str, Any], name: str) -> None:
    for field in _VOCABULARIES & config.keys():
        if isinstance(config[field], (dict, list)) and config[field]:
            raise UnsupportedFileError(f"{name}: {field} is a vocabulary of its own, which is not rewritten", file=name)


def _decoder(decoder: Json, name: str, document: TokenizerDocument, remap: IdRemap) -> dict[str, Json]:
    if not isinstance(decoder, dict):
        raise TokenizerError(f"{name}: added_tokens_decoder is no object", file=name)
    kept = {}
    for key, entry in decoder.items():
        content = _content(entry)
        if not key.isdecimal() or document.tokens.get(int(key)) != content:
            found = document.tokens.get(int(key)) if key.isdecimal() else None
            raise _disagree(name, f"added_tokens_decoder has {content!r} as {key}, tokenizer.json {found!r}")
        if int(key) in remap:
            kept[str(remap.new_of(int(key)))] = entry
    return kept


def _check_role(field: str, content: str, name: str, document: TokenizerDocument, remap: IdRemap) -> None:
    identifier = document.ids.get(content)
    if identifier is None:
        if field in ROLES:
            raise _disagree(name, f"{field} is {content!r}, which tokenizer.json does not have: readers would add it")
    elif identifier not in remap:
        raise SelectionError(
            f"token {content!r} (id {identifier}) cannot be dropped: it is the {field} of {name}",
            hint="Keep it, or change the file first.",
            id=identifier,
        )


def _kept_members(field: str, value: Json, name: str, document: TokenizerDocument, remap: IdRemap) -> Json:
    """The list, or object of names, without the tokens that are dropped."""
    members = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(members, dict):
        raise TokenizerError(f"{name}: {field} is neither a list nor an object", file=name)
    kept = {}
    for key, member in members.items():
        content = _content(member)
        if content not in document.ids:
            raise _disagree(name, f"{field} has {content!r}, which tokenizer.json does not have: readers would add it")
        if isinstance(key, str):
            _check_role(key, content, name, document, remap)
        if document.ids[content] in remap:
            kept[key] = member
    return list(kept.values()) if isinstance(value, list) else kept


def _ids(field: str, value: Json, name: str, document: TokenizerDocument, remap: IdRemap) -> Iterator[tuple[str, Json]]:
    ids = _id_list(value)
    if not ids:
        return
    for identifier in ids:
        if identifier >= 0 and identifier not in remap:
            raise SelectionError(
                f"token {document.tokens.get(identifier)!r} (id {identifier}) cannot be dropped: it is the "
                f"{field} of {name}",
                hint="Keep it, or change the file first.",
                id=identifier,
            )
    new = [i if i < 0 else remap.new_of(i) for i in ids]
    yield field, new if isinstance(value, list) else new[0]


def _extra_ids(value: Json, name: str, document: TokenizerDocument, remap: IdRemap) -> Iterator[tuple[str, Json]]:
    """T5 makes its sentinels from their number, so only the last ones can go."""
    sentinels = {int(m[1]): i for token, i in document.ids.items() if (m := _SENTINEL.fullmatch(token))}
    if value not in {None, len(sentinels)}:
        raise _disagree(name, f"extra_ids is {value!r}, tokenizer.json has {len(sentinels)} sentinels")
    kept = sorted(number for number, identifier in sentinels.items() if identifier in remap)
    if kept != list(range(len(kept))):
        raise SelectionError(
            f"{name}: of the sentinels <extra_id_0> … <extra_id_{len(sentinels) - 1}> only the last can be dropped",
            hint="Keep those before them.",
        )
    if len(kept) != len(sentinels):
        yield "extra_ids", len(kept)


def _content(value: Json) -> Json:
    return value.get("content") if isinstance(value, dict) else value


def _disagree(name: str, how: str) -> TokenizerError:
    return TokenizerError(
        f"{name}: disagrees with tokenizer.json: {how}",
        hint="Save the tokenizer again with AutoTokenizer.save_pretrained, so that all its files agree.",
        file=name,
    )
