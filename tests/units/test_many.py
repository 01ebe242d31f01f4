"""Several tokenizers in one pass give what each gives alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

import prunus
from prunus.corpus import open_corpus
from prunus.errors import InvalidTextError, UsageError
from prunus.many import names_of, scan_many

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def others(tokenizer: Path, tmp_path: Path) -> list[Path]:
    """Three tokenizers: one, one that keeps case, and the first again under another name."""
    made = [tokenizer]
    for name, lowercase in (("cased", False), ("again", True)):
        values = json.loads(tokenizer.read_text())
        values["normalizer"]["lowercase"] = lowercase
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text(json.dumps(values))
        made.append(tmp_path / name / "tokenizer.json")
    return made


@pytest.mark.parametrize("memory", [None, 1 << 16])
def test_each_result_is_that_of_a_scan_alone(others: list[Path], corpus: Path, memory: int | None) -> None:
    results = scan_many(corpus, tokenizers=others, columns="text", threads=2, memory=memory)
    assert len(results) == 3
    assert results[0].info.fingerprint != results[1].info.fingerprint
    for path, counts in zip(others, results, strict=True):
        assert counts == prunus.scan(corpus, tokenizer=path, columns="text", threads=1)


def test_the_corpus_is_read_once(others: list[Path], corpus: Path) -> None:
    opened = open_corpus(corpus, "text")
    read, whole = [], opened.batches
    opened.batches = lambda: (read.append(1) or batch for batch in whole())  # type: ignore[method-assign]
    seen: list[dict[str, int]] = []

    class Told:
        def update(self, **values: int) -> None:
            seen.append(values)

    scan_many(opened, tokenizers=others, progress=Told())
    assert len(read) == sum(1 for _ in whole())
    assert seen[-1]["bytes_read"] == seen[-1]["total_bytes"]


def test_the_command_writes_one_file_each_or_nothing(others: list[Path], corpus: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "prunus", "scan", corpus, "--column", "text", *arguments]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)

    two = ["--tokenizer", others[1], "--tokenizer", others[2]]
    done = run(*two, "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["again.parquet", "cased.parquet"]
    assert [record["out"] for record in json.loads(done.stdout)] == [
        str(tmp_path / "out" / name) for name in ("cased.parquet", "again.parquet")
    ]
    whole = prunus.scan(corpus, tokenizer=others[1], columns="text")
    assert prunus.TokenCounts.load(tmp_path / "out" / "cased.parquet") == whole
    (corpus / "z.txt").write_bytes(b"\xff")
    failed = run(*two, "-o", tmp_path / "failed")
    assert failed.returncode == 1
    assert not (tmp_path / "failed").exists()


def test_results_are_named_after_files_then_directories(others: list[Path], tmp_path: Path) -> None:
    first, cased, _ = others
    for path, source in (("tk/one.json", first), ("tk/two.json", cased), ("other/one.json", cased)):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(source.read_bytes())
    (tmp_path / "deep" / "cased").mkdir(parents=True)
    (tmp_path / "deep" / "cased" / "tokenizer.json").write_bytes(first.read_bytes())

    def named(*paths: str) -> list[str]:
        tokenizers = [str(tmp_path / path) for path in paths]
        return names_of(tokenizers, scan_many(["the cat"], tokenizers=tokenizers))

    assert named("tk/one.json", "tk/two.json", "cased") == ["one", "two", "cased"]
    assert named("tk/one.json", "other/one.json", "cased/tokenizer.json") == ["tk", "other", "cased"]
    same = named("cased", "deep/cased/tokenizer.json", "tk/two.json")
    assert [name[:6] for name in same] == ["cased-", "cased-", "two"]
    assert len(set(same)) == 3
    with pytest.raises(UsageError, match="named twice"):
        named("tk/one.json", "tk/one.json")


def test_what_is_refused(others: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tokenizer"):
        scan_many(["a"], tokenizers=[])
    with pytest.raises(UsageError, match="ready ids"):
        scan_many(pa.table({"input_ids": [[1, 2]]}), tokenizers=others)
    with pytest.raises(InvalidTextError):
        scan_many(pa.table({"text": [b"\xff"]}), tokenizers=others, columns="text")
    live = Tokenizer.from_file(str(others[0]))
    assert len(scan_many(iter(["the cat"]), tokenizers=[live, live])) == 2
