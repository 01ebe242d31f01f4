"""Reading some items ahead of whoever uses them, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")
_THREADS = 2
_AHEAD = 8


def read_ahead(items: Iterable[_Item], read: Callable[[_Item], _Value]) -> Iterator[tuple[_Item, _Value]]:
    """Each item with its value, in the order of the items; errors of `read` come when their item's turn comes.

    Args:
        items: Consumed a few ahead.
        read: Called from other threads.

    Example:
        >>> list(read_ahead("ab", str.upper))
        [('a', 'A'), ('b', 'B')]
    """
    pending: deque[tuple[_Item, Future[_Value]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for item in items:
            pending.append((item, pool.submit(read, item)))
            if len(pending) > _AHEAD:
                first, value = pending.popleft()
                yield first, value.result()
        for last, value in pending:
            yield last, value.result()
