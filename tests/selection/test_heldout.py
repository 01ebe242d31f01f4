"""The estimate on held-out text, against the two tokenizers asked one text at a time."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import prunus
from prunus.cli import main
from prunus.corpus import open_corpus
from prunus.corpus.held import HeldOut
from prunus.errors import CorpusError, UsageError

HELD = ["the cat said moo", "zebras jump", "the mat", "é # the", "sat"]


@given(st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=40), st.integers(2, 7), st.integers(1, 9))
def test_the_two_views_share_the_rows(rows, every, size):
    table = pa.table({"text": pa.array(rows, pa.string())})
    batches = pa.Table.from_batches(table.to_batches(max_chunksize=size))
    held, left = (
        [v for batch in HeldOut(open_corpus(batches), every, held=held).batches() for v in batch.data[0].to_pylist()]
        for held in (True, False)
    )
    assert held == rows[every - 1 :: every]
    assert left == [row for number, row in enumerate(rows, 1) if number % every]


def test_holding_out_every_row_is_refused():
    with pytest.raises(UsageError, match="at least 2"):
        HeldOut(open_corpus(["a"]), 1, held=True)


@pytest.mark.parametrize("unseen", [None, "unk"])
def test_the_estimate_is_what_the_two_tokenizers_say(tiny_bert, unseen):
    model, out = tiny_bert / "model", tiny_bert / "out"
    counts = prunus.scan(["the cat sat"], tokenizer=model)
    report = prunus.prune(model, prunus.select(counts, unseen=unseen), out, forward=False)
    found = prunus.estimate(report.plan, HELD)
    sides = []
    for directory in (model, out):
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        sides.append([tokenizer.encode(text, add_special_tokens=False).tokens for text in HELD])
    assert found.rows == len(HELD)
    assert found.tokens == tuple(sum(map(len, side)) for side in sides)
    assert found.unknown == tuple(sum(row.count("[UNK]") for row in side) for side in sides)
    assert found.changed == sum(a != b for a, b in zip(*sides, strict=True))
    words = sum(len(text.split()) for text in HELD)
    assert found.per_word == (found.tokens[0] / words, found.tokens[1] / words)
    assert found.per_byte[0] == found.tokens[0] / sum(len(text.encode()) for text in HELD)
    assert 0 < found.changed_share < 1
    assert report.plan.unseen == (unseen or "characters")


def test_no_text_is_an_error(tiny_bert):
    plan = prunus.plan(tiny_bert / "model", prunus.select(keep_ids=[5]))
    with pytest.raises(CorpusError, match="no rows"):
        prunus.estimate(plan, pa.table({"text": pa.array([], pa.string())}))


def test_the_command_says_it_and_the_plan_keeps_it(tiny_bert, capsys):
    model, corpus, other = str(tiny_bert / "model"), tiny_bert / "c.txt", tiny_bert / "other.txt"
    corpus.write_text("the cat\nsat\nmat mat\nthe\n")
    other.write_text("\n".join(HELD))
    saved = tiny_bert / "plan.json"
    assert main(["plan", model, "--corpus", str(corpus), "--holdout", str(other), "--json", "-o", str(saved)]) == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)["held_out"]
    plan = prunus.PrunePlan.load(saved)
    assert said == json.loads(json.dumps(plan.held_out.to_dict()))
    assert plan.held_out == prunus.estimate(plan, HELD)
    assert "unseen text: spelled in" in captured.err
    assert "segmented otherwise" in captured.err
    out = str(tiny_bert / "small")
    assert main(["prune", model, "--corpus", str(corpus), "--holdout-every", "3", "-o", out, "--no-forward"]) == 0
    report = json.loads((tiny_bert / "small" / "prunus" / "report.json").read_text())
    assert report["plan"]["held_out"]["rows"] == 1
    assert report["plan"]["held_out"]["changed"] == 1
    for wrong in (["--holdout-every", "3"], ["--corpus", str(corpus), "--holdout", str(other), "--holdout-every", "2"]):
        assert main(["plan", model, "--keep-ids", "5", *wrong]) == 2
