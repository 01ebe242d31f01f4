"""Completions, `prunus.toml`, dry runs, colours, and errors that say what was probably meant."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.cli import main
from prunus.cli.arguments import options, subparsers
from prunus.cli.parser import build_parser
from prunus.cli.settings import with_settings
from prunus.errors import FamilyError, UsageError
from prunus.plugin.manager import family_for

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = subparsers(build_parser())


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["prun"], "'prune'"), (["scan", "x", "--tokenizer", "t", "--colum", "c", "--cloumn=x"], "'--column'")],
)
def test_wrong_names_are_answered_with_the_nearest(words, meant, capsys):
    assert main(words) == 2
    assert f"Did you mean {meant}?" in capsys.readouterr().err


def test_wrong_usage_is_machine_readable(capsys):
    assert main(["scan", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["error"] == "usage"
    assert "--tokenizer" in said["message"]


def test_a_model_type_nearly_right(monkeypatch):
    with pytest.raises(FamilyError, match="Did you mean 'roberta'"):
        family_for("robertta")


def test_verbose_shows_where_an_error_was_raised(tmp_path, capsys):
    assert main(["report", str(tmp_path / "none.parquet"), "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none.parquet")]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_only_where_it_is_wanted(no_color, coloured, tmp_path):
    ours, theirs = pty.openpty()
    env = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run([sys.executable, "-m", "prunus", "prun"], stderr=theirs, env=env, check=False)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "prunus:" in said
    assert ("\x1b[" in said) is coloured


def test_nothing_is_coloured_in_a_file(capfd):
    main(["prun"])
    assert "\x1b" not in capfd.readouterr().err


def complete(*words):
    script = subprocess.run(
        [sys.executable, "-m", "prunus", "completion", "bash"], check=True, capture_output=True, text=True
    ).stdout
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _prunus; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    run = subprocess.run(["bash", "-euc", f"{script}\n{ask}"], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_bash_completes_what_the_grammar_knows():
    assert complete("prunus", "") >= set(COMMANDS)
    assert complete("prunus", "prune", "--keep-") == {o for o in options(COMMANDS["prune"]) if o.startswith("--keep-")}
    assert complete("prunus", "scan", "--format", "") == set(options(COMMANDS["scan"])["--format"].choices)
    assert complete("prunus", "scan", "") == set()  # files, by the shell itself
    assert complete("prunus", "completion", "f") == {"fish"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_their_script(shell, capsys, tmp_path):
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert all(command in script.read_text() for command in COMMANDS)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(script)], check=True)


def settings(folder: Path, text: str, *words: str) -> list[str]:
    (folder / "prunus.toml").write_text(text, encoding="utf-8")
    return with_settings(build_parser(), words)


SCAN = '[scan]\ntokenizer = "T"\ncolumn = ["a", "b"]\nthreads = 2\nquiet = true\nno-special-tokens = false\n'


def test_settings_stand_behind_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parsed = build_parser().parse_args(settings(tmp_path, SCAN, "scan", "corpus"))
    assert (parsed.tokenizer, parsed.column, parsed.threads, parsed.quiet) == (["T"], ["a", "b"], 2, True)
    assert parsed.no_special_tokens is False
    parsed = build_parser().parse_args(settings(tmp_path, SCAN, "scan", "corpus", "--column=c", "--threads", "3"))
    assert (parsed.tokenizer, parsed.column, parsed.threads) == (["T"], ["c"], 3)
    counts = settings(tmp_path, '[prune]\ncounts = ["x", "y"]\nout = "o"\n', "prune", "M")
    assert build_parser().parse_args(counts).counts == ["x", "y"]
    assert settings(tmp_path, SCAN, "merge", "x") == ["merge", "x"]
    assert settings(tmp_path, '[prune]\nout = "o"\n', "prune", "M", "-oX") == ["prune", "M", "-oX"]


def test_another_file_may_be_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.toml").write_text("[scan]\nthreads = 7\n")
    assert with_settings(build_parser(), ["--config", "other.toml", "scan", "x"]) == ["scan", "x", "--threads=7"]
    assert with_settings(build_parser(), ["scan", "x", "--config=other.toml", "--", "-y"])[2:] == [
        "--threads=7", "--", "-y",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="cannot be read"):
        with_settings(build_parser(), ["--config", "none.toml", "scan"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[scna]\n", "Did you mean 'scan'"),
        ("[scan]\ncolum = 'x'\n", "Did you mean 'column'"),
        ("scan = 3\n", "is no table"),
        ("[scan]\nquiet = 'yes'\n", "true or false"),
        ("[scan]\nthreads = true\n", "takes text, numbers"),
        ("[scan\n", "cannot be read"),
    ],
)
def test_wrong_settings_are_refused(text, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, text, "scan", "x")
    assert says in str(caught.value)
    assert "prunus.toml" in str(caught.value)


def test_a_dry_run_shows_the_plan_and_writes_nothing(tiny_bert, capsys):
    pq.write_table(pa.table({"text": ["the cat sat"]}), tiny_bert / "c.parquet")
    model = tiny_bert / "model"
    prunus.scan(tiny_bert / "c.parquet", tokenizer=model, tokenizer_from="file").save(tiny_bert / "counts.parquet")
    before = sorted(tiny_bert.rglob("*"))
    prune = ["prune", str(model), "--counts", str(tiny_bert / "counts.parquet"), "-o", str(tiny_bert / "out")]
    assert main([*prune, "--dry-run", "--tokenizer-from", "file", "--json"]) == 0
    said = capsys.readouterr()
    assert sorted(tiny_bert.rglob("*")) == before
    assert "a dry run" in said.err
    keep = prunus.TokenCounts.load(tiny_bert / "counts.parquet")
    planned = prunus.plan(model, keep, tokenizer_from="file").to_dict(tokens=False)
    assert json.loads(said.out) == json.loads(json.dumps(planned))
