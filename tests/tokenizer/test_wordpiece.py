"""WordPiece after pruning, against the library: words that were unknown stay so, whatever the vocabulary."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from prunus.remap import IdRemap
from prunus.tokenizer.closure import close
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.required import required
from prunus.tokenizer.rewrite import rewrite

letters = st.text("abcx", min_size=1, max_size=4)
pieces = st.sets(letters | letters.map("##{}".format), min_size=1, max_size=14)


@given(pieces=pieces, words=st.lists(st.text("abcx", min_size=1, max_size=7), min_size=1, max_size=12))
@example(pieces={"a", "ab", "##bc", "##x", "x"}, words=["abc", "axbc", "xbc"])
def test_words_of_the_corpus_keep_their_pieces(pieces, words):
    vocabulary = {token: i for i, token in enumerate(["[UNK]", *sorted(pieces)])}
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocabulary,
    }
    parts = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    data = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, **parts, "model": model}
    raw = json.dumps(data).encode()
    document, before = TokenizerDocument.parse(raw), Tokenizer.from_buffer(raw)
    rows = [before.encode(word).ids for word in words]
    kept = {i for row in rows for i in row} | required(document).keys()
    kept |= close(document, kept).keys()
    remap = IdRemap.of(kept)
    after = Tokenizer.from_buffer(rewrite(document, remap).to_bytes())
    assert [after.encode(word).ids for word in words] == [[remap.new_of(i) for i in row] for row in rows]


def test_trained_vocabularies_need_nothing(shared_tokenizers):
    for name in ("bert-base-cased", "bert-base-uncased", "bert-base-chinese", "all-minilm-l6-v2"):
        document = TokenizerDocument.load(shared_tokenizers / name)
        assert close(document, [i for i, token in document.tokens.items() if "<" not in token[:-1]]) == {}
