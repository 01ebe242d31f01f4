"""Checkpoints written by the safetensors library, and a family, for the tests of this area."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from prunus import ModelFamily, Role, VocabTensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def family() -> ModelFamily:
    return ModelFamily(
        name="toy",
        model_types=frozenset({"toy"}),
        tensors=(
            VocabTensor("*emb.weight", 0, Role.INPUT),
            VocabTensor("*head.weight", 0, Role.OUTPUT, optional=True),
            VocabTensor("*head.bias", 0, Role.OUTPUT_BIAS, optional=True),
        ),
    )


@pytest.fixture
def save() -> Callable[..., Path]:
    """`save(folder, tensors, shards=1, metadata=…)`: the checkpoint as `save_pretrained` lays it out."""
    pytest.importorskip("torch")
    from safetensors.torch import save_file

    def write(folder: Path, tensors: dict, shards: int = 1, metadata: dict | None = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        metadata = {"format": "pt"} if metadata is None else metadata
        if shards == 1:
            save_file(tensors, folder / "model.safetensors", metadata)
            return folder
        weight_map = {}
        for shard in range(shards):
            name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            part = dict(list(tensors.items())[shard::shards])
            save_file(part, folder / name, metadata)
            weight_map |= dict.fromkeys(part, name)
        totals = {
            "total_parameters": sum(t.numel() for t in tensors.values()),
            "total_size": sum(t.numel() * t.element_size() for t in tensors.values()),
        }
        index = json.dumps({"metadata": totals, "weight_map": weight_map}, indent=2, sort_keys=True) + "\n"
        (folder / "model.safetensors.index.json").write_text(index)
        return folder

    return write


@pytest.fixture
def load() -> Callable[[Path], dict]:
    """All tensors of a directory, as the safetensors library reads them."""
    pytest.importorskip("torch")
    from safetensors import safe_open

    def read(folder: Path) -> dict:
        found = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as handle:
                found |= {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (no mapping)
        return found

    return read
