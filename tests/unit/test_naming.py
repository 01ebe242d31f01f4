"""Names given by people, resolved against a vocabulary."""

from __future__ import annotations

import pytest

from prunus.errors import SelectionError
from prunus.naming import byte_of_character, resolve_names, surface
from prunus.selection import NamedTokens

TOKENS = {0: "<s>", 1: "Ġhello", 2: "hello", 3: "##ing", 4: "▁été"}
IDS = {token: i for i, token in TOKENS.items()}


def resolve(**named: tuple[object, ...]) -> tuple[set[int], set[int]]:
    return resolve_names(NamedTokens(**named), TOKENS, IDS, lambda text: [len(text)])  # type: ignore[arg-type]


def test_each_way_of_naming() -> None:
    assert resolve(tokens=("<s>",), ids=(3,)) == ({0, 3}, set())
    assert resolve(regex=("^ hel",)) == (set(), {1})
    assert resolve(regex=("hel",)) == (set(), {1, 2})
    assert resolve(texts=("abcd", "a")) == (set(), {4, 1})


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"tokens": ("helo",)}, "Near: 'hello'"),
        ({"ids": (9,)}, "no token with id 9"),
        ({"regex": ("(",)}, "no regular expression"),
        ({"regex": ("zzz",)}, "no token matches"),
    ],
)
def test_what_does_not_exist_is_named(named: dict[str, tuple[object, ...]], says: str) -> None:
    with pytest.raises(SelectionError) as caught:
        resolve(**named)
    assert says in str(caught.value)


def test_the_byte_alphabet_is_that_of_the_library() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(byte_of_character()) == set(ByteLevel.alphabet())
    split = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    for text in (" é\n", "日本 x", "\x00\x7f"):
        assert surface("".join(piece for piece, _ in split(text))) in (text, "".join(p for p, _ in split(text)))
    assert surface("ĠæĹ¥") == " 日"
