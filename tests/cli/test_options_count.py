"""No option of the command line goes unheard: each does what it says, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import prunus
from prunus.cli import main
from prunus.cli.arguments import options, subparsers
from prunus.cli.parser import build_parser
from prunus.errors import UsageError

LATIN = "the caf\xe9 sat".encode("latin-1")
PRUNE = ("prune", "model", "--no-forward", "--tokenizer-from", "file", "-q")


@pytest.fixture
def place(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, its counts, a plan, and a corpus that is text only where the options say so."""
    monkeypatch.chdir(tiny_bert)
    Path("corpus.dat").write_bytes(b"the cat\n\n" + LATIN)
    prunus.scan(["the cat sat"], tokenizer="model", tokenizer_from="file").save("counts.parquet")
    assert (
        main(["plan", "model", "--counts", "counts.parquet", "-o", "plan.json", "--tokenizer-from", "file", "-q"]) == 0
    )
    return tiny_bert


def refused(capfd: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    before = sorted(Path().rglob("*"))
    capfd.readouterr()
    assert main(list(words)) == code
    assert sorted(Path().rglob("*")) == before
    return capfd.readouterr().err


DECIDED = {
    "--counts": "counts.parquet", "--min-count": "2", "--size": "20", "--top-k": "3", "--coverage": "0.9",
    "--weights": "2", "--keep-ids": "5", "--keep-regex": "a", "--script": "Latin", "--unseen": "unk",
    "--pad-to-multiple-of": "8",
    "--holdout": "counts.parquet", "--holdout-every": "2", "--drop-file": "x", "--tokenizer-from": "file",
}  # fmt: skip


@pytest.mark.parametrize("option", DECIDED)
def test_a_plan_and_what_it_has_decided_do_not_go_together(place, capfd, option):
    said = refused(capfd, "prune", "model", "--plan", "plan.json", option, DECIDED[option], "-o", "out", "--no-forward")
    assert f"--plan already decides {option}" in said


def test_a_plan_refuses_them_in_python_too(place):
    plan = prunus.PrunePlan.load("plan.json")
    for given in ({"pad_to_multiple_of": 8}, {"drop_files": ["x"]}, {"tokenizer_from": "transformers"}):
        with pytest.raises(UsageError, match="a plan already decides"):
            prunus.prune("model", plan, "out", forward=False, **given)
    assert not Path("out").exists()


@pytest.mark.parametrize("number", ["0", "1", "-3"])
@pytest.mark.parametrize("verb", ["plan", "prune"])
def test_a_number_that_holds_nothing_out_is_refused(place, capfd, verb, number):
    Path("corpus.txt").write_text("the cat\nthe mat\n")
    words = [
        verb,
        "model",
        "--corpus",
        "corpus.txt",
        f"--holdout-every={number}",
        *(["-o", "out"] if verb == "prune" else []),
    ]
    assert "at least 2" in refused(capfd, *words)


@pytest.mark.parametrize("verb", ["forecast", "prune-head", "prune-input"])
def test_held_out_text_is_only_taken_by_who_reads_it(verb):
    assert "--holdout" not in options(subparsers(build_parser())[verb])
    assert "--holdout" in options(subparsers(build_parser())["prune"])


def test_the_verification_reads_the_corpus_as_the_options_say(place, capfd):
    how = ("--corpus", "corpus.dat", "--format", "text", "--text-rows", "file", "--invalid-utf8", "replace")
    assert main([*PRUNE, *how, "-o", "out"]) == 0
    capfd.readouterr()
    for verb in ("verify", "compare"):
        assert main([verb, "model", "out", *how, "--no-forward", "--tokenizer-from", "file"]) == 0
        assert "tokens in 1 texts" in capfd.readouterr().err


BAD = {
    "standard input": (("--corpus", "-"), "standard input can be read only once", 2),
    "a missing file": (("--corpus", "no.parquet"), "no.parquet: no such file", 1),
    "a wrong column": (("--corpus", "corpus.jsonl", "--column", "txt"), "Did you mean 'text'", 1),
}


@pytest.mark.parametrize("verb", ["prune", "verify", "compare"])
@pytest.mark.parametrize("case", BAD)
def test_a_corpus_that_cannot_be_read_is_refused_before_any_work(place, capfd, monkeypatch, case, verb):
    Path("corpus.jsonl").write_text('{"text": "the cat"}\n')
    words, says, code = BAD[case]

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("prunus.pruning.prune", "prunus.verification.verify", "prunus.comparing.compare"):
        monkeypatch.setattr(name, never)
    counts = ("--counts", "counts.parquet", "-o", "out") if verb == "prune" else ("model",)
    assert says in refused(capfd, verb, "model", *counts, *words, code=code)
