"""Values that are out of range or of another type: an error that names the option, before anything is read."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tokenizers import Tokenizer, models

import prunus
from prunus.cli import main
from prunus.errors import UsageError

WRONG = {
    "threads": ["2", True, 2.0, 0, -1, 2**63, 1_000_000],
    "memory": ["5MB", True, 1.5, 0, 2**70],
    "sample": ["x", "0.5", True, 0, 1, float("nan"), [0.5]],
    "truncate": [2.5, True, "5", 0, 10**20, [5]],
    "add_special_tokens": ["no", 1, None],
    "columns": [[], (), [""], "", [3]],
}


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))


@pytest.mark.parametrize(("option", "value"), [(option, value) for option in WRONG for value in WRONG[option]])
def test_wrong_values_are_refused_by_name(tokenizer, option, value):
    with pytest.raises(UsageError, match=option):
        prunus.scan(["a"], tokenizer=tokenizer, **{option: value})
    with pytest.raises(UsageError, match=option):
        prunus.scan_many(["a"], tokenizers=[tokenizer], **{option: value})


def test_numbers_of_numpy_are_numbers(tokenizer, tmp_path):
    given = {"threads": np.int64(1), "memory": np.uint32(1 << 20), "truncate": np.int32(3), "sample": np.float32(0.99)}
    counts = prunus.scan(["a"] * 9, tokenizer=tokenizer, **given)
    counts.save(tmp_path / "counts.parquet")
    assert prunus.TokenCounts.load(tmp_path / "counts.parquet") == counts
    assert prunus.scan(["a"], tokenizer=tokenizer, sample=Fraction(99, 100)).info.options["sample"] == 0.99


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--memory", "99999999TB"),
        ("--memory", "9" * 400),
        ("--unit-size", "9" * 400),
        ("--truncate", "99999999999999999999"),
        ("--threads", "9223372036854775808"),
        ("--threads", "0"),
        ("--sample", "nan"),
        ("--column", ""),
    ],
)
def test_wrong_values_on_the_command_line(tiny_bert, capfd, option, value):
    (tiny_bert / "c.txt").write_text("the cat\n")
    words = ["scan", str(tiny_bert / "c.txt"), "--tokenizer", str(tiny_bert / "model"), "--tokenizer-from", "file"]
    assert main([*words, option, value]) == 2
    assert option[2:] in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["scan", "", "--tokenizer", "model"],
        ["scan", "c.txt", "--tokenizer", ""],
        ["scan", "c.txt", "--tokenizer=", "-o", "out"],
        ["scan", "c.txt", "--tokenizer", "model", "-o", ""],
        ["scan", "c.txt", "--tokenizer", "model", "--resume", ""],
        ["merge", "", "-o", "out"],
        ["plan", "", "--keep-ids", "1"],
    ],
)
def test_empty_arguments_are_not_the_current_directory(tiny_bert, monkeypatch, capfd, words):
    monkeypatch.chdir(tiny_bert)
    (tiny_bert / "c.txt").write_text("the cat\n")
    before = sorted(tiny_bert.iterdir())
    assert main(words) == 2
    assert "Is a variable unset?" in capfd.readouterr().err
    assert sorted(tiny_bert.iterdir()) == before


def test_empty_names_in_python(tokenizer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.txt").write_text("a\n")
    with pytest.raises(UsageError, match="name of the corpus is empty"):
        prunus.scan("", tokenizer=tokenizer)
    with pytest.raises(UsageError, match="name of the tokenizer is empty"):
        prunus.scan("c.txt", tokenizer="")
    with pytest.raises(UsageError, match="name of the work directory is empty"):
        prunus.scan("c.txt", tokenizer=tokenizer, resume="")
    with pytest.raises(UsageError, match="name of the output is empty"):
        prunus.scan("c.txt", tokenizer=tokenizer).save("")
