"""Tokenizers of many architectures: fast, through transformers and through `sentencepiece`, the same on every line.

Traps 2.1 to 2.9: BPE reached by merges and by vocabulary alone, Unigram, WordPiece, WordLevel, fairseq offsets, files
of both eras. The expected tokens are those of the unpruned tokenizer, renumbered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.sidecars import sidecars_in, write_tokenizer

from .conftest import closed, live
from .zoo import NAMES, SENTENCEPIECE, Zoo

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from prunus.remap import IdRemap

LINES, TRAINING = 400, 1500
OTHERWISE_NORMALISED = {"albert", "xlnet", "mbart", "deberta-v3"}


@dataclass(frozen=True)
class Small:
    source: Path
    out: Path
    remap: IdRemap
    before: Tokenizer
    after: Tokenizer


@pytest.fixture(scope="session")
def zoo(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"), texts[:TRAINING])


@pytest.fixture(scope="session")
def lines(texts: list[str]) -> list[str]:
    return [text for text in texts[::4] if text][:LINES]


@pytest.fixture(scope="session")
def small(zoo: Zoo, lines: list[str], tmp_path_factory: pytest.TempPathFactory):
    made: dict[str, Small] = {}

    def prune(name: str) -> Small:
        if name not in made:
            source, out = zoo.directory(name), tmp_path_factory.mktemp(name)
            document = TokenizerDocument.load(source)
            before = live((source / "tokenizer.json").read_bytes())
            remap = closed(document, {i for encoding in before.encode_batch(lines) for i in encoding.ids})
            assert write_tokenizer(source, out, document, remap) == sidecars_in(source)
            made[name] = Small(source, out, remap, before, live((out / "tokenizer.json").read_bytes()))
        return made[name]

    return prune


@pytest.mark.parametrize("name", NAMES)
def test_every_line_gives_the_same_tokens_and_text(small, lines, name):
    pruned = small(name)
    assert len(pruned.remap) < pruned.before.get_vocab_size()
    for line, old, new in zip(lines, pruned.before.encode_batch(lines), pruned.after.encode_batch(lines), strict=True):
        assert [pruned.remap.new_of(i) for i in old.ids] == new.ids, line
        assert pruned.before.decode(old.ids) == pruned.after.decode(new.ids)


@pytest.mark.parametrize("name", NAMES)
def test_auto_tokenizer_agrees_with_itself(small, lines, name):
    """Whatever transformers makes of the two directories, with its own pipeline or the file's."""
    from transformers import AutoTokenizer

    pruned = small(name)
    old, new = (AutoTokenizer.from_pretrained(str(directory)) for directory in (pruned.source, pruned.out))
    kept = {token: pruned.remap.new_of(i) for token, i in old.get_vocab().items() if i in pruned.remap}
    assert kept == new.get_vocab()
    compared = 0
    for line, ids in zip(lines, old(lines)["input_ids"], strict=True):
        if all(i in pruned.remap for i in ids):
            assert [pruned.remap.new_of(i) for i in ids] == new(line)["input_ids"], line
            compared += 1
    assert compared == len(lines)


@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_sentencepiece_gives_the_same_pieces(small, lines, name):
    from sentencepiece import SentencePieceProcessor

    pruned = small(name)
    file = SENTENCEPIECE[name].file
    old, new = (SentencePieceProcessor(model_file=str(d / file)) for d in (pruned.source, pruned.out))
    assert new.get_piece_size() < old.get_piece_size()
    kept = {new.id_to_piece(i) for i in range(new.get_piece_size())}
    same = 0
    for line in lines:
        pieces = old.encode(line, out_type=str)
        if all(piece in kept or old.piece_to_id(piece) == old.unk_id() for piece in pieces):
            assert new.encode(line, out_type=str) == pieces
            same += 1
    # Pipelines that normalise otherwise than the bare runtime use other pieces, and only theirs were counted.
    assert same == len(lines) or (name in OTHERWISE_NORMALISED and same)
