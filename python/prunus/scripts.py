"""Tokens by the script that they are written in, as the Unicode tables of Arrow's regular expressions have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# fmt: off
LANGUAGES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("af", "az", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu", "id",
         "is", "it", "la", "lt", "lv", "ms", "mt", "nl", "no", "pl", "pt", "ro", "sk", "sl", "so", "sq", "sv", "sw",
         "tl", "tr", "uz", "vi", "yo", "zu"), ("Latin",)),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "uk"), ("Cyrillic",)),
    **dict.fromkeys(("ar", "fa", "ps", "sd", "ug", "ur"), ("Arabic",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("Devanagari",)),
    **dict.fromkeys(("he", "yi"), ("Hebrew",)),
    **dict.fromkeys(("as", "bn"), ("Bengali",)),
    **dict.fromkeys(("am", "ti"), ("Ethiopic",)),
    "sr": ("Cyrillic", "Latin"), "el": ("Greek",), "hy": ("Armenian",), "ka": ("Georgian",), "zh": ("Han",),
    "ja": ("Han", "Hiragana", "Katakana"), "ko": ("Hangul", "Han"), "th": ("Thai",), "lo": ("Lao",), "km": ("Khmer",),
    "my": ("Myanmar",), "ta": ("Tamil",), "te": ("Telugu",), "kn": ("Kannada",), "ml": ("Malayalam",),
    "gu": ("Gujarati",), "pa": ("Gurmukhi",), "or": ("Oriya",), "si": ("Sinhala",), "bo": ("Tibetan",),
}
# fmt: on
"""Scripts by language, as ISO 639-1 codes: what everyday text of the language is written in."""
_SHARED = ("Common", "Inherited")


def written_in(texts: Mapping[int, str], scripts: Iterable[str]) -> set[int]:
    """Ids of the texts that hold no character of another script; digits and punctuation belong to every one.

    Args:
        texts: Text by id.
        scripts: Unicode names of scripts (`Latin`) or codes of languages (`ja`).

    Raises:
        UsageError: There is no such script.

    Example:
        >>> sorted(written_in({0: " the", 1: "Жук", 2: "42", 3: "aЖ"}, ["Latin"]))
        [0, 2]
    """
    return _matching(texts, f"^[{_classes([*_names(scripts), *_SHARED])}]+$")


def with_characters_of(texts: Mapping[int, str], script: str) -> set[int]:
    """Ids of the texts with at least one character of a script.

    Raises:
        UsageError: There is no such script.

    Example:
        >>> sorted(with_characters_of({0: " the", 1: "Жук", 2: "42", 3: "aЖ"}, "Cyrillic"))
        [1, 3]
    """
    return _matching(texts, f"[{_classes(_names([script]))}]")


def _names(scripts: Iterable[str]) -> list[str]:
    names: list[str] = []
    for script in scripts:
        for name in LANGUAGES.get(script, (script,)):
            _check(name)
            names.append(name)
    return names


def _classes(names: Iterable[str]) -> str:
    return "".join(rf"\p{{{name}}}" for name in names)


def _check(name: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        known = name.replace("_", "").isalpha() and len(name) > 2
        if known:
            pc.match_substring_regex(pa.array([""]), rf"\p{{{name}}}")
    except pa.ArrowInvalid:
        known = False
    if not known:
        raise UsageError(
            f"{name!r} is no script of Unicode and no language that Prunus knows",
            hint=f"Write scripts as Latin or Cyrillic; languages are {', '.join(sorted(LANGUAGES))}.",
        )


def _matching(texts: Mapping[int, str], pattern: str) -> set[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not texts:
        return set()
    matches = pc.match_substring_regex(pa.array(texts.values(), pa.string()), f"(?s){pattern}")
    ids = np.fromiter(texts, np.int64, len(texts))
    return set(ids[matches.to_numpy(zero_copy_only=False)].tolist())
