"""The output appears whole or not at all: conflicts, interrupts, kills, full and read-only disks."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from prunus.checkpoint.copying import copy_range, new_file
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import carry_over, inventory
from prunus.checkpoint.rows import Gather
from prunus.checkpoint.staging import Staging, leftovers
from prunus.checkpoint.writer import write_checkpoint
from prunus.errors import CheckpointError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

torch = pytest.importorskip("torch")


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


@pytest.fixture
def model(save: Callable[..., Path], tmp_path: Path) -> Path:
    return save(tmp_path / "model", {"emb": torch.randn(100, 8), "norm": torch.randn(8)})


def test_published_directory_has_the_name_and_the_umask_and_no_sibling_stays(model: Path, tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with Staging(tmp_path / "out", model) as staging:
            assert staging.target == tmp_path / "out"
            assert leftovers(tmp_path) == (staging.path,)
            write_checkpoint(Checkpoint.open(model), {}, staging.path)
            assert not (tmp_path / "out").exists()
            staging.publish()
    finally:
        os.umask(old)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "out" / "model.safetensors").stat().st_mode & 0o777 == 0o640
    assert leftovers(tmp_path) == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_any_exception_removes_the_sibling(model: Path, tmp_path: Path, error: type[BaseException]) -> None:
    before = digest(model)

    def fail(_: int) -> None:
        raise error

    with pytest.raises(error), Staging(tmp_path / "out", model) as staging:
        write_checkpoint(Checkpoint.open(model), {}, staging.path, fail)
    assert {path.name for path in tmp_path.iterdir()} == {"model"}
    assert digest(model) == before


def test_leaving_without_publishing_leaves_nothing(model: Path, tmp_path: Path) -> None:
    with Staging(tmp_path / "out", model):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


@pytest.mark.parametrize("kind", ["directory", "file", "dangling link"])
def test_output_that_exists_is_an_error(model: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    make = {"directory": out.mkdir, "file": out.touch, "dangling link": lambda: out.symlink_to(tmp_path / "gone")}
    make[kind]()
    with pytest.raises(OutputError, match="exists already"), Staging(out, model):
        pytest.fail("was entered")


@pytest.mark.parametrize("kind", ["itself", "inside", "deep inside", "around", "through a link", "dots"])
def test_output_inside_or_around_the_model(model: Path, tmp_path: Path, kind: str) -> None:
    (model / "sub").mkdir()
    (tmp_path / "link").symlink_to(model)
    out = {
        "itself": model,
        "inside": model / "out",
        "deep inside": model / "sub" / "out",
        "around": tmp_path,
        "through a link": tmp_path / "link" / "out",
        "dots": tmp_path / "other" / ".." / "model" / "out",
    }[kind]
    (tmp_path / "other").mkdir()
    before = digest(model)
    with pytest.raises(OutputError, match="lies inside the model directory"), Staging(out, model):
        pytest.fail("was entered")
    assert digest(model) == before
    assert not leftovers(model)


def test_parent_that_does_not_exist(model: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere: is not a directory"), Staging(tmp_path / "nowhere" / "out", model):
        pytest.fail("was entered")


@pytest.mark.parametrize("kind", ["file", "full directory"])
def test_what_appears_under_the_name_meanwhile_is_left_alone(model: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    with Staging(out, model) as staging:
        (staging.path / "x").touch()
        if kind == "file":
            out.write_text("mine")
        else:
            out.mkdir()
            (out / "mine").touch()
        with pytest.raises(OutputError, match="out: exists already"):
            staging.publish()
    assert out.is_file() or [path.name for path in out.iterdir()] == ["mine"]
    assert leftovers(tmp_path) == ()


def test_leftovers_are_only_what_a_killed_run_leaves(tmp_path: Path) -> None:
    for name in (".out.prunus-tmp-12-ab", ".prunus", "out.prunus-tmp-1-a", ".cache"):
        (tmp_path / name).mkdir()
    assert [path.name for path in leftovers(tmp_path)] == [".out.prunus-tmp-12-ab"]


SLOW_WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.rows import Gather
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.writer import write_checkpoint
model, out = map(Path, sys.argv[1:])
with Staging(out, model) as staging:
    ids = np.arange(50)
    def wait(count):
        print(count, flush=True)
        time.sleep(0.2)
    write_checkpoint(Checkpoint.open(model), {"emb": Gather(0, ids, 50)}, staging.path, wait)
    time.sleep(60)
    staging.publish()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_writer(model: Path, tmp_path: Path, number: signal.Signals) -> None:
    before = digest(model)
    command = [sys.executable, "-c", SLOW_WRITER, str(model), str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) != 0
    assert time.monotonic() - started < 5
    assert digest(model) == before
    assert not (tmp_path / "out").exists()
    assert len(leftovers(tmp_path)) == (number == signal.SIGKILL)
    with Staging(tmp_path / "out", model) as staging:
        staging.publish()
    assert (tmp_path / "out").is_dir()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own, or a skip that says why not."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    folder.mkdir()
    result = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        pytest.skip(f"cannot mount a tmpfs: {result.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_seen_before_writing(save: Callable[..., Path], tmp_path: Path) -> None:
    model = save(tmp_path / "model", {"emb": torch.randn(1000, 1000)})
    with mounted(tmp_path / "disk", "size=3m") as disk:
        with pytest.raises(OutputError, match="bytes are needed") as caught, Staging(disk / "out", model) as staging:
            write_checkpoint(Checkpoint.open(model), {}, staging.path)
        assert caught.value.details["bytes"] > 4_000_000 > caught.value.details["free"]
        assert not list(disk.iterdir())


def test_disk_that_fills_up_while_writing(
    save: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else took the space meanwhile: simulated by believing in more than there is."""
    model = save(tmp_path / "model", {"emb": torch.randn(1000, 1000), "other": torch.randn(1000, 1000)})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    before = digest(model)
    gather = {"emb": Gather(0, np.arange(900), 900)}
    with mounted(tmp_path / "disk", "size=3m") as disk:
        for gathers in ({}, gather):
            with pytest.raises(OutputError) as caught, Staging(disk / "out", model) as staging:
                write_checkpoint(Checkpoint.open(model), gathers, staging.path)
            assert "No space left on device" in str(caught.value)
            assert "model.safetensors" in str(caught.value)
            assert "disk is full" in caught.value.hint
            assert not list(disk.iterdir())
        (model / "big.txt").write_bytes(bytes(5_000_000))
        with pytest.raises(OutputError, match=r"big\.txt.*No space left"), Staging(disk / "out", model) as staging:
            carry_over(model, staging.path, inventory(model))
        (model / "big.txt").unlink()
        with (
            pytest.raises(OutputError, match=r"out: cannot be written: No space left"),
            Staging(disk / "out", model) as staging,
        ):
            (staging.path / "keep.parquet").write_bytes(bytes(5_000_000))
        assert not list(disk.iterdir())
    assert digest(model) == before


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_a_failing_disk_is_told_from_a_failing_source(model: Path, tmp_path: Path, code: int) -> None:
    """As pyarrow and pathlib report it: without a name, with that of a file written here, or of one elsewhere."""
    out = tmp_path / "out"
    for name in (None, "written.json"):
        with pytest.raises(OutputError, match="out: cannot be written"), Staging(out, model) as staging:
            raise OSError(code, "failed", name and str(staging.path / name))
    with pytest.raises(OSError) as caught, Staging(out, model):
        raise OSError(code, "failed", str(model / "config.json"))
    assert not isinstance(caught.value, OutputError)
    assert leftovers(tmp_path) == ()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file at hand whose reading fails")
def test_a_source_that_cannot_be_read_is_named_and_not_the_target(tmp_path: Path) -> None:
    with (
        Path("/proc/self/mem").open("rb", buffering=0) as source,
        pytest.raises(CheckpointError, match="/proc/self/mem: cannot be read: Input/output error"),
        new_file(tmp_path / "copy", 10) as target,
    ):
        copy_range(source, 0, 10, target)


def test_read_only_target(model: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(OutputError, match="Read-only file system"), Staging(disk / "out", model):
            pytest.fail("was entered")


@pytest.mark.skipif(os.geteuid() == 0, reason="root ignores permissions")
def test_target_without_permission(model: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="Permission"), Staging(tmp_path / "locked" / "out", model):
        pytest.fail("was entered")


def test_read_only_source_is_enough(model: Path, tmp_path: Path) -> None:
    """The source is never opened for writing: a read-only mount of it does."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        shutil.copytree(model, disk / "model")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with Staging(tmp_path / "out", disk / "model") as staging:
            write_checkpoint(Checkpoint.open(disk / "model"), {"emb": Gather(0, np.arange(3), 3)}, staging.path)
            staging.publish()
    assert (tmp_path / "out" / "model.safetensors").exists()


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.rows import Gather
from prunus.checkpoint.writer import write_checkpoint
model, out = map(Path, sys.argv[1:])
checkpoint = Checkpoint.open(model)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
gathers = {"emb": Gather(0, np.arange(0, 200_000, 2), 100_000), "wide": Gather(1, np.arange(0, 200_000, 3), 66_667)}
write_checkpoint(checkpoint, gathers, out)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_memory_does_not_grow_with_the_tensors(save: Callable[..., Path], tmp_path: Path) -> None:
    tensors = {name: torch.zeros(shape, dtype=torch.int8) for name, shape in
               {"emb": (200_000, 1000), "wide": (500, 200_000), "other": (100_000, 1000)}.items()}  # fmt: skip
    model = save(tmp_path / "model", tensors)
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", MEMORY, str(model), str(tmp_path / "out")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < 64 * 2**20
    shutil.rmtree(model)
