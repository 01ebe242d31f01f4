"""`▁`-models in which a character may leave no trace: the library merges across it, so no cut may stand there."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

CHARACTERS = ["▁", "▁", " ", " ", "a", "b", "x", "é", "中", "😀", "\n"]
UNKNOWN = {None: False, "<unk>": True, "x": True, "a▁": False, "▁": False, "▁▁": False}
BYTES = (0, 128, 255, 256)
PIPELINES = ("always", "first", "never", "prepend", "replace")


def model(rng: random.Random, unknown: str | None, some_bytes: int) -> models.BPE:
    """Random merges over `▁`, `a` and `b`, none of which crosses a word border, and so many of the 256 byte tokens."""
    tokens = ["▁", "a", "b"]
    merges: list[tuple[str, str]] = []
    for _ in range(rng.randrange(12)):
        pair = (rng.choice(["▁", "▁", *tokens]), rng.choice(["▁", *tokens]))
        joined = "".join(pair)
        if "▁" not in joined.lstrip("▁") and len(joined) < 7 and pair not in merges:
            merges.append(pair)
            tokens.append(joined)
    tokens += [f"<0x{byte:02X}>" for byte in range(some_bytes)] + [unknown] * (unknown is not None)
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    named = {} if unknown is None else {"unk_token": unknown}
    return models.BPE(vocabulary, merges, byte_fallback=some_bytes > 0, fuse_unk=rng.random() < 0.5, **named)


def tokenizer_of(bpe: models.BPE, pipeline: str) -> Tokenizer:
    """The five ways in which such models get their `▁`."""
    tokenizer = Tokenizer(bpe)
    if pipeline in {"prepend", "replace"}:
        replace = normalizers.Replace(" ", "▁")
        prepend = [normalizers.Prepend("▁")] if pipeline == "prepend" else []
        tokenizer.normalizer = normalizers.Sequence([*prepend, replace]) if prepend else replace
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=pipeline, split=False)
    return tokenizer


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize("some_bytes", BYTES)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_random_vocabularies(unknown, some_bytes, pipeline, case_of):
    rng = random.Random(f"{unknown} {some_bytes} {pipeline}")
    for _ in range(12):
        case = case_of(tokenizer_of(model(rng, unknown, some_bytes), pipeline))
        safe = unknown != "a▁" and (UNKNOWN[unknown] or some_bytes == 256)
        assert case.engine().path == ("native:metaspace" if safe else "generic"), case.engine().path_reason
        rows = ["".join(rng.choices(CHARACTERS, k=rng.randrange(12))) for _ in range(40)]
        assert case.counted(rows) == case.expected(rows), case.json.decode()


@pytest.mark.parametrize("row", ["x ", "a x a"])
def test_a_character_between_two_marks(row, case_of):
    bpe = models.BPE({"▁": 0, "▁▁": 1, "a": 2}, [("▁", "▁")])
    case = case_of(tokenizer_of(bpe, "first"))
    assert case.counted([row]) == case.expected([row])
    assert "leaves no trace" in case.engine().path_reason
