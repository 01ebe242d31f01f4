"""A directory with `pytorch_model.bin` rewritten with safetensors, so that it can be pruned; needs torch."""

from __future__ import annotations

import json
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.copying import write_new, writing
from prunus.checkpoint.index import INDEX, SINGLE
from prunus.checkpoint.inventory import carry_over, inventory
from prunus.checkpoint.jsontext import read_object
from prunus.checkpoint.staging import Staging
from prunus.errors import CheckpointError, UsageError
from prunus.given import several

if TYPE_CHECKING:
    from collections.abc import Iterable

PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"
_TAKEN_OVER = ("copy", "config", "tokenizer")


def convert(model_dir: str | Path, out: str | Path, *, drop_files: Iterable[str] = ()) -> tuple[str, ...]:
    """Rewrites the weights of a directory as safetensors; every other file is copied.

    The pickle is read with `weights_only=True`, which runs no code from it. A tensor that was stored under two names is
    written under both, with the same bytes; pruning then sees the tie.

    Args:
        model_dir: A directory with `pytorch_model.bin`, or with shards and their index.
        out: The directory to write; must not exist.
        drop_files: Names of files to leave out.

    Returns:
        Names of the safetensors files, ascending.

    Raises:
        CheckpointError: There is no such file, or it holds something else than a table of dense tensors.
        OutputError: `out` exists or cannot be written.
        UnsupportedFileError: Another file depends on the vocabulary; leave it out.
        UsageError: torch is not installed.

    Example:
        >>> import prunus
        >>> prunus.convert("old-model", "model")  # doctest: +SKIP
        ('model.safetensors',)
    """
    source = Path(model_dir).resolve()
    if find_spec("torch") is None or find_spec("safetensors") is None:
        raise UsageError("reading a pickle needs torch and safetensors", hint='pip install "prunus[torch]"')
    shards = _shards(source)
    old = [*shards, *([PICKLE_INDEX] if (source / PICKLE_INDEX).exists() else [])]
    files = inventory(source, {*old, *several(drop_files)})
    if any(file.action == "weights" for file in files):
        raise CheckpointError(f"{source}: has safetensors already", hint=f"Prune it with --drop-file {old[0]}.")
    with Staging(Path(out), source) as staging:
        placed: dict[str, str] = {}
        total = 0
        for name, target in shards.items():
            tensors = _tensors(source / name)
            _save(tensors, staging.path / target)
            placed |= dict.fromkeys(tensors, target)
            total += sum(tensor.nbytes for tensor in tensors.values())
        if PICKLE_INDEX in old:
            index = {"metadata": {"total_size": total}, "weight_map": placed}
            write_new(staging.path / INDEX, (json.dumps(index, indent=2) + "\n").encode())
        copied = [type(file)(file.name, "copy", file.reason) for file in files if file.action in _TAKEN_OVER]
        carry_over(source, staging.path, copied)
        staging.publish()
    return tuple(sorted(shards.values()))


def _shards(source: Path) -> dict[str, str]:
    """New name by old name of each file of the checkpoint."""
    if (source / PICKLE).is_file():
        return {PICKLE: SINGLE}
    if not (source / PICKLE_INDEX).is_file():
        raise CheckpointError(f"{source}: holds no {PICKLE}", hint="There is nothing to convert.")
    weight_map = read_object(source / PICKLE_INDEX, CheckpointError).get("weight_map")
    names = sorted(set(map(str, weight_map.values()))) if isinstance(weight_map, dict) else []
    if not names or any(Path(name).name != name or not name.endswith(".bin") for name in names):
        raise CheckpointError(f"{source / PICKLE_INDEX}: names no shards in this directory", file=PICKLE_INDEX)
    return {name: name.removeprefix("pytorch_").removesuffix(".bin") + ".safetensors" for name in names}


def _tensors(path: Path) -> dict[str, Any]:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as weights alone: {' '.join(str(error).split())[:200]}",
            hint="A pickle that holds more than tensors can run code: Prunus does not load it.",
            file=str(path),
        ) from error
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(f"{path}: holds a {type(loaded).__name__}, not a table of tensors", file=str(path))
    for name, tensor in loaded.items():
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.is_quantized:
            raise CheckpointError(f"{path}: {name!r} is no dense tensor", file=str(path), tensor=str(name))
    return {str(name): tensor.detach() for name, tensor in loaded.items()}


def _save(tensors: dict[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    with writing(path, sum(tensor.nbytes for tensor in tensors.values())):
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path, {"format": "pt"})
