"""Files that a command writes: whole or not at all, and never in the place of a device or a link."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.cli import main
from prunus.errors import OutputError
from prunus.wholefile import whole_file

ROOM = 64
WRITERS = {
    "scan": ("scan", "corpus.parquet", "--tokenizer", "model", "--tokenizer-from", "file", "--column", "text", "-o"),
    "merge": ("merge", "counts.parquet", "-o"),
    "plan": ("plan", "model", "--counts", "counts.parquet", "--tokenizer-from", "file", "-o"),
    "report": ("report", "counts.parquet", "--html"),
}


@pytest.fixture
def place(tiny_bert: Path) -> Path:
    pq.write_table(pa.table({"text": ["the cat sat on the mat"]}), tiny_bert / "corpus.parquet")
    prunus.scan(tiny_bert / "corpus.parquet", tokenizer=tiny_bert / "model").save(tiny_bert / "counts.parquet")
    return tiny_bert


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def _counts(place: Path, text: str) -> bytes:
    prunus.scan([text], tokenizer=place / "model").save(place / "other.parquet")
    return (place / "other.parquet").read_bytes()


@pytest.mark.parametrize("case", ["scan", "merge"])
@pytest.mark.parametrize("name", ["corpus.parquet", "model/tokenizer.json", "notes.txt", "link"])
def test_counts_replace_counts_only(place: Path, monkeypatch: pytest.MonkeyPatch, capfd, case: str, name: str) -> None:
    """`-o` may name the corpus by mistake: nothing is scanned then, and nothing is lost."""
    monkeypatch.chdir(place)
    Path("notes.txt").write_text("mine")
    Path("link").symlink_to("corpus.parquet")
    before = Path(name).read_bytes()
    monkeypatch.setattr("prunus.scanning.Scanner.scan", None)
    assert main([*WRITERS[case], name]) == 1
    assert f"{name}: exists, and is no counts file of Prunus" in capfd.readouterr().err
    assert Path(name).read_bytes() == before
    with pytest.raises(OutputError, match="no counts file of Prunus") as caught:
        prunus.TokenCounts.load("counts.parquet").save(name)
    assert "remove this one" in caught.value.hint
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("case", ["scan", "merge"])
def test_old_counts_and_empty_files_are_replaced(place: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(place)
    Path("old.parquet").write_bytes(_counts(place, "a cat"))
    Path("empty").touch()
    for name in ("old.parquet", "empty"):
        assert main([*WRITERS[case], name, "-q"]) == 0
        assert (
            prunus.TokenCounts.load(name).counts.tolist() == prunus.TokenCounts.load("counts.parquet").counts.tolist()
        )


def test_counts_are_not_written_over_what_they_are_made_of(place: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    """Counts are a table with a column of text: they can be a corpus, and are what `merge` reads."""
    monkeypatch.chdir(place)
    before = Path("counts.parquet").read_bytes()
    for words in (
        ["merge", "./counts.parquet"],
        ["scan", "count*.parquet", "--tokenizer", "model", "--tokenizer-from", "file"],
    ):
        assert main([*words, "-o", "counts.parquet"]) == 1
        assert "counts.parquet: is read" in capfd.readouterr().err
        assert Path("counts.parquet").read_bytes() == before


@pytest.mark.parametrize("where", ["file", "pipe"])
def test_standard_output_takes_counts(place: Path, where: str) -> None:
    out = place / "redirected"
    with out.open("wb") as file:
        run = subprocess.run(
            [sys.executable, "-m", "prunus", *WRITERS["merge"], "/dev/stdout", "-q"],
            cwd=place, stdout=file if where == "file" else subprocess.PIPE, check=True, timeout=120,
        )  # fmt: skip
    assert (out.read_bytes() if where == "file" else run.stdout) == (place / "counts.parquet").read_bytes()


@pytest.mark.parametrize("case", WRITERS)
def test_a_file_for_which_there_is_no_room_leaves_the_old_one(place: Path, case: str) -> None:
    old = _counts(place, "a cat") if case in {"scan", "merge"} else b"what was there"
    (place / "kept").write_bytes(old)
    before = sorted(path.name for path in place.iterdir())
    run = subprocess.run(
        [sys.executable, "-m", "prunus", *WRITERS[case], "kept"],
        cwd=place, capture_output=True, text=True, check=False, timeout=120, preexec_fn=_small_files,
    )  # fmt: skip
    assert run.returncode == 1, run.stderr
    assert run.stderr.startswith("prunus: kept: cannot be written"), run.stderr
    assert (place / "kept").read_bytes() == old
    assert sorted(path.name for path in place.iterdir()) == before


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with whole_file(tmp_path / "link") as file:
        file.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


def test_a_device_is_written_and_not_replaced(place: Path) -> None:
    """As root, a rename over /dev/null would put a file in its place for the whole system."""
    pipe = place / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        prunus.TokenCounts.load(place / "counts.parquet").save(pipe)
        assert os.read(reader, 1 << 20) == (place / "counts.parquet").read_bytes()
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_no_error_hides_behind_the_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only file system refuses to remove what was never made, too."""

    def refuses(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuses)
    monkeypatch.setattr(Path, "unlink", refuses)
    with (
        pytest.raises(OutputError, match="counts: cannot be written: Read-only file system"),
        whole_file(tmp_path / "counts"),
    ):
        pass


@pytest.mark.parametrize("command", [("report", "counts.parquet"), ("completion", "bash")])
def test_a_standard_output_that_takes_no_more_is_an_error(place: Path, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "prunus", *command],
            cwd=place, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.startswith("prunus: standard output: cannot be written: No space left on device"), run.stderr
    assert "Traceback" not in run.stderr
