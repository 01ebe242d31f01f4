"""The sixteen real tokenizers: read as the library reads them, pruned to a corpus, the same tokens afterwards."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from prunus.remap import IdRemap
from prunus.tokenizer.closure import close
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.required import required
from prunus.tokenizer.rewrite import rewrite
from prunus.tokenizer.sidecars import chat_template_texts, sidecars_in

from .conftest import NAMES, live, vocabulary

pytestmark = pytest.mark.parametrize("name", NAMES)


def test_tokens_are_those_that_the_library_has(shared_tokenizers, name):
    document = TokenizerDocument.load(shared_tokenizers / name)
    oracle = Tokenizer.from_file(str(shared_tokenizers / name / "tokenizer.json"))
    assert dict(document.tokens) == vocabulary(oracle)
    assert dict(document.ids) == oracle.get_vocab(with_added_tokens=True)
    assert list(document.tokens) == sorted(document.tokens)


def test_writing_what_was_read_loses_nothing(shared_tokenizers, name):
    data = (shared_tokenizers / name / "tokenizer.json").read_bytes()
    written = TokenizerDocument.parse(data).to_bytes()
    assert json.loads(written, parse_float=str) == json.loads(data, parse_float=str)
    assert Tokenizer.from_str(written.decode()).to_str() == Tokenizer.from_str(data.decode()).to_str()


def test_corpus_gives_the_same_tokens_renumbered_and_the_same_text(pruned, texts, name):
    small = pruned(name)
    assert len(small.remap) < len(small.document.tokens)
    assert vocabulary(small.after) == {
        new: small.document.tokens[old] for new, old in enumerate(small.remap.old_ids.tolist())
    }
    compared = 0
    for row, encoding in zip(small.rows, small.after.encode_batch(texts), strict=True):
        assert encoding.ids == [small.remap.new_of(i) for i in row]
        assert small.after.decode(encoding.ids) == small.before.decode(row)
        compared += len(row)
    assert compared > 20_000


def test_pruning_twice_is_pruning_once(pruned, name):
    small = pruned(name)
    fewer = set(small.remap.old_ids.tolist()[::2]) | {i for row in small.rows[::7] for i in row}
    fewer |= required(small.document).keys() & set(small.remap.old_ids.tolist())
    fewer |= close(small.document, fewer).keys()
    again = rewrite(
        TokenizerDocument.load(small.out), IdRemap.of(small.remap.new_of(i) for i in fewer if i in small.remap)
    )
    assert again.to_bytes() == rewrite(small.document, IdRemap.of(fewer)).to_bytes()


def test_keeping_everything_changes_nothing(shared_tokenizers, name):
    document = TokenizerDocument.load(shared_tokenizers / name)
    assert list(document.tokens) == list(range(len(document.tokens))), "none of these has holes"
    same = rewrite(document, IdRemap.of(document.tokens))
    assert live(same.to_bytes()).to_str() == live(document.to_bytes()).to_str()


def test_every_file_is_written(pruned, name):
    small = pruned(name)
    assert small.written == sidecars_in(small.source) == sidecars_in(small.out)


def test_words_of_the_chat_template_stay_as_they_are(shared_tokenizers, name):
    has_template = (shared_tokenizers / name / "chat_template.jinja").exists() or "chat_template" in json.loads(
        (shared_tokenizers / name / "tokenizer_config.json").read_text()
    )
    assert bool(chat_template_texts(shared_tokenizers / name)) == has_template
