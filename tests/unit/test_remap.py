"""`IdRemap` against a plain dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunus import IdRemap
from prunus.errors import SelectionError

ids = st.sets(st.integers(0, 5000), max_size=60)


@given(ids)
def test_new_ids_count_up_in_the_order_of_the_old(kept: set[int]) -> None:
    remap = IdRemap.of(kept)
    expected = {old: new for new, old in enumerate(sorted(kept))}
    assert {old: remap.new_of(old) for old in kept} == expected
    assert [remap.old_of(new) for new in range(len(remap))] == sorted(kept)
    table = remap.table(6000)
    assert {old: int(new) for old, new in enumerate(table) if new >= 0} == expected


@given(ids, ids)
def test_pruning_twice_is_pruning_once(first: set[int], second: set[int]) -> None:
    outer = IdRemap.of(first)
    inner = IdRemap.of(outer.new_of(old) for old in first & second)
    assert [outer.old_of(inner.old_of(new)) for new in range(len(inner))] == sorted(first & second)


def test_a_dropped_id_is_an_error_and_never_none() -> None:
    remap = IdRemap.of([1, 3])
    assert remap.get(2) is None
    with pytest.raises(SelectionError, match="2 was dropped"):
        remap.new_of(2)
    with pytest.raises(SelectionError, match="not below 2"):
        remap.old_of(2)


def test_unordered_ids_are_refused_and_the_array_cannot_be_written() -> None:
    with pytest.raises(SelectionError, match="ascending"):
        IdRemap(np.array([2, 1], dtype=np.uint32))
    with pytest.raises(ValueError, match="read-only"):
        IdRemap.of([1, 2]).old_ids[0] = 7
