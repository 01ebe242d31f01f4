"""Texts that a model's own files put before its inputs: they stand in no corpus, and every input will hold them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.jsontext import read_object
from prunus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"


def prompt_texts(directory: str | Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The prompts of sentence-transformers and the task prefixes of T5, in the order of the files.

    Args:
        directory: A model directory.
        config: Its parsed `config.json`.

    Raises:
        ConfigError: A file is damaged.

    Example:
        >>> prompt_texts("e5-small", {"task_specific_params": {"sum": {"prefix": "summarize: "}}})
        ('summarize: ',)
    """
    path = Path(directory) / SENTENCE_TRANSFORMERS
    prompts: Any = read_object(path, ConfigError).get("prompts") if path.is_file() else None
    tasks: Any = config.get("task_specific_params")
    found = list(prompts.values()) if isinstance(prompts, dict) else []
    for task in tasks.values() if isinstance(tasks, dict) else ():
        found += [task.get("prefix")] if isinstance(task, dict) else []
    return tuple(dict.fromkeys(text for text in found if isinstance(text, str) and text))
