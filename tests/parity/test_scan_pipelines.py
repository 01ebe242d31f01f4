"""Pipelines of published tokenizers, as data: each on a small vocabulary, over mixed text, row by row.

`pipelines.json` holds their normalisers, pre-tokenisers and post-processors as `tokenizer.json` has them, and the path
that each must take: one that falls back to a slower path fails here as surely as one that counts wrongly.
Vocabularies are trained on the same kind of text, across the borders of the pipelines' cuts, so that a cut too many or
too few changes counts.
"""

from __future__ import annotations

import json
import os
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

import prunus

PIPELINES = json.loads(Path(__file__).with_name("pipelines.json").read_text(encoding="utf-8"))
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
ROLES = ["<unk>", "<s>", "</s>"]
STRIDE = 1 if os.environ.get("PRUNUS_FULL_SWEEP") else 509
CONTEXTS = ("a{c}B {c} '{c}1{c}.{c}{c}/\n{c}a", "A{c}\u0301{c}b  {c}中{c}\r\n {c}", "{c} B{c}'s \u0301{c}A\t{c}")

PROSE = (
    "The THE the tokenizer's isn't WE'LL iPhone McDonald HTTPServer 2024 3.14 1,000,000 x_1 == != //// /usr/bin {}\n "
    "größer Ärger naïve Ελλάδα ΣΑΣ Привет мир ЩУКА שלום مرحبا नमस्ते दुनिया ภาษาไทย ǅungla ʰa "
    "你好世界 こんにちは カタカナ 한국어 e\u0301A \u0301AB ½ ² Ⅷ ١٢٣ 🙂 👩\u200d💻 "
    "\t\t \n\n \r\n   \u3000 \xa0 «quoted» “curly” don’t 'll 'S 's"
)


def _model(kind: str, texts: list[str]) -> dict[str, object]:
    """The trained model of a kind, as `tokenizer.json` holds it."""
    tokens = {"show_progress": False, "vocab_size": 1200}
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = pre_tokenizers.Metaspace()
    model, trainer, pre_tokenizer = {
        "bytes": (models.BPE(), trainers.BpeTrainer(initial_alphabet=BYTES, **tokens), whole),
        "suffix": (
            models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"),
            trainers.BpeTrainer(initial_alphabet=BYTES, end_of_word_suffix="</w>", special_tokens=ROLES, **tokens),
            pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), whole]),
        ),
        "marked": (
            models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
            trainers.BpeTrainer(special_tokens=[*ROLES, *byte_tokens], limit_alphabet=80, **tokens),
            words,
        ),
        "unigram": (
            models.Unigram(),
            trainers.UnigramTrainer(special_tokens=ROLES, unk_token="<unk>", **tokens),
            words,
        ),
        "wordpiece": (
            models.WordPiece(unk_token="[UNK]"),
            trainers.WordPieceTrainer(special_tokens=["[UNK]"], limit_alphabet=120, **tokens),
            pre_tokenizers.BertPreTokenizer(),
        ),
        "words": (
            models.WordLevel(unk_token="[UNK]"),
            trainers.WordLevelTrainer(special_tokens=["[UNK]"], **tokens),
            pre_tokenizers.Whitespace(),
        ),
    }[kind.removesuffix("-bytes")]
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(texts, trainer)
    trained: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    if kind == "suffix-bytes":
        for byte in BYTES:
            trained["vocab"].setdefault(f"{byte}</w>", len(trained["vocab"]))
    return trained


@pytest.fixture(scope="module")
def mixed(fragments):
    """Rows of prose in many scripts, code, and what troubles tokenizers; added tokens among them if named."""
    words = PROSE.split(" ")

    def rows(count: int, seed: object, added: tuple[str, ...] = ()) -> list[str]:
        rng = random.Random(str(seed))
        pool = [*words, *words, *fragments, *added, *added]
        spaces = [" ", " ", " ", "", "", "  ", "\n"]
        return ["".join(rng.choice(pool) + rng.choice(spaces) for _ in range(rng.randrange(16))) for _ in range(count)]

    return rows


@pytest.fixture(scope="module")
def trained(mixed):
    """A trained model by kind, once."""
    return cache(lambda kind: _model(kind, mixed(400, "training")))


@pytest.fixture(scope="module", params=PIPELINES, ids=lambda pipeline: pipeline["name"])
def pipeline(request):
    """What one entry of `pipelines.json` says."""
    return request.param


@pytest.fixture(scope="module")
def made(trained, charsmap):
    """Makes the tokenizer of a pipeline."""

    def make(pipeline: dict) -> Tokenizer:
        document = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "decoder": None}
        document |= {part: pipeline.get(part) for part in ("normalizer", "pre_tokenizer", "post_processor")}
        text = json.dumps(document | {"model": trained(pipeline["model"]) | pipeline.get("options", {})})
        tokenizer = Tokenizer.from_str(text.replace("@t5-small", charsmap()) if "@t5-small" in text else text)
        for token in pipeline["added"]:
            flags = {"special": True, "normalized": False} | token
            tokenizer.add_tokens([AddedToken(flags.pop("content"), **flags)])
        return tokenizer

    return make


@pytest.fixture(scope="module")
def case(pipeline, made, case_of):
    """The tokenizer of a pipeline, with its oracle."""
    return case_of(made(pipeline))


def test_path_and_rows(pipeline, case, mixed):
    assert case.engine().path == pipeline["path"], case.engine().path_reason
    rows = mixed(150, pipeline["name"], tuple(token["content"] for token in pipeline["added"]))
    for row in rows:
        assert case.counted([row]) == case.expected([row]), row
    for path, threads, memory in [("auto", 2, None), ("auto", 1, 1 << 14), ("generic", 1, None)]:
        assert case.counted(rows, path, threads, memory=memory) == case.expected(rows), path


def test_code_points(case):
    """Every code point of the first blocks and every 509th of the others; all of them with PRUNUS_FULL_SWEEP."""
    codes = [*range(0x250), *range(0x250, 0x110000, STRIDE)]
    characters = [chr(code) for code in codes if not 0xD800 <= code < 0xE000]
    for context in CONTEXTS:
        for start in range(0, len(characters), 50_000):
            rows = [context.format(c=character) for character in characters[start : start + 50_000]]
            assert case.counted(rows) == case.expected(rows), (context, start)


def test_all_in_one_pass(made, mixed):
    """Those that cut alike share the pieces, and no others."""
    tokenizers = [made(pipeline) for pipeline in PIPELINES]
    rows = mixed(600, "one pass", ("<s>", "<|endoftext|>", "[MASK]"))
    together = prunus.scan_many(rows, tokenizers=tokenizers, threads=2)
    assert len(together) == len(PIPELINES)
    for pipeline, tokenizer, counts in zip(PIPELINES, tokenizers, together, strict=True):
        assert counts == prunus.scan(rows, tokenizer=tokenizer, threads=1), pipeline["name"]
