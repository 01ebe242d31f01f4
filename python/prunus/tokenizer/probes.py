"""Texts on which two tokenizer pipelines are compared: ordinary ones, and edges on which pipelines like to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.naming import surface

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "In 2024, 3.14 and 1,000,000 were 12345678901234567890 numbers; 007 too.",
    "I'm sure they've said we'll see what's what, isn't it? I'LL. He'S. don’t",
    "Hello, World! (This is a test.) [brackets] {braces} <angles> \"quotes\" 'single' `ticks`",
    "UPPER lower CamelCase snake_case kebab-case dotted.name path/to/file.txt C:\\dir",
    "Mail a.b+c@example.org or see https://example.org/x?y=1&z=%20#top.",
    "def f(x):\n    return x ** 2  # square\n\tif x != 0: pass\n",
    "a  b   c    d     e\tf\t\tg\nh\n\ni\r\nj \n k",
    "Fußgänger überqueren die Straße; naïve façade, coöperate, piñata, Ærøskøbing",
    "L'été, c'est où? À bientôt! « guillemets » … — – ‚low‘ „quotes“",
    "Ελληνικά: Ο γρήγορος καφές ΟΔΥΣΣΕΥΣ. Русский: Съешь же ещё этих булок.",
    "中文：我爱自然语言处理。二〇二四年，三点一四！繁體中文：臺灣。",
    "日本語：吾輩は猫である。カタカナ、ひらがな、漢字。ﾊﾝｶｸ ＦＵＬＬ１２３",
    "한국어: 나는 자연어 처리를 좋아합니다. 2024년 3월 1일.",
    "العربية: أنا أحب معالجة اللغة. ٢٠٢٤ مُحَمَّد",
    "עברית: שָׁלוֹם עולם. हिन्दी: मैं प्राकृतिक भाषा से प्यार करता हूँ। १२३",
    "ไทย: ฉันรักภาษาไทย ๑๒๓ தமிழ்: நான் தமிழ். ქართული ენა. አማርኛ ቋንቋ።",
    "İstanbul ILIK ıi ſtraße ﬁne ﬂow Ǆ ǅ K Å Ω",
    "emoji 😀😃 👩‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️ ☎ ♥︎ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "cafe\u0301 a\u0308o\u0308 n\u0303 q\u0307\u0323 \u1100\u1161\u11a8 Z\u0336a\u0337",
    "½ ² ₃ Ⅷ ① ㊗ ㎏ № ™ © ® ° ± × ÷ ≠ ≤ ∞ ∑ √ → ⇒ € £ ¥ ₿",
    "word" * 60,
    "x" * 120,
    "1" * 40,
    "=" * 20 + "-" * 20 + "." * 9 + "!?!?",
    "𝕳𝖊𝖑𝖑𝖔 𐍈𐌰𐌹 𓀀𓂀 𠜎𠜱",
    "",
)
WHITESPACE = (
    " \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u180e\u2000\u2003\u2009\u200a"
    "\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
CONTROLS = "\x00\x01\x08\x1b\x7f\x80\xad\u061c\u200e\u202e\ufffd\ufffe\U000e0001"


def ordinary_probes(tokens: Mapping[int, str], sample: int = 150) -> list[str]:
    """Sentences of many scripts, and the text of about `sample` vocabulary entries, each inside a sentence."""
    ids = sorted(tokens)
    chosen = [surface(tokens[i]).strip() for i in ids[:: max(1, len(ids) // sample)]]
    words = [f"see {word} and {word}s" for word in chosen if word and not _marked(word)]
    return list(dict.fromkeys([*SENTENCES, *words]))


def edge_probes(tokens: Mapping[int, str], added: Iterable[str]) -> list[str]:
    """White space of every kind in every place, control characters, literal markers, added tokens with neighbours."""
    texts = [place.format(c) for c in WHITESPACE for place in ("a{}b", "{}a", "a{}", "{0}{0}", "a {} b")]
    texts += [f"a{c}b" for c in CONTROLS]
    texts += [
        " hello",
        "  hello world",
        "hello ",
        "hello  ",
        "▁",
        "▁hello",
        "a▁b ▁ c",
        "Ġhello",
        "##ing",
        "<0x0A>",
        "Ċ",
    ]
    texts += ["\u0301a", " \u0301", "a \u0308b", "a" * 101, "a" * 400, "\n", "\n\n", " \n ", "\t\ta"]
    for content in _some(list(added), 24):
        texts += [
            content,
            f"a{content}b",
            f"a {content} b",
            f"{content} {content}",
            f"{content}hello",
            f"x\n{content}\ny",
        ]
    texts += [surface(tokens[i]) for i in _some(sorted(tokens), 100)]
    texts += [tokens[i] for i in _some(sorted(tokens), 50)]
    return list(dict.fromkeys(texts))


def _some(items: list[int] | list[str], most: int) -> list:  # type: ignore[type-arg]
    return items[:: max(1, -(-len(items) // most))]


def _marked(word: str) -> bool:
    """Whether a token's text is one of a special token or holds a marker, so that it is no ordinary word."""
    return word[0] in "<[" or any(mark in word for mark in "▁Ġ#|")
