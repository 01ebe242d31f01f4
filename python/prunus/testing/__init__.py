"""The kit that plugin authors test with; also used by Prunus's own tests. Names are loaded on first use.

Importing this package needs nothing beyond Prunus; `FamilyContract` needs pytest, torch and transformers when it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunus.testing.checkpoints import TinyCheckpoint, build_checkpoint, tiny_config
    from prunus.testing.comparison import Comparison, compare_models
    from prunus.testing.contract import FamilyContract
    from prunus.testing.differential import task_classes, vocabulary_axes
    from prunus.testing.reference import reference_counts
    from prunus.testing.sweep import check_declared, counts_positions_from, default_ids
    from prunus.testing.tokenizers import TinyTokenizer, tiny_tokenizer

_HOME = {
    "TinyCheckpoint": "checkpoints",
    "build_checkpoint": "checkpoints",
    "tiny_config": "checkpoints",
    "Comparison": "comparison",
    "compare_models": "comparison",
    "FamilyContract": "contract",
    "task_classes": "differential",
    "vocabulary_axes": "differential",
    "reference_counts": "reference",
    "check_declared": "sweep",
    "counts_positions_from": "sweep",
    "default_ids": "sweep",
    "TinyTokenizer": "tokenizers",
    "tiny_tokenizer": "tokenizers",
}

__all__ = [
    "Comparison",
    "FamilyContract",
    "TinyCheckpoint",
    "TinyTokenizer",
    "build_checkpoint",
    "check_declared",
    "compare_models",
    "counts_positions_from",
    "default_ids",
    "reference_counts",
    "task_classes",
    "tiny_config",
    "tiny_tokenizer",
    "vocabulary_axes",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'prunus.testing' has no attribute {name!r}")
    value = getattr(import_module(f"prunus.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
