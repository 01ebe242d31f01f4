"""What becomes of every file of a model directory: rewritten, carried over, left out, or refused by name."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from prunus.checkpoint.copying import copy_file, writing
from prunus.checkpoint.index import INDEX, SINGLE
from prunus.checkpoint.jsontext import read_bytes, read_object
from prunus.checkpoint.schema import CONFIG_FILES
from prunus.errors import CheckpointError, ConfigError, UnsupportedFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "sentencepiece.model",
        "spm.model",
        "tokenizer.model",
    }
)
"""Files that the tokenizer side rewrites."""

_WEIGHTS = "weights of another format, with the whole vocabulary in them"
_TRAINING = "training state, with a row for every token"
_EXPORT = "an exported model, with the whole vocabulary in it"
_VOCABULARY = "a vocabulary that Prunus cannot rewrite"
_BY_SUFFIX = {
    ".bin": _WEIGHTS,
    ".pt": _WEIGHTS,
    ".pth": _WEIGHTS,
    ".ckpt": _WEIGHTS,
    ".h5": _WEIGHTS,
    ".msgpack": _WEIGHTS,
    ".ot": _WEIGHTS,
    ".safetensors": "safetensors that do not belong to the checkpoint",
    ".npz": _WEIGHTS,
    ".npy": _WEIGHTS,
    ".pkl": _WEIGHTS,
    ".pickle": _WEIGHTS,
    ".distcp": _WEIGHTS,
    ".nemo": _WEIGHTS,
    ".onnx": _EXPORT,
    ".onnx_data": _EXPORT,
    ".gguf": _EXPORT,
    ".ggml": _EXPORT,
    ".tflite": _EXPORT,
    ".mlmodel": _EXPORT,
    ".mlpackage": _EXPORT,
    ".engine": _EXPORT,
    ".pte": _EXPORT,
    ".llamafile": _EXPORT,
    ".model": _VOCABULARY,
    ".spm": _VOCABULARY,
    ".codes": _VOCABULARY,
    ".vocab": _VOCABULARY,
}
_BY_NAME = {
    "prophetnet.tokenizer": _VOCABULARY,
    "spiece.vocab": _VOCABULARY,
    "adapter_config.json": "the description of an adapter",
    "openvino_model.xml": _EXPORT,
    "optimizer.pt": _TRAINING,
    "optimizer.bin": _TRAINING,
    "scheduler.pt": _TRAINING,
    "scaler.pt": _TRAINING,
}
_HARMLESS = frozenset({"training_args.bin"})
_LEFT_OUT = {
    ".git": "version control",
    ".cache": "download cache",
    "__pycache__": "interpreter cache",
    "prunus": "the record of an earlier pruning",
}
# Modules of sentence-transformers whose own weights know no vocabulary. SpladePooling is none of them: its dimension is
# the number of rows.
_DENSE_MODULES = frozenset(
    {"Pooling", "Dense", "Normalize", "LayerNorm", "Dropout", "LSTM", "CNN", "WeightedLayerPooling"}
)
_NEEDED = frozenset({"config.json", "tokenizer.json"})


@dataclass(frozen=True)
class FileAction:
    """What becomes of one file.

    Attributes:
        name: Path inside the directory, with forward slashes.
        action: `weights`, `config` or `tokenizer` (written by the part that knows them), `copy`, or `drop`.
        reason: Why.
    """

    name: str
    action: str
    reason: str


def inventory(directory: str | Path, drop_files: Collection[str] = ()) -> tuple[FileAction, ...]:
    """Classifies every file of a model directory, sub-directories included.

    Args:
        directory: A model directory.
        drop_files: Names (or directories) to leave out, relative to the directory.

    Raises:
        UnsupportedFileError: Files depend on the vocabulary and cannot be rewritten, or are no regular files.
        UsageError: A name to drop does not exist or is needed.

    Example:
        >>> [f.name for f in inventory("model") if f.action == "copy"]  # doctest: +SKIP
        ['README.md']
    """
    root = Path(directory)
    dropping = {PurePosixPath(name).as_posix() for name in drop_files}
    shards = _shards(root, dropping)
    modules = _modules(root)
    actions: list[FileAction] = []
    refused: dict[str, str] = {}
    used: set[str] = set()
    for name, problem in _listing(root, dropping):
        chosen = next((drop for drop in dropping if name == drop or name.startswith(f"{drop}/")), None)
        if chosen is not None:
            used.add(chosen)
            actions.append(FileAction(name, "drop", "asked for"))
        elif problem:
            refused[name] = problem
        else:
            action = _classify(PurePosixPath(name), shards, modules)
            actions.append(action)
            if action.action == "refuse":
                refused[name] = action.reason
    _check_drops(dropping, used)
    if refused:
        raise _unsupported(root, refused)
    return tuple(actions)


def carry_over(directory: str | Path, out: Path, files: Iterable[FileAction]) -> int:
    """Copies the files whose action is `copy`; the number of bytes.

    Args:
        directory: The source.
        out: An existing directory.
        files: What `inventory` found.

    Raises:
        CheckpointError: A source file cannot be read.
        OutputError: A file exists or cannot be written.
    """
    total = 0
    for file in files:
        if file.action == "copy":
            target = out / file.name
            with writing(target, 0):
                target.parent.mkdir(parents=True, exist_ok=True)
            total += copy_file(Path(directory) / file.name, target)
    return total


def _shards(root: Path, dropping: Collection[str]) -> frozenset[str]:
    """Names of the files of the checkpoint, index included; the index is checked when the checkpoint is opened."""
    if INDEX in dropping or not (root / INDEX).exists():
        return frozenset({SINGLE})
    weight_map = read_object(root / INDEX, CheckpointError).get("weight_map")
    values = weight_map.values() if isinstance(weight_map, dict) else ()
    return frozenset({INDEX, *(value for value in values if isinstance(value, str))})


def _modules(root: Path) -> dict[str, str]:
    """Class of each sentence-transformers module by its directory."""
    path = root / "modules.json"
    if not path.exists():
        return {}
    try:
        modules = json.loads(read_bytes(path, ConfigError))
        types = {str(module["path"]): str(module["type"]).rpartition(".")[2] for module in modules}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(f"{path}: is no list of modules: {error}", file=str(path)) from error
    return {name: kind for name, kind in types.items() if name}


def _listing(root: Path, dropping: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every file with what is wrong with it, in order; directories that stay behind appear as one entry."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False) and name not in _LEFT_OUT and name not in dropping:
                waiting.append(name)
            else:
                yield name, _problem(root / name, left_out=entry.is_dir(follow_symlinks=False))


def _problem(path: Path, *, left_out: bool) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"a link that leads nowhere or in a circle ({error.strerror})"
    if path.is_symlink() and stat.S_ISDIR(mode):
        return "a link to a directory"
    return "" if left_out or stat.S_ISREG(mode) else "no regular file"


def _classify(name: PurePosixPath, shards: Collection[str], modules: Mapping[str, str]) -> FileAction:
    text = name.as_posix()
    if text in _LEFT_OUT:
        return FileAction(text, "drop", _LEFT_OUT[text])
    if text in shards:
        return FileAction(text, "weights", "the checkpoint")
    if text in CONFIG_FILES:
        return FileAction(text, "config", "may name sizes and token ids")
    if text in TOKENIZER_FILES:
        return FileAction(text, "tokenizer", "the tokenizer")
    reason = _refusal(name, modules)
    return (
        FileAction(text, "refuse", reason) if reason else FileAction(text, "copy", "does not depend on the vocabulary")
    )


def _refusal(name: PurePosixPath, modules: Mapping[str, str]) -> str:
    from prunus.tokenizer.sidecars import UNSUPPORTED_TOKENIZER_FILES

    module = modules.get(name.parts[0]) if len(name.parts) > 1 else None
    if name.name in _HARMLESS or module in _DENSE_MODULES:
        return ""
    if module is not None:
        return f"a {module} module, which may depend on the vocabulary"
    if len(name.parts) > 1 and name.name in TOKENIZER_FILES:
        return "a second tokenizer"
    if name.name.startswith("rng_state"):
        return _TRAINING
    if ".index." in name.name and name.suffix == ".json":
        return "the index of weights that do not belong to the checkpoint"
    known = (reason for pattern, reason in UNSUPPORTED_TOKENIZER_FILES.items() if fnmatchcase(name.name, pattern))
    return next(known, "") or _BY_NAME.get(name.name, "") or _BY_SUFFIX.get(name.suffix.lower(), "")


def _check_drops(dropping: Collection[str], used: Collection[str]) -> None:
    for name in sorted(dropping):
        if name in _NEEDED:
            raise UsageError(f"--drop-file {name}: the model needs it", file=name)
        if name not in used:
            raise UsageError(f"--drop-file {name}: there is no such file", hint="Name it as the error did.", file=name)


def _unsupported(root: Path, refused: dict[str, str]) -> UnsupportedFileError:
    shown = [f"{name} ({reason})" for name, reason in sorted(refused.items())]
    options = " ".join(f"--drop-file {name}" for name in sorted(refused)[:8])
    return UnsupportedFileError(
        f"{root}: cannot be carried over: {'; '.join(shown[:20])}"
        + (f" and {len(shown) - 20} more" if shown[20:] else ""),
        hint=f"Leave them out: {options}",
        files=sorted(refused),
    )
