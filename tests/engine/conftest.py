"""A small tokenizer for the engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vocabulary = {token: i for i, token in enumerate(["[UNK]", "the", "cat", "sat", "on", "a", "mat", "##t", "x", "1"])}
    model = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    model.normalizer = normalizers.BertNormalizer()
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    file = tmp_path_factory.mktemp("words") / "tokenizer.json"
    model.save(str(file))
    return file
