"""Added tokens and ids that a tokenizer.json may hold and no trainer writes."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from prunus._engine import Engine
from prunus.errors import TokenizerError


@pytest.fixture
def tokenizer() -> Tokenizer:
    """Bytes with their ids, and two entries whose ids leave holes between them."""
    vocabulary = {token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocabulary | {"ab": 300, "hello": 259}, []))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def test_a_token_that_takes_over_an_id_is_searched_as_the_library_does(tokenizer, case_of):
    """The library keeps the normal form of the token that had the id before, and goes on looking for that."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = [{"id": 0, "content": text, **flags} for text in ("e\u0301z", "e\u0301y", "hello")]
    case = case_of(SimpleNamespace(to_str=lambda: json.dumps(document)))  # as a file has it: the library drops one
    assert case.engine().path == "native:gpt2"
    rows = ["hello", "éy", "éz", "e\u0301y hello"]
    assert case.expected(["hello"]) != {259: 1}
    for row in rows:
        assert case.counted([row]) == case.expected([row]), row


def test_a_token_that_vanishes_is_refused(tokenizer):
    """The library finds it everywhere; beside another token it may go on for ever."""
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.add_tokens([AddedToken("\u200b", normalized=True), "xb"])
    with pytest.raises(TokenizerError, match="is nothing after normalisation"):
        Engine(tokenizer.to_str().encode())


def test_ids_beyond_all_measure_are_refused(tokenizer):
    document = json.loads(tokenizer.to_str())
    document["model"]["vocab"]["ab"] = 2**26 - 1
    assert Engine(json.dumps(document).encode()).size == 2**26
    document["model"]["vocab"]["ab"] = 2**26
    with pytest.raises(TokenizerError, match=f"'ab' has the id {2**26}|\"ab\" has the id {2**26}"):
        Engine(json.dumps(document).encode())
