"""The parts of a tokenizer around its model: which are known, and which token ids they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prunus.checkpoint.jsontext import Json

_BYTE_LEVEL = frozenset({"add_prefix_space", "trim_offsets", "use_regex"})
_METASPACE = frozenset({"replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split"})
_NONE: frozenset[str] = frozenset()

KNOWN: dict[str, dict[str, frozenset[str]]] = {
    "normalizer": {
        "BertNormalizer": frozenset({"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}),
        "Bert": frozenset({"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}),
        "Strip": frozenset({"strip_left", "strip_right"}),
        "StripAccents": _NONE,
        "NFC": _NONE,
        "NFD": _NONE,
        "NFKC": _NONE,
        "NFKD": _NONE,
        "Sequence": frozenset({"normalizers"}),
        "Lowercase": _NONE,
        "Nmt": _NONE,
        "Precompiled": frozenset({"precompiled_charsmap"}),
        "Replace": frozenset({"pattern", "content"}),
        "Prepend": frozenset({"prepend"}),
        "ByteLevel": _BYTE_LEVEL,
    },
    "pre_tokenizer": {
        "BertPreTokenizer": _NONE,
        "ByteLevel": _BYTE_LEVEL,
        "CharDelimiterSplit": frozenset({"delimiter"}),
        "Delimiter": frozenset({"delimiter"}),
        "Metaspace": _METASPACE,
        "Whitespace": _NONE,
        "WhitespaceSplit": _NONE,
        "Sequence": frozenset({"pretokenizers"}),
        "Split": frozenset({"pattern", "behavior", "invert"}),
        "Punctuation": frozenset({"behavior"}),
        "Digits": frozenset({"individual_digits"}),
        "UnicodeScripts": _NONE,
        "FixedLength": frozenset({"length"}),
    },
    "post_processor": {
        "RobertaProcessing": frozenset({"sep", "cls", "trim_offsets", "add_prefix_space"}),
        "BertProcessing": frozenset({"sep", "cls"}),
        "ByteLevel": _BYTE_LEVEL,
        "TemplateProcessing": frozenset({"single", "pair", "special_tokens"}),
        "Sequence": frozenset({"processors"}),
    },
    "decoder": {
        "BPEDecoder": frozenset({"suffix"}),
        "ByteLevel": _BYTE_LEVEL,
        "WordPiece": frozenset({"prefix", "cleanup"}),
        "Metaspace": _METASPACE,
        "CTC": frozenset({"pad_token", "word_delimiter_token", "cleanup"}),
        "Sequence": frozenset({"decoders"}),
        "Replace": frozenset({"pattern", "content"}),
        "Fuse": _NONE,
        "Strip": frozenset({"content", "start", "stop"}),
        "ByteFallback": _NONE,
    },
}
"""Types and fields of the `tokenizers` library 0.23, by the place they stand in."""

_INNER = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "post_processor": "processors",
    "decoder": "decoders",
}


def check_components(data: dict[str, Any], file: str) -> None:
    """Refuses a part that is unknown, because it could name tokens.

    Raises:
        TokenizerError: A part or one of its fields is unknown or malformed.
    """
    for place, known in KNOWN.items():
        for component in parts(data, place, file):
            kind = component.get("type") or _untyped(component, place)
            if not isinstance(kind, str) or kind not in known:
                raise TokenizerError(
                    f"{file}: {place} of unknown type {kind!r}: it could name tokens",
                    hint=f"Known are {', '.join(sorted(known))}.",
                    file=file,
                )
            check_fields(component, known[kind] | {"type"}, f"{place} {kind}", file)
    for processor in parts(data, "post_processor", file):
        _check_processor(processor, file)


def check_fields(value: dict[str, Any], known: frozenset[str], where: str, file: str) -> None:
    """Refuses unknown fields that could hold tokens or ids; other unknown ones are carried along.

    Raises:
        TokenizerError: An unknown field holds a number or a container.
    """
    for name, member in value.items():
        if name not in known and (isinstance(member, (dict, list)) or type(member) is int):
            raise TokenizerError(f"{file}: {where} has the unknown field {name!r}: it could name tokens", file=file)


def parts(data: dict[str, Any], place: str, file: str = "tokenizer.json") -> Iterator[dict[str, Any]]:
    """The component at a place and, if it is a sequence, those inside it.

    Raises:
        TokenizerError: A component is no object, or a sequence holds no list.
    """
    waiting = [data.get(place)]
    if waiting == [None]:
        return
    while waiting:
        component = waiting.pop()
        if not isinstance(component, dict):
            raise TokenizerError(f"{file}: {place} is a JSON {type(component).__name__}, not an object", file=file)
        yield component
        if _INNER[place] in component:
            inner = component[_INNER[place]]
            if not isinstance(inner, list):
                raise TokenizerError(f"{file}: {place} holds no list of {_INNER[place]}", file=file)
            waiting.extend(reversed(inner))


def processor_ids(data: dict[str, Any]) -> Iterator[int]:
    """The ids that the post-processor emits."""
    for processor in parts(data, "post_processor"):
        for end in ("cls", "sep"):
            if end in processor:
                yield processor[end][1]
        for special in processor.get("special_tokens", {}).values():
            yield from special["ids"]


def renumber_processor(value: Json, new_of: Callable[[int], int]) -> Json:
    """A copy of a post-processor with other ids."""
    if not isinstance(value, dict):
        return value
    copy = dict(value)
    for end in ("cls", "sep"):
        if end in copy:
            copy[end] = [copy[end][0], new_of(copy[end][1])]
    if "special_tokens" in copy:
        copy["special_tokens"] = {
            name: {**special, "ids": [new_of(i) for i in special["ids"]]}
            for name, special in copy["special_tokens"].items()
        }
    if "processors" in copy:
        copy["processors"] = [renumber_processor(inner, new_of) for inner in copy["processors"]]
    return copy


def is_byte_level(data: dict[str, Any]) -> bool:
    """Whether bytes become characters before the model sees them."""
    places = ("normalizer", "pre_tokenizer", "decoder")
    return any(part.get("type") == "ByteLevel" for place in places for part in parts(data, place))


def _untyped(component: dict[str, Any], place: str) -> str | None:
    """The type of a part of an old file that does not say it, told by its fields as the library does."""
    return next((kind for kind, fields in KNOWN[place].items() if fields and component.keys() == fields), None)


def _check_processor(processor: dict[str, Any], file: str) -> None:
    for end in ("cls", "sep"):
        if end in processor and not _is_pair(processor[end]):
            raise TokenizerError(f"{file}: {end!r} of the post-processor is no token with its id", file=file)
    specials = processor.get("special_tokens", {})
    if not isinstance(specials, dict) or not all(map(_is_special, specials.values())):
        raise TokenizerError(f"{file}: the special tokens of the post-processor are malformed", file=file)


def _is_pair(value: Json) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def _is_special(value: Json) -> bool:
    ids = value.get("ids") if isinstance(value, dict) else None
    return isinstance(ids, list) and all(type(i) is int for i in ids)
