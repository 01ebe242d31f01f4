"""Vocabulary files in plain text and JSON: `vocab.txt`, `vocab.json`, `merges.txt`, `added_tokens.json`.

Each must say what `tokenizer.json` says before it is rewritten: a stale one would be another tokenizer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prunus.checkpoint.jsontext import parse_object
from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument


def rewrite_vocab_txt(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    r"""One token a line, in the order of the new ids. Lines end at `\n` only: some tokens hold U+2028.

    Raises:
        TokenizerError: A line is not the token with that id, or a token has no line.
    """
    lines = _lines(data, name)
    for identifier, line in enumerate(lines):
        # A token that is listed twice has the id of its last line; the others stand for no token.
        if document.tokens.get(identifier) != line and document.ids.get(line, -1) <= identifier:
            raise _disagree(name, f"line {identifier + 1} is {line!r}, id {identifier} {_named(document, identifier)}")
    listed = [i for i, line in enumerate(lines) if document.tokens.get(i) == line]
    _all_there(document, set(listed), name)
    kept = [i for i in listed if i in remap]
    if [remap.new_of(i) for i in kept] != list(range(len(kept))):
        raise TokenizerError(f"{name}: cannot list the kept tokens: one between them is no line of it", file=name)
    ending = "\r\n" if b"\r\n" in data else "\n"
    return "".join(lines[i] + ending for i in kept).encode()


def rewrite_vocab_json(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    """Token to id, ascending.

    Raises:
        TokenizerError: An entry is not what `tokenizer.json` says, or one is missing.
    """
    entries = parse_object(data, name, TokenizerError)
    _check_entries(entries, document, name)
    _all_there(document, set(entries.values()), name)
    kept = {token: remap.new_of(i) for token, i in entries.items() if i in remap}
    return _json(dict(sorted(kept.items(), key=lambda entry: entry[1])), data)


def rewrite_added_tokens(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    """Added token to id, in the order of the file.

    Raises:
        TokenizerError: An entry is not what `tokenizer.json` says.
    """
    entries = parse_object(data, name, TokenizerError)
    _check_entries(entries, document, name)
    return _json({token: remap.new_of(i) for token, i in entries.items() if i in remap}, data)


def rewrite_merges_txt(data: bytes, name: str, document: TokenizerDocument, remap: IdRemap) -> bytes:
    """One merge a line, in their order, below the line that tells the version, if there was one.

    Raises:
        TokenizerError: The merges are not those of `tokenizer.json`, or it has none.
    """
    if document.kind != "BPE":
        raise _disagree(name, f"the model is {document.kind} and has no merges")
    lines = _lines(data, name)
    head = lines[:1] if lines and lines[0].startswith("#version") else []
    rules = document.merge_rules
    spelled = [f"{left} {right}" for left, right in rules.pairs]
    if [line for line in lines[len(head) :] if line] != spelled:
        raise _disagree(name, "the merges are others")
    kept = {document.model_tokens[old] for old in remap.old_ids.tolist() if old in document.model_tokens}
    lines = head + [
        line
        for line, (left, right), result in zip(spelled, rules.pairs, rules.results, strict=True)
        if left in kept and right in kept and result in kept
    ]
    ending = "\r\n" if b"\r\n" in data else "\n"
    return "".join(line + ending for line in lines).encode()


def _lines(data: bytes, name: str) -> list[str]:
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as cause:
        raise TokenizerError(f"{name}: is not UTF-8: {cause}", hint="The file is damaged.", file=name) from cause
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines] if b"\r\n" in data else lines


def _check_entries(entries: dict[str, object], document: TokenizerDocument, name: str) -> None:
    for token, identifier in entries.items():
        if type(identifier) is not int or document.ids.get(token) != identifier:
            raise _disagree(name, f"{token!r} is {identifier!r}, in tokenizer.json {document.ids.get(token)}")


def _all_there(document: TokenizerDocument, listed: set[int], name: str) -> None:
    """Added tokens may be missing, since readers of these files add them."""
    added = {token.id for token in document.added}
    for identifier, token in document.model_tokens.items():
        if identifier not in listed and identifier not in added:
            raise _disagree(name, f"the token {token!r} (id {identifier}) is missing")


def _named(document: TokenizerDocument, identifier: int) -> str:
    token = document.tokens.get(identifier)
    return "no token" if token is None else repr(token)


def _disagree(name: str, how: str) -> TokenizerError:
    return TokenizerError(
        f"{name}: disagrees with tokenizer.json: {how}",
        hint=f"Take both files from one source, or leave it out: --drop-file {name}",
        file=name,
    )


def _json(values: dict[str, int], like: bytes) -> bytes:
    """JSON spelled like the file it replaces: escapes, line breaks and the end of the file."""
    several = b"\n" in like.strip()
    indent = 2 if several else None
    compact = (",", ":") if b'": ' not in like else None
    text = json.dumps(values, ensure_ascii=like.isascii(), indent=indent, separators=compact)
    return (text + ("\n" if like.endswith(b"\n") else "")).encode()
