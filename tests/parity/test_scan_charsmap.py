"""`Precompiled` with tables that sentencepiece made of odd rules.

What becomes of spaces, line ends and marks is the table's to say, and no cut may rely on what one real table says.
"""

from __future__ import annotations

import base64
import io
import json
import random

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

CHARACTERS = [
    *("\n", "\r", "\t", "\xa0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u0301", "\u0600", "\u093f", "\u0915"),
    *("a", "b", "e", "é", "©", "\u1100", "\u1161", "가", "\U0001f1e9", "😀", "▁", "¨", "中", "1", "."),
]
BECOMES = [
    "",
    "",
    " ",
    "  ",
    "x",
    "a",
    "a ",
    " a",
    "\xa0",
    "\u3000",
    "\n",
    "\u0301",
    "▁",
    "ab",
    "中",
    " \u0301",
    "\u0600",
]
RULES = [
    {"\n": "x", "\r": " "},
    {"\n": "x", "\r\n": " "},
    {"\n": "x", "\r": ""},
    {"\n": ".", "\r": "\u3000"},
    {"\n": " ", "\r": "x"},
    {"\n": ""},
    {"\u0600": "", "\u0301": " "},
    {"a": " ", "\u093f": "", "\u3000": " "},
    {" \u0301": "x", "\u0600 ": "a", "\u0301": ""},
]


def _some_rules(rng: random.Random) -> dict[str, str]:
    sources = ("".join(rng.choices(CHARACTERS, k=rng.choice([1, 1, 2]))) for _ in range(rng.randrange(1, 12)))
    return {source: rng.choice([text for text in BECOMES if text != source]) for source in sources}


def _table(rules: dict[str, str], folder) -> str:
    """The table that sentencepiece makes of the rules."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as model_format

    lines = ("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in rule) for rule in rules.items())
    (folder / "rules.tsv").write_text("".join(f"{line}\n" for line in lines))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["hello world a b c d e"] * 10),
        model_writer=model,
        vocab_size=16,
        normalization_rule_tsv=str(folder / "rules.tsv"),
        hard_vocab_limit=False,
        minloglevel=2,
    )
    proto = model_format.ModelProto.FromString(model.getvalue())
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def _tokenizers(table: str):
    """T5's pipeline and those of XLM-R's kind."""
    entries = [("<unk>", 0.0), *((token, -2.0) for token in ["▁", "a", "b", "x", ".", "中", "ab", "▁a", "▁x", "▁▁"])]
    plain = Tokenizer(models.Unigram(entries, unk_id=0))
    mark = pre_tokenizers.Metaspace()
    collapse = [normalizers.Replace(Regex(" {2,}"), content) for content in (" ", "▁")]
    first = normalizers.Replace("a", "a")  # stands for the table, which Python cannot write
    shapes = {
        "words": (first, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), mark])),
        "marks": (first, mark),
        "collapsed": (normalizers.Sequence([first, collapse[0]]), mark),
        "stripped": (normalizers.Sequence([first, normalizers.Strip(left=False), collapse[1]]), mark),
        "trimmed": (normalizers.Sequence([normalizers.Strip(), first, collapse[0]]), mark),
    }
    stand_in = json.dumps({"type": "Replace", "pattern": {"String": "a"}, "content": "a"}, separators=(",", ":"))
    precompiled = json.dumps({"type": "Precompiled", "precompiled_charsmap": table})
    for name, (normalizer, pre_tokenizer) in shapes.items():
        plain.normalizer, plain.pre_tokenizer = normalizer, pre_tokenizer
        text = plain.to_str()
        assert stand_in in text
        yield name, Tokenizer.from_str(text.replace(stand_in, precompiled))


def _rows(rng: random.Random) -> list[str]:
    parts = [*CHARACTERS, " ", " ", " ", "  ", "\r\n", "\r\n", "a b"]
    return ["".join(rng.choices(parts, k=rng.randrange(9))) for _ in range(120)]


@pytest.mark.parametrize("seed", range(24))
def test_tables_of_odd_rules(seed, case_of, tmp_path):
    rng = random.Random(seed)
    table = _table(RULES[seed] if seed < len(RULES) else _some_rules(rng), tmp_path)
    paths = set()
    for name, tokenizer in _tokenizers(table):
        case = case_of(tokenizer)
        paths.add(case.engine().path)
        for row in _rows(rng):
            assert case.counted([row]) == case.expected([row]), (name, row)
    assert paths & {"native:words", "native:marks"}
