"""Which files a path, directory or glob means; nothing is counted twice, nothing left out in silence."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import datasets
import pytest

from prunus.corpus import open_corpus
from prunus.errors import CorpusError, UsageError


@pytest.fixture
def tree(tmp_path):
    """A directory as people have them."""
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.jsonl", "lang=en/e.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "d.jsonl"}\n' if name.endswith("l") else f"{path.name}\n")
    noise = "_SUCCESS", ".hidden.txt", "README.md", "dataset_info.json", "script.py", "_tmp/x.txt", ".cache/y.txt"
    for name in noise:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}\n")
    return tmp_path


def test_a_directory_is_searched_in_order(tree, read):
    assert read(tree) == ["a.txt", "b.txt", "e.txt", "c.txt", "d.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "rows"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "e.txt", "c.txt"]),
        ("**/[cd].*", ["c.txt", "d.jsonl"]),
        ("s*", ["c.txt", "d.jsonl"]),
        ("sub/**", ["c.txt", "d.jsonl"]),
    ],
)
def test_globs(tree, read, pattern, rows):
    if pattern == "s*":
        (tree / "script.py").unlink()
    assert read(str(tree / pattern)) == rows
    assert read([tree / pattern]) == rows


def test_globs_leave_out_hidden_files_unless_they_name_them(tree, read):
    assert read(str(tree / "_tmp" / "*.txt")) == ["{}"]
    assert read(str(tree / ".cache" / "*.txt")) == ["{}"]
    assert read(str(tree / "*" / "*.txt")) == ["e.txt", "c.txt"]


def test_a_file_whose_name_is_a_glob(tmp_path, read):
    (tmp_path / "a[1].txt").write_text("x\n")
    assert read(str(tmp_path / "a[1].txt")) == ["x"]


@pytest.mark.parametrize("source", ["a\udcff.txt", ".", "*.txt"])
def test_a_name_that_is_no_utf8_is_refused(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    Path("a\udcff.txt").write_text("a\n")
    with pytest.raises(CorpusError, match=r"a\\udcff\.txt': the name is not UTF-8") as caught:
        open_corpus(source)
    assert "Rename" in caught.value.hint
    json.dumps(caught.value.details).encode()


@pytest.fixture
def closed(tree, monkeypatch):
    """`sub` and `_tmp` may not be listed; root may list anything, so the system's answer is put in."""
    real = os.scandir

    def scandir(path="."):
        if Path(path).name in {"sub", "_tmp"}:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return tree


@pytest.mark.parametrize("pattern", ["", "**/*.txt", "**/deep/*", "*/*.txt", "s*/c.txt", "sub/*.txt", "sub/**", "s*"])
def test_a_directory_that_may_not_be_read_is_not_passed_over(closed, read, pattern):
    if pattern == "s*":
        (closed / "script.py").unlink()
    with pytest.raises(CorpusError, match=r"/sub: cannot be read: Permission denied"):
        read(str(closed / pattern))


@pytest.mark.parametrize("pattern", ["*.txt", "l*/*.txt", "lang=en/**/*.txt", "[!s]*"])
def test_what_a_pattern_does_not_reach_need_not_be_readable(closed, read, pattern):
    (closed / "script.py").unlink()
    if pattern == "[!s]*":
        for name in ("README.md", "dataset_info.json"):
            (closed / name).unlink()
    assert set(read(str(closed / pattern))) <= {"a.txt", "b.txt", "e.txt"}


def test_a_file_in_a_directory_that_may_not_be_searched(tree, read, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setattr(Path, "is_dir", denied)
    with pytest.raises(CorpusError, match=r"a\.txt: cannot be read: Permission denied"):
        read(str(tree / "a.txt"))


def test_several_sources_keep_their_order(tree, read):
    assert read([tree / "sub", tree / "b.txt", str(tree / "a.txt")]) == ["c.txt", "d.jsonl", "b.txt", "a.txt"]


@pytest.mark.parametrize(
    "sources",
    [("a.txt", "a.txt"), (".", "a.txt"), ("*.txt", "a*"), ("a.txt", "sub/../a.txt"), ("a.txt", "link.txt")],
)
def test_a_file_named_twice_is_refused(tree, read, sources):
    (tree / "link.txt").symlink_to(tree / "a.txt") if "link.txt" in sources else None
    with pytest.raises(CorpusError, match=r"a(|link).*txt: named twice, by .* and by "):
        read([tree / source for source in sources])


def test_links_below_one_directory_are_followed_once(tree, read):
    (tree / "sub" / "again.txt").symlink_to(tree / "a.txt")
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "sub" / "out").symlink_to(tree / "_tmp")
    assert sorted(read(tree)) == sorted(["a.txt", "b.txt", "c.txt", "d.jsonl", "e.txt", "{}"])


def test_with_a_format_every_file_of_a_directory_is_read(tree, read):
    assert read(tree, format="text").count("{}") == 3, "README.md, dataset_info.json, script.py"


@pytest.mark.parametrize("name", ["README.md", "dataset_info.json"])
def test_files_about_a_corpus_are_read_when_named(tree, name):
    format_ = {"README.md": "text", "dataset_info.json": "jsonl"}[name]
    (tree / name).write_text('{"text": "x"}\n')
    assert open_corpus(tree / name).sources[0]["format"] == format_


def test_a_directory_without_corpus_says_what_it_holds(tmp_path, read):
    with pytest.raises(CorpusError, match="it holds nothing"):
        read(tmp_path)
    for i in range(12):
        (tmp_path / f"{i:02}.csv").write_text("")
    with pytest.raises(CorpusError, match=r"it holds 00\.csv, 01\.csv.* and 2 more") as caught:
        read(tmp_path)
    assert ".parquet" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("absent.parquet", "no such file"),
        ("absent/*.parquet", "no file matches"),
        ("script.py", "does not tell the format"),
        ("*.py", "does not tell the format"),
        ("nonsense://bucket/a.parquet", "cannot be reached"),
        ("dangling.txt", "No such file"),
    ],
)
def test_sources_that_are_nothing(tree, read, source, said, monkeypatch):
    monkeypatch.chdir(tree)
    (tree / "dangling.txt").symlink_to("nowhere")
    with pytest.raises(CorpusError, match=said) as caught:
        read(source)
    assert source.lstrip("*") in str(caught.value)
    with pytest.raises(CorpusError):
        read([Path(source)])


def test_a_saved_dataset_is_its_own_files_only(tmp_path, read):
    data = datasets.Dataset.from_dict({"text": [f"row {i}" for i in range(50)]})
    data.shuffle(seed=1).save_to_disk(tmp_path / "one", num_shards=3)
    expected = data.shuffle(seed=1)["text"][:]
    assert read(tmp_path / "one") == expected
    mapped = datasets.load_from_disk(tmp_path / "one")
    mapped.map(lambda row: {"text": row["text"] + "!"})
    assert list((tmp_path / "one").glob("cache-*.arrow")), "the case this is about"
    assert read(tmp_path / "one") == expected
    datasets.DatasetDict(train=data, test=data.select(range(3))).save_to_disk(tmp_path / "two")
    assert len(read(tmp_path / "two")) == 53


def test_lists_of_strings_are_paths_or_texts_never_a_guess(tree, read, monkeypatch):
    monkeypatch.chdir(tree)
    assert read(["a.txt", "b.txt"]) == ["a.txt", "b.txt"]
    assert read(["s*/c.txt"]) == ["c.txt"]
    assert read(["some words", "What? *yes* [no]", "** bold", "", "x" * 5000, "-"])[:2] == [
        "some words",
        "What? *yes* [no]",
    ]
    assert read(iter(["a.txt", "b.txt"])) == ["a.txt", "b.txt"]
    assert read(("words",)) == ["words"]
    for mixed in (["a.txt", "words"], ["a.txt", "missing.txt"], ["missing.txt"], ["some words", "missing.jsonl.gz"]):
        with pytest.raises(CorpusError, match="is this a text") as caught:
            read(mixed)
        assert "pathlib.Path" in caught.value.hint
    with pytest.raises(CorpusError, match="no such file"):
        read([Path("words")])
    with pytest.raises(UsageError, match="holds a int"):
        read([Path("a.txt"), 3])
    with pytest.raises(CorpusError, match="no such file"):
        read("a bare text")


def test_files_that_change_or_vanish_are_noticed(tmp_path, read):
    path = tmp_path / "a.txt"
    path.write_text("one\n")
    corpus = open_corpus(path)
    path.write_text("one and more\n")
    with pytest.raises(CorpusError, match="changed while it was read"):
        read(corpus)
    corpus = open_corpus(path)
    path.unlink()
    with pytest.raises(CorpusError, match=r"a\.txt: cannot be read"):
        read(corpus)


def test_a_named_pipe_is_read_once(tmp_path, read):
    path = tmp_path / "a.txt"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("one\ntwo\n",))
    writer.start()
    corpus = open_corpus(path)
    assert corpus.total_bytes is None
    assert read(corpus) == ["one", "two"]
    writer.join()
    with pytest.raises(CorpusError, match="read only once"):
        read(corpus)


def test_data_of_another_format_is_not_passed_by(tree):
    (tree / "sub" / "more.csv.gz").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"data that is not read here: sub/more\.csv\.gz"):
        open_corpus(tree)
    with pytest.raises(CorpusError, match="format is not read") as caught:
        open_corpus(tree / "sub" / "more.csv.gz")
    assert "Convert it" in caught.value.hint
