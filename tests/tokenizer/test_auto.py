"""What transformers makes of the sixteen pruned directories, and what `sentencepiece` makes of the models in them."""

from __future__ import annotations

import pytest

from .conftest import NAMES

ATTRIBUTES = ("padding_side", "truncation_side", "model_max_length", "chat_template", "do_lower_case")
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_auto_tokenizer_gives_the_same_tokens_renumbered(pruned, texts, name):
    from transformers import AutoTokenizer, logging

    logging.set_verbosity_error()
    small = pruned(name)
    old, new = (AutoTokenizer.from_pretrained(str(directory)) for directory in (small.source, small.out))
    for attribute in ATTRIBUTES:
        assert getattr(old, attribute, None) == getattr(new, attribute, None), attribute
    for role in ROLES:
        assert str(getattr(old, role, None)) == str(getattr(new, role, None)), role
    assert {token: small.remap.get(i) for token, i in old.get_vocab().items() if i in small.remap} == new.get_vocab()
    sample = texts[::4]
    before, after = (tokenizer(sample)["input_ids"] for tokenizer in (old, new))
    for a, b in zip(before, after, strict=True):
        assert [small.remap.get(i) for i in a] == b
        assert old.decode(a) == new.decode(b)


@pytest.mark.parametrize(("name", "file"), [("t5-small", "spiece.model"), ("mistral-7b-v0.1", "tokenizer.model")])
def test_sentencepiece_gives_the_same_pieces(pruned, texts, name, file):
    from sentencepiece import SentencePieceProcessor

    small = pruned(name)
    old, new = (SentencePieceProcessor(model_file=str(d / file)) for d in (small.source, small.out))
    kept = {new.id_to_piece(i): i for i in range(new.get_piece_size())}
    assert len(kept) < old.get_piece_size()
    for piece, place in kept.items():
        assert new.get_score(place) == old.get_score(old.piece_to_id(piece))
    # Mistral's file and its tokenizer.json cut a double space differently: what only the one uses was not counted.
    compared = 0
    for text in texts:
        ids = old.encode(text)
        if all(old.id_to_piece(i) in kept for i in ids):
            assert new.encode(text) == [small.remap.new_of(i) for i in ids]
            assert new.encode(text, out_type=str) == old.encode(text, out_type=str)
            compared += 1
    assert compared > 0.99 * len(texts)
