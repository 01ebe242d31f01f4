"""A pruned model as a delta: what the base does not have already, and the way to put it together again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.copying import copy_file, new_file, write_all, write_new
from prunus.checkpoint.header import header_bytes, parse_header
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.jsontext import read_object
from prunus.checkpoint.rows import Gather, gather_blocks, open_file, read_blocks
from prunus.checkpoint.staging import Staging
from prunus.errors import CheckpointError, UnsupportedFileError, UsageError, VerificationError
from prunus.kept import KeptTokens
from prunus.planned import PrunePlan
from prunus.pruning import FOLDER
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prunus.checkpoint.header import Header

RECORD, OWN = "delta.json", "delta.safetensors"
_BLOCK = 8 * 2**20


@dataclass(frozen=True)
class PackReport:
    """What `pack` or `unpack` wrote.

    Attributes:
        out: The directory.
        base: The base that it refers to.
        from_base: Tensors that come from the base, whole or by rows.
        own: Tensors that the delta holds itself.
        bytes_written: Bytes of all files written.
        bytes_whole: Bytes of all files of the pruned model.
    """

    out: str
    base: str
    from_base: int
    own: int
    bytes_written: int
    bytes_whole: int

    def __str__(self) -> str:
        return (
            f"{self.out}: {self.bytes_written / 1e6:,.1f} MB for a model of {self.bytes_whole / 1e6:,.1f} MB; "
            f"{self.from_base:,} tensors from {self.base}, {self.own:,} of its own; every file checked by its SHA-256"
        )


def pack(pruned: str | Path, *, base: str | Path, out: str | Path) -> PackReport:
    """Writes a pruned model as a delta: its small files, tensors that the base has not, and a reference to the base.

    A tensor whose bytes are those of the base, or of the base's kept rows, is not stored; one that was tuned since is.
    The delta names every file of base and model by its SHA-256, and is put together once, in memory, before it appears.

    Args:
        pruned: A directory that `prune` wrote, tuned or not; only ever read.
        base: The unpruned directory that it came from; only ever read.
        out: The directory to write; must not exist.

    Raises:
        CheckpointError: A checkpoint is damaged.
        OutputError: `out` exists, lies in a source, or cannot be written.
        UnsupportedFileError: The model holds a link, or something else that is no file.
        UsageError: `pruned` has no record of its pruning.
        VerificationError: The delta does not give the model again; none was left behind.

    Example:
        >>> import prunus
        >>> print(prunus.pack("small", base="model", out="small-delta"))  # doctest: +SKIP
        >>> print(prunus.unpack("small-delta", base="model", out="small-again"))  # doctest: +SKIP
    """
    small_dir, base_dir = Path(pruned).resolve(), Path(base).resolve()
    if not (small_dir / FOLDER / "plan.json").is_file():
        raise UsageError(f"{small_dir / FOLDER / 'plan.json'}: there is no record of the pruning")
    Staging(out, small_dir).check()
    with Staging(out, base_dir) as staging:
        small, full = Checkpoint.open(small_dir), Checkpoint.open(base_dir)
        plan = PrunePlan.load(small_dir / FOLDER / "plan.json")
        axes = {tensor.name: tensor.axis for tensor in plan.tensors}
        found = {name: _origin(small, full, name, axes, plan.kept) for name in small.tensors}
        names = [name for name in _names(small_dir) if name not in small.files]
        _copy(small_dir, names, staging.path)
        folder = staging.path / FOLDER
        for file in small.files:
            write_new(folder / f"{file}.header", _first_bytes(small, file))
        _write_own(small, [name for name, origin in found.items() if origin is None], folder / OWN)
        record = {
            "prunus": __version__,
            "base": str(base_dir),
            "base_files": {file: _sha256(base_dir / file) for file in full.files},
            "files": {name: _sha256(small_dir / name) for name in (*names, *small.files)},
            "axes": {name: axis for name, axis in found.items() if axis is not None},
        }
        write_new(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())
        delta = _Delta.open(staging.path, base_dir)
        for file in small.files:
            _expect(delta, file, _digest(delta.blocks(file)))
        staging.publish()
    return _report(Path(staging.target), delta, sum((small_dir / name).stat().st_size for name in record["files"]))


def unpack(delta: str | Path, *, base: str | Path, out: str | Path) -> PackReport:
    """Puts a packed model together again: the very bytes of every file, proved by SHA-256 before it appears.

    Args:
        delta: A directory that `pack` wrote; only ever read.
        base: The unpruned directory; its files must be those that were there when the delta was made.
        out: The directory to write; must not exist.

    Raises:
        CheckpointError: The base's files are other ones, or the delta is damaged.
        OutputError: `out` exists, lies in a source, or cannot be written.
        UnsupportedFileError: The delta holds a link, or something else that is no file.
        UsageError: `delta` is none.
        VerificationError: A file does not come out as it was; nothing was left behind.

    Example:
        >>> import prunus
        >>> prunus.unpack("small-delta", base="model", out="small")  # doctest: +SKIP
    """
    delta_dir, base_dir = Path(delta).resolve(), Path(base).resolve()
    Staging(out, delta_dir).check()
    with Staging(out, base_dir) as staging:
        opened = _Delta.open(delta_dir, base_dir)
        opened.check_base()
        _copy(delta_dir, opened.plain_files(), staging.path)
        for file, header in opened.headers.items():
            with new_file(staging.path / file, header.file_size) as target:
                for block in opened.blocks(file):
                    write_all(target, block)
        for name in opened.sha256:
            _expect(opened, name, _sha256(staging.path / name))
        staging.publish()
    whole = sum(path.stat().st_size for path in Path(staging.target).rglob("*") if path.is_file())
    return _report(Path(staging.target), opened, whole)


@dataclass(frozen=True, eq=False)
class _Delta:
    """A delta and the base that it refers to."""

    folder: Path
    base: Checkpoint
    own: Checkpoint | None
    record: Mapping[str, Any]
    kept: KeptTokens

    @classmethod
    def open(cls, folder: Path, base: Path) -> _Delta:
        path = folder / FOLDER / RECORD
        if not path.is_file():
            raise UsageError(f"{folder}: is no delta: it has no {FOLDER}/{RECORD}", hint="`prunus pack` writes one.")
        record = read_object(path, CheckpointError)
        for name, kind in (("base_files", str), ("files", str), ("axes", int)):
            found = record.get(name)
            if not isinstance(found, dict) or not all(type(value) is kind for value in found.values()):
                raise CheckpointError(f"{path}: is no record of a delta: {name}", file=str(path))
        kept = KeptTokens.load(folder / FOLDER / "keep.parquet")
        return cls(folder, Checkpoint.open(base), _own(folder / FOLDER), record, kept)

    @property
    def sha256(self) -> Mapping[str, str]:
        """SHA-256 by name, of every file of the model."""
        found: Mapping[str, str] = self.record["files"]
        return found

    @cached_property
    def headers(self) -> Mapping[str, Header]:
        """Header of each safetensors file of the model."""
        found = {}
        for path in sorted((self.folder / FOLDER).glob("*.safetensors.header")):
            data = path.read_bytes()
            name = path.name.removesuffix(".header")
            found[name] = parse_header(data[8:], Path(name), _length(data))
        return found

    def check_base(self) -> None:
        """Refuses a base whose files are not those of before."""
        for name, digest in self.record["base_files"].items():
            if name not in self.base.files or _sha256(self.base.directory / name) != digest:
                raise CheckpointError(
                    f"{self.base.directory}: {name} is {'another file' if name in self.base.files else 'absent'} than "
                    "when the delta was made",
                    hint=f"The base was {self.record['base']}: fetch that version.",
                    file=name,
                )

    def plain_files(self) -> list[str]:
        """Names of the model's files that the delta holds as they are."""
        there = list(_names(self.folder))
        missing = sorted(self.sha256.keys() - {*there, *self.headers})
        if missing:
            raise CheckpointError(f"{self.folder}: {missing[0]} is missing", file=missing[0])
        return [name for name in there if name in self.sha256 and name not in self.headers]

    def blocks(self, file: str) -> Iterator[bytes | memoryview]:
        """The bytes of one safetensors file of the model, in order."""
        yield (self.folder / FOLDER / f"{file}.header").read_bytes()
        axes: Mapping[str, int] = self.record["axes"]
        for tensor in self.headers[file].tensors:
            if self.own is not None and tensor.name in self.own.tensors:
                yield from read_blocks(self.own, tensor.name)
            elif tensor.name not in self.base.tensors:
                raise CheckpointError(f"{self.base.directory}: has no tensor {tensor.name}", tensor=tensor.name)
            elif axes.get(tensor.name, -1) < 0:
                yield from read_blocks(self.base, tensor.name)
            else:
                yield from gather_blocks(self.base, tensor.name, self.gather(tensor.name, tensor.shape))

    def gather(self, name: str, shape: tuple[int, ...]) -> Gather:
        """How a tensor comes from the base's."""
        axis = self.record["axes"][name]
        return _gather(self.base, name, axis, shape, self.kept)


def _origin(small: Checkpoint, full: Checkpoint, name: str, axes: Mapping[str, int], kept: KeptTokens) -> int | None:
    """The axis along which a tensor was gathered from the base; −1 where it is the base's; None where it is neither."""
    mine, theirs = small.tensors[name], full.tensors.get(name)
    if theirs is None or mine.dtype != theirs.dtype:
        return None
    if mine.shape == theirs.shape and _digest(read_blocks(small, name)) == _digest(read_blocks(full, name)):
        return -1
    if name not in axes:
        return None
    gather = _gather(full, name, axes[name], mine.shape, kept)
    same = gather.shape(theirs.shape) == mine.shape
    if same and _digest(read_blocks(small, name)) == _digest(gather_blocks(full, name, gather)):
        return axes[name]
    return None


def _gather(base: Checkpoint, name: str, axis: int, shape: tuple[int, ...], kept: KeptTokens) -> Gather:
    ids = kept.old_ids
    return Gather(axis, ids[ids < base.tensors[name].shape[axis]], shape[axis])


def _copy(source: Path, names: Iterable[str], out: Path) -> None:
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        copy_file(source / name, out / name)


def _write_own(small: Checkpoint, names: Iterable[str], path: Path) -> None:
    tensors = [small.tensors[name] for name in names]
    if not tensors:
        return
    header = header_bytes([(t.name, t.dtype, t.shape, t.nbytes) for t in tensors], None)
    with new_file(path, len(header) + sum(tensor.nbytes for tensor in tensors)) as target:
        write_all(target, header)
        for tensor in tensors:
            for block in read_blocks(small, tensor.name):
                write_all(target, block)


def _own(folder: Path) -> Checkpoint | None:
    from prunus.checkpoint.header import read_header

    if not (folder / OWN).is_file():
        return None
    header = read_header(folder / OWN)
    return Checkpoint(folder, (OWN,), {t.name: t for t in header.tensors}, None, {OWN: header})


def _first_bytes(checkpoint: Checkpoint, file: str) -> bytes:
    with open_file(checkpoint, file) as opened:
        length = bytearray(8)
        opened.read_into(0, memoryview(length))
        data = bytearray(8 + int.from_bytes(length, "little"))
        opened.read_into(0, memoryview(data))
    return bytes(data)


def _length(header: bytes) -> int:
    """Length of the file that begins with this header."""
    ends = [entry["data_offsets"][1] for entry in json.loads(header[8:]).values() if "data_offsets" in entry]
    return len(header) + max(ends, default=0)


def _names(root: Path) -> Iterator[str]:
    """Every file below a directory, with `/` between folders.

    Raises:
        UnsupportedFileError: A link, or something else that is no file.
    """
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise UnsupportedFileError(f"{path}: is no regular file", hint="Put the file itself there.")
        yield from ((Path(folder) / name).relative_to(root).as_posix() for name in sorted(files))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}", file=str(path)) from error
    return digest.hexdigest()


def _digest(blocks: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _expect(delta: _Delta, name: str, digest: str) -> None:
    if digest != delta.sha256.get(name):
        raise VerificationError(f"{name} does not come out as it was", hint="Is the delta damaged?", file=name)


def _report(out: Path, delta: _Delta, whole: int) -> PackReport:
    own = 0 if delta.own is None else len(delta.own.tensors)
    total = sum(len(header.tensors) for header in delta.headers.values())
    written = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return PackReport(str(out), str(delta.base.directory), total - own, own, written, whole)
