"""Runs one function for many names in two processes, each with one thread and without the noise of transformers."""

from __future__ import annotations

import multiprocessing
import warnings
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Result = TypeVar("Result")
_AT_ONCE = 2
_PER_CHILD = 60


def each(function: Callable[[str], Result], names: Sequence[str]) -> Iterator[tuple[str, Result]]:
    """The results by name, in order. Children are fresh processes, replaced now and then to give memory back.

    Args:
        function: Importable from its module.
        names: Its arguments.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(_AT_ONCE, initializer=_quiet, maxtasksperchild=_PER_CHILD) as pool:
        yield from zip(names, pool.imap(function, names), strict=True)


def _quiet() -> None:
    import torch
    import transformers

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
