"""A real BPE and a real Unigram tokenizer, small, and counts of what texts use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from prunus.counts import ScanInfo, TokenCounts
from prunus.keeping import ModelNeeds, keep_tokens_of
from prunus.tokenizer.document import TokenizerDocument

if TYPE_CHECKING:
    from prunus.selection import KeepSet

TEXTS = (
    "the cat sat on the mat and the hat",
    "that mat, this hat, these cats: where were they then",
    "кот сидел на коврике, и кошка тоже",
    "кошки и коты любят молоко и рыбу",
    "η γάτα κάθισε στο χαλί",
    "ein Kätzchen saß auf der Matte, und das Mädchen lachte",
)
MORE = ("quick brown foxes jump over lazy dogs", "seven wizards vexed a judge", "быстрая лиса прыгает")


@dataclass(frozen=True)
class Case:
    """A tokenizer with its counts."""

    document: TokenizerDocument
    counts: TokenCounts

    def kept(self, chosen: KeepSet, needs: dict | None = None) -> set[int]:
        wanted = ModelNeeds(needs or {}, {}, (), rows=len(self.document.tokens))
        return set(keep_tokens_of(self.document, self.document.to_bytes(), chosen, wanted).old_ids.tolist())


def counts_of(document: TokenizerDocument, texts: tuple[str, ...]) -> TokenCounts:
    live = Tokenizer.from_str(document.to_bytes().decode())
    amounts: dict[int, int] = {}
    for encoding in live.encode_batch(list(texts)):
        for identifier in encoding.ids:
            amounts[identifier] = amounts.get(identifier, 0) + 1
    ids = sorted(amounts)
    info = ScanInfo(
        fingerprint=document.fingerprint, size=len(document.tokens), rows=len(texts), nulls=0, text_bytes=1,
        tokens=sum(amounts.values()), options={"add_special_tokens": True}, oracle="tokenizers 0.23.2", path="row",
        path_reason="", fallback_rows=0,
    )  # fmt: skip
    numbers = np.array([amounts[i] for i in ids], np.uint64)
    return TokenCounts(np.array(ids, np.uint32), numbers, tuple(document.tokens[i] for i in ids), info)


@pytest.fixture(scope="session")
def bpe() -> Case:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=520, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 2 + MORE, trainer)
    tokenizer.add_special_tokens(["<s>", "<unused>"])
    tokenizer.add_tokens(["<tool>"])
    document = TokenizerDocument.parse(tokenizer.to_str().encode())
    return Case(document, counts_of(document, (*TEXTS, "a <tool>")))


@pytest.fixture(scope="session")
def unigram() -> Case:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False, shrinking_factor=0.9
    )
    tokenizer.train_from_iterator(TEXTS * 2 + MORE, trainer)
    document = TokenizerDocument.parse(json.dumps(json.loads(tokenizer.to_str())).encode())
    return Case(document, counts_of(document, TEXTS))


@pytest.fixture(params=["bpe", "unigram"])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found
