"""Rules that need the tokenizer, held against slow definitions of themselves."""

from __future__ import annotations

import unicodedata

import pytest

import prunus
from prunus.errors import SelectionError, UsageError
from prunus.remap import IdRemap
from prunus.selection import KeepSet
from prunus.tokenizer.closure import close
from prunus.tokenizer.reasons import Reason
from prunus.tokenizer.required import required
from prunus.tokenizer.rewrite import rewrite
from prunus.tokenizer.surfaces import text_of_tokens

from .conftest import TEXTS, counts_of


def test_every_size_is_reached_exactly_and_sizes_are_nested(case):
    least = len(case.kept(prunus.select(keep_ids=[0])))
    before: set[int] = set()
    for size in range(least, len(case.document.tokens) + 1, 5):
        kept = case.kept(prunus.select(case.counts, size=size))
        assert len(kept) == size
        assert before <= kept
        assert not close(case.document, kept).keys() - kept, "closed"
        before = kept


def test_a_size_out_of_reach_is_refused(case):
    with pytest.raises(SelectionError, match="must stay"):
        case.kept(prunus.select(case.counts, size=3))
    with pytest.raises(SelectionError, match="only"):
        case.kept(prunus.select(case.counts, size=len(case.document.tokens) + 1))
    with pytest.raises(UsageError, match="size"):
        prunus.select(case.counts, size=0)


def test_size_is_leaf_pruning_for_bpe(bpe):
    """Slow reference: take away the least frequent token that no other needs, one at a time."""
    amounts = dict(zip(bpe.counts.ids.tolist(), bpe.counts.counts.tolist(), strict=True))
    fixed = bpe.kept(prunus.select(keep_ids=[0]))
    order = prunus.select(bpe.counts).ranked.tolist()
    rank = {identifier: place for place, identifier in enumerate(order)}
    left = fixed | case_closed(bpe, set(amounts))
    needs = {i: close(bpe.document, {i}).keys() for i in left}
    while len(left) > len(fixed):
        leaves = [i for i in left - fixed if not any(i in needs[j] for j in left if j != i)]
        left.remove(max(leaves, key=lambda i: (rank.get(i, 10**6), i)))
        kept = bpe.kept(prunus.select(bpe.counts, size=len(left)))
        assert sum(amounts.get(i, 0) for i in kept) >= sum(amounts.get(i, 0) for i in left)


def case_closed(case, ids: set[int]) -> set[int]:
    return ids | close(case.document, ids).keys()


def test_scripts_are_those_of_the_unicode_names(bpe):
    texts = text_of_tokens(bpe.document)
    for script, word in (("Latin", "LATIN"), ("Cyrillic", "CYRILLIC"), ("el", "GREEK")):
        kept = bpe.kept(prunus.select(scripts=[script]))
        for identifier, text in texts.items():
            letters = [c for c in text if c.isalpha() and unicodedata.category(c) != "Lm"]
            if letters and all(unicodedata.name(c).startswith(word) for c in letters):
                assert identifier in kept, text


def test_only_scripts_leaves_the_others_out_and_keeps_its_own_lines(bpe):
    kept = bpe.kept(prunus.select(bpe.counts, only_scripts=["Cyrillic"]))
    assert kept < bpe.kept(prunus.select(bpe.counts))
    remap = IdRemap.of(kept)
    from tokenizers import Tokenizer

    old, new = (Tokenizer.from_str(d.to_bytes().decode()) for d in (bpe.document, rewrite(bpe.document, remap)))
    line = "кошки и коты любят молоко и рыбу"
    assert [remap.new_of(i) for i in old.encode(line).ids] == new.encode(line).ids


def test_a_quota_holds_whatever_the_limits(bpe):
    chosen = prunus.select(bpe.counts, top_k=5, script_quotas={"Greek": 4, "Cyrillic": 6})
    kept, texts = bpe.kept(chosen), text_of_tokens(bpe.document)
    for word, number in (("GREEK", 4), ("CYRILLIC", 6)):
        has = [i for i in kept if any(unicodedata.name(c, "").startswith(word) for c in texts.get(i, ""))]
        assert len(has) >= number
    assert case_closed(bpe, kept) == kept


def test_scripts_that_do_not_exist_are_refused(bpe):
    for name in ("Klingon", "xx", "L", ".*"):
        with pytest.raises(UsageError, match="no script"):
            bpe.kept(prunus.select(bpe.counts, scripts=[name]))


def test_fallbacks(bpe, unigram):
    plain = bpe.kept(prunus.select(keep_ids=[0]))
    assert plain == bpe.kept(prunus.select(keep_ids=[0], unseen="bytes"))
    spelled = bpe.kept(prunus.select(keep_ids=[0], unseen="characters"))
    characters = {i for i, text in text_of_tokens(bpe.document).items() if len(text) == 1}
    assert characters - plain
    assert spelled == case_closed(bpe, plain | characters)
    with pytest.raises(UsageError, match="needs an unknown token"):
        bpe.kept(prunus.select(keep_ids=[0], unseen="unk"))
    with pytest.raises(UsageError, match="byte alphabet"):
        unigram.kept(prunus.select(unigram.counts, unseen="bytes"))
    best, least = (unigram.kept(prunus.select(unigram.counts, unseen=u)) for u in (None, "unk"))
    singles = {i for i, token in unigram.document.tokens.items() if len(token) == 1}
    assert singles <= best
    assert best - least
    assert best - least <= singles


def test_unused_added_tokens_go_and_named_ones_stay(bpe):
    ids = bpe.document.ids
    kept = bpe.kept(prunus.select(bpe.counts, drop_unused_added=True))
    assert ids["<tool>"] in kept, "it was counted"
    assert not {ids["<s>"], ids["<unused>"]} & kept
    named = {ids["<s>"]: Reason("config: bos_token_id")}
    kept = bpe.kept(prunus.select(bpe.counts, drop_unused_added=True), named)
    assert kept & {ids["<s>"], ids["<unused>"]} == {ids["<s>"]}
    small = rewrite(bpe.document, IdRemap.of(kept))
    assert {token.content for token in small.added} == {"<s>", "<tool>"}
    with pytest.raises(SelectionError, match="names it"):
        bpe.kept(prunus.select(bpe.counts, drop_tokens=["<s>"]), named)


def test_pruning_by_a_then_b_is_pruning_by_b(case):
    """Property of the issue: B within A."""
    first = case.kept(prunus.select(case.counts))
    second = case.kept(prunus.select(case.counts, top_k=20))
    assert second < first
    a, b = IdRemap.of(first), IdRemap.of(second)
    twice = rewrite(rewrite(case.document, a), IdRemap.of(a.new_of(i) for i in second))
    assert twice.to_bytes() == rewrite(case.document, b).to_bytes()


def test_closure_adds_nothing_twice(case):
    kept = case.kept(prunus.select(case.counts)) | required(case.document).keys()
    assert not close(case.document, kept).keys() - kept


def test_weights_keep_a_small_corpus_afloat(bpe):
    large = counts_of(bpe.document, TEXTS[:2] * 50)
    small = counts_of(bpe.document, TEXTS[2:4])
    plain = prunus.select([large, small], top_k=12)
    even = prunus.select([large, small], weights=[1, 1], top_k=12)
    seen = set(small.ids.tolist()) - set(large.ids.tolist())
    assert len(seen & set(even.ids.tolist())) > len(seen & set(plain.ids.tolist()))
    assert plain.ids.tolist() == prunus.select(prunus.merge([large, small]), top_k=12).ids.tolist()
    assert (
        prunus.select([large, small], weights=[2, 2]).ranked.tolist()
        == prunus.select([large, small], weights=[1, 1]).ranked.tolist()
    )
    for weights in ([1], [1, 0], [1, float("nan")]):
        with pytest.raises(UsageError):
            prunus.select([large, small], weights=weights)


def test_a_union_is_the_union(bpe):
    one, two = (prunus.select(counts_of(bpe.document, texts), top_k=9) for texts in (TEXTS[:2], TEXTS[2:4]))
    both = one | two
    assert set(both.ids.tolist()) == {*one.ids.tolist(), *two.ids.tolist()}
    assert sorted(both.ranked.tolist()) == both.counts.ids.tolist()
    assert (two | one).ids.tolist() == both.ids.tolist()
    with pytest.raises(UsageError, match="different rules"):
        one | prunus.select(bpe.counts, size=400)


def test_rules_survive_the_file(bpe, tmp_path):
    rules = {"scripts": ["Latin"], "only_scripts": ["ru"], "script_quotas": {"Greek": 3}, "size": 400}
    chosen = prunus.select(bpe.counts, **rules, unseen="bytes", drop_unused_added=True, top_k=40)
    chosen.save(tmp_path / "keep.parquet")
    again = KeepSet.load(tmp_path / "keep.parquet", bpe.counts)
    assert again.rules == chosen.rules
    assert again.ranked.tolist() == chosen.ranked.tolist()
    assert bpe.kept(again) == bpe.kept(chosen)
