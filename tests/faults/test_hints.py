"""What a person gets wrong first: the error names the thing as it was given, and what to do next does work."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.cli import main


@pytest.fixture
def place(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tiny_bert)
    Path("corpus.txt").write_text("the cat sat\n")
    prunus.scan(["the cat sat"], tokenizer="model", tokenizer_from="file").save("counts.parquet")
    return tiny_bert


def _only_pickle() -> None:
    Path("model/model.safetensors").rename("model/pytorch_model.bin")


def _shards_without_index() -> None:
    Path("model/model.safetensors").rename("model/model-00001-of-00001.safetensors")


def _written(text: str):
    return lambda: Path("c.jsonl").write_text(text)


COUNTS = ("--counts", "counts.parquet")
PLAN = ("plan", "model", *COUNTS)
SCAN = ("scan", "corpus.txt", "--tokenizer")
JSONL = ("scan", "c.jsonl", "--tokenizer", "model")
FILE = ("model", "model", "--tokenizer-from", "file")
CASES = {
    "a model of the hub": (None, ("plan", "org/bert", *COUNTS), 1, ["org/bert: no such directory", "hf download"]),
    "a tokenizer of the hub": (None, (*SCAN, "org/bert"), 1, ["org/bert: no such file or directory", "hf download"]),
    "no model": (
        lambda: Path("x").mkdir(),
        ("plan", "x", *COUNTS),
        1,
        ["x: has no config.json", "directory of a model"],
    ),
    "no counts file": (None, ("plan", "model", "--counts", "no"), 1, ["prunus: no: no such file\n", "prunus scan -o"]),
    "only a pickle": (_only_pickle, PLAN, 1, ["holds no model.safetensors and no", "prunus convert MODEL"]),
    "no index": (_shards_without_index, PLAN, 1, ["model-00001-of-00001", "fetch model.safetensors.index.json"]),
    "no weights": (None, (*PLAN, "--drop-file", "model.safetensors"), 1, ["no checkpoint is left", "another file"]),
    "no id": (None, ("plan", "model", "--keep-ids", "1,x"), 2, ["'x' is no id", "1,2,3"]),
    "no list": (None, ("plan", "model", "--keep-tokens", "no"), 2, ["no: cannot be read: No such", "one entry a line"]),
    "an empty JSONL": (_written(""), JSONL, 1, ["c.jsonl: there are no rows", "right corpus"]),
    "a JSON array": (_written('[{"text": "a"}]'), JSONL, 1, ["a list", "Each line must be"]),
    "not pruned": (None, ("verify", *FILE), 3, ["keep.parquet: no such file", "prunus compare"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_mistakes(place, capfd, case):
    before, words, code, says = CASES[case]
    if before:
        before()
    capfd.readouterr()
    assert main(list(words)) == code
    said = capfd.readouterr().err
    assert all(part in said for part in says), said
    assert "Errno" not in said


def test_a_column_that_nobody_named_is_named(place, capfd):
    """A list of labels may be the only column of text, beside text that lies deeper."""
    pq.write_table(pa.table({"tags": [["cat"]], "message": [{"content": "the mat"}]}), "corpus.parquet")
    assert main(["scan", "corpus.parquet", "--tokenizer", "model", "--tokenizer-from", "file"]) == 0
    assert "column 'tags'" in capfd.readouterr().err


def test_a_plan_says_where_it_is(place, capfd):
    assert main(["plan", "model", *COUNTS, "-o", "plan.json", "--tokenizer-from", "file"]) == 0
    assert "written to plan.json: `prunus prune model --plan plan.json -o OUT`" in capfd.readouterr().err
    assert main(["prune", "model", "--plan", "plan.json", "-o", "OUT", "--no-forward", "-q"]) == 0


def test_the_summary_says_when_every_row_went_by_itself(place):
    counts = prunus.scan(["the cat"], tokenizer="model", tokenizer_from="file", truncate=3)
    assert counts.info.path == "row"
    assert "every row went through the library by itself" in counts.summary()
    assert "0 rows" not in counts.summary()


def test_a_lone_file_to_leave_out_is_one_file(place):
    Path("model/a.onnx").write_bytes(b"x")
    counts = prunus.TokenCounts.load("counts.parquet")
    plan = prunus.plan("model", counts, drop_files="a.onnx", tokenizer_from="file")
    assert [file.name for file in plan.files if file.action == "drop"] == ["a.onnx"]
    prunus.prune("model", counts, "out", drop_files="a.onnx", tokenizer_from="file", forward=False)
    assert not Path("out/a.onnx").exists()


def test_a_pipe_is_no_corpus_for_a_verification(place, capfd):
    os.mkfifo("pipe")
    assert main(["prune", "model", *COUNTS, "--corpus", "pipe", "--format", "text", "-o", "out"]) == 2
    assert "a pipe can be read only once" in capfd.readouterr().err
