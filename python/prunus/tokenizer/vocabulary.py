"""The vocabulary that BPE, WordPiece and WordLevel share: tokens with their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.remap import IdRemap


def read_vocabulary(model: Mapping[str, Any], file: str) -> dict[int, str]:
    """Token by id.

    Raises:
        TokenizerError: There is no vocabulary, an id is no id, or two tokens share one.
    """
    vocab = model.get("vocab")
    if not isinstance(vocab, dict):
        raise TokenizerError(f"{file}: the model has no vocabulary of tokens and ids", file=file)
    tokens: dict[int, str] = {}
    for token, identifier in vocab.items():
        if type(identifier) is not int or not 0 <= identifier < 2**32:
            raise TokenizerError(f"{file}: the id of token {token!r} is {identifier!r}", file=file, token=token)
        if identifier in tokens:
            raise TokenizerError(
                f"{file}: tokens {tokens[identifier]!r} and {token!r} share id {identifier}", file=file, id=identifier
            )
        tokens[identifier] = token
    return tokens


def rewrite_vocabulary(tokens: Mapping[int, str], remap: IdRemap) -> dict[str, int]:
    """The kept tokens with their new ids, in that order."""
    return {tokens[old]: new for new, old in enumerate(remap.old_ids.tolist()) if old in tokens}


def text_field(model: Mapping[str, Any], name: str, file: str, *, needed: bool = False) -> str:
    """A field that holds text; empty where it is null or absent.

    Raises:
        TokenizerError: It holds something else, or is needed and absent.
    """
    value = model.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise TokenizerError(f"{file}: {name} of the model is {value!r}, not text", file=file)
    return value


def flag_field(model: Mapping[str, Any], name: str, file: str) -> bool:
    """A field that is true or false; false where it is null or absent.

    Raises:
        TokenizerError: It holds something else.
    """
    value = model.get(name)
    if value is not None and not isinstance(value, bool):
        raise TokenizerError(f"{file}: {name} of the model is {value!r}, neither true nor false", file=file)
    return bool(value)
