"""Ray: a real local cluster of two worker processes, one of them killed in mid-run, gives the plain scan's bytes."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.cli import main
from prunus.errors import InvalidTextError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ray: Any = pytest.importorskip("ray", reason="Ray is not installed (pip install --group engines)")
pytest.importorskip("pandas", reason="ray.data needs pandas")
if not Path("/proc").is_dir():
    pytest.skip("workers are found in /proc", allow_module_level=True)

from prunus.engine.ray import scan, scan_dataset  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", object_store_memory=100_000_000)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, words: Path) -> Path:
    """A folder with a tokenizer and a corpus of 16 row groups, a quarter of a second each."""
    folder = tmp_path_factory.mktemp("ray")
    (folder / "tokenizer.json").write_bytes(words.read_bytes())
    texts = ["the cat sat on a mat " * 20 + str(number % 5) for number in range(24_000)]
    pq.write_table(
        pa.table({"text": [*texts, None]}),
        folder / "corpus.parquet",
        row_group_size=1500,
        use_dictionary=False,
        compression="none",
    )
    (folder / "lines.txt").write_text("the mat\nsat on x\n" * 2000)
    return folder


def workers() -> dict[int, str]:
    """The worker processes of Ray and what they do."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if title.startswith("ray::_count_unit"):
            found[int(entry.name)] = title
    return found


class Killing(threading.Thread):
    """Watches the workers, and kills one that is at work once a unit is done."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[int] = set()
        self.killed: list[int] = []
        self.told: list[dict[str, int]] = []
        self.over = threading.Event()

    def update(self, **values: int) -> None:
        self.told.append(values)

    def run(self) -> None:
        while not self.over.wait(0.005):
            busy = workers()
            self.seen |= busy.keys()
            if busy and self.told and not self.killed:
                os.kill(min(busy), signal.SIGKILL)
                self.killed.append(min(busy))


def saved(counts: prunus.TokenCounts, path: Path) -> bytes:
    counts.save(path)
    return path.read_bytes()


def test_a_killed_worker_changes_nothing(cluster: None, place: Path, tmp_path: Path) -> None:
    sources = [str(place / "corpus.parquet"), str(place / "lines.txt")]
    want = prunus.scan(sources, tokenizer=place / "tokenizer.json", columns=["text"], path="row", threads=1)
    progress = Killing()
    progress.start()
    counts = scan(
        sources, str(place / "tokenizer.json"), ["text"], path="row", unit_bytes=700_000, in_flight=3, progress=progress
    )
    progress.over.set()
    assert saved(counts, tmp_path / "ray") == saved(want, tmp_path / "plain")
    assert len(progress.killed) == 1
    assert len(progress.seen) >= 2, "the work was not shared"
    assert len(progress.told) > 10
    assert progress.told[-1]["bytes_read"] == progress.told[-1]["total_bytes"]
    assert [told["rows"] for told in progress.told] == sorted({told["rows"] for told in progress.told})


def test_the_command_gives_the_plain_commands_bytes(cluster: None, place: Path, tmp_path: Path) -> None:
    tokenizer = ["--tokenizer", str(place / "tokenizer.json"), "-q"]
    corpus = [str(place / "lines.txt"), str(place / "corpus.parquet"), "--column", "text"]
    assert main(["scan", *corpus, *tokenizer, "-o", str(tmp_path / "plain")]) == 0
    work = ["--resume", str(tmp_path / "work"), "--unit-size", "500kB"]
    assert main(["scan", *corpus, *tokenizer, "--engine", "ray", *work, "-o", str(tmp_path / "ray")]) == 0
    assert (tmp_path / "ray").read_bytes() == (tmp_path / "plain").read_bytes()
    assert main(["merge", str(tmp_path / "work"), "-q", "-o", str(tmp_path / "merged")]) == 0
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "plain").read_bytes()


def test_an_error_of_a_worker_is_the_plain_scans(cluster: None, place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"the cat\n" * 500 + b"the \xff\n" + b"sat\n" * 500)
    said = []
    for run, tokenizer in ((prunus.scan, {"tokenizer": place / "tokenizer.json"}), (scan, {"unit_bytes": 2000})):
        arguments = () if run is prunus.scan else (place / "tokenizer.json",)
        with pytest.raises(InvalidTextError) as caught:
            run(str(tmp_path / "bad.txt"), *arguments, **tokenizer)
        said.append((caught.value.message, caught.value.hint))
    assert said[0] == said[1]


def test_a_data_set_gives_the_counts_of_its_rows(cluster: None, place: Path) -> None:
    table = pq.read_table(place / "corpus.parquet").slice(0, 3000)
    dataset = ray.data.from_arrow([table.slice(0, 1000), table.slice(1000, 0), table.slice(1000)])
    counts = scan_dataset(dataset, "text", str(place / "tokenizer.json"))
    want = prunus.scan(table, tokenizer=place / "tokenizer.json", columns=["text"])
    assert counts.info.sources == ({"object": "ray.data.Dataset"},)
    assert counts.ids.tolist() == want.ids.tolist()
    assert counts.counts.tolist() == want.counts.tolist()
    assert (counts.tokens, counts.info.rows, counts.info.text_bytes) == (
        want.tokens,
        want.info.rows,
        want.info.text_bytes,
    )


def test_what_does_not_go_together(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scanning = ["scan", str(place / "lines.txt"), "--tokenizer", str(place / "tokenizer.json")]
    assert main([*scanning, "--engine", "ray", "--shard", "1/2"]) == 2
    assert main([*scanning, "--address", "auto"]) == 2
    with pytest.raises(UsageError, match="only files"):
        scan(pa.table({"text": ["a"]}), str(place / "tokenizer.json"))
    assert "--engine" in capsys.readouterr().err
