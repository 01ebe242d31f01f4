"""Gathered rows against numpy, for any shape, axis and window."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from prunus.checkpoint.index import Checkpoint
from prunus.checks import bytewise
from prunus.checks.bytewise import Files, compare_rows, first_difference


def _pair(folder, old: np.ndarray, new: np.ndarray) -> tuple[Checkpoint, Checkpoint]:
    for name, tensor in (("old", old), ("new", new)):
        (folder / name).mkdir(exist_ok=True)
        save_file({"t": np.ascontiguousarray(tensor)}, folder / name / "model.safetensors")
    return Checkpoint.open(folder / "old"), Checkpoint.open(folder / "new")


@st.composite
def _cases(draw):
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[axis] = draw(st.integers(1, 40))
    ids = sorted(draw(st.sets(st.integers(0, shape[axis] - 1), min_size=1)))
    dtype = draw(st.sampled_from([np.uint8, np.float16, np.float32, np.float64]))
    return tuple(shape), axis, ids, dtype, draw(st.integers(0, 5)), draw(st.integers(1, 200))


@given(case=_cases(), data=st.data())
def test_any_shape_axis_and_window(case, data, tmp_path_factory):
    shape, axis, ids, dtype, pad, window = case
    old = np.random.default_rng(0).integers(1, 255, prod(shape)).astype(dtype).reshape(shape)
    widths = [(0, pad if a == axis else 0) for a in range(len(shape))]
    new = np.pad(np.take(old, ids, axis=axis), widths)
    place = tuple(data.draw(st.integers(0, length - 1)) for length in new.shape)
    folder = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bytewise, "WINDOW", window)
        result = _compared(folder, old, new, axis, ids)
        assert (result.wrong, result.padding) == ((), True)
        assert result.before == result.after
        new[place] += 1
        result = _compared(folder, old, new, axis, ids)
    if place[axis] < len(ids):
        assert (result.wrong, result.padding) == ((place[axis],), True)
        assert result.before != result.after
    else:
        assert (result.wrong, result.padding) == ((), False)


def _compared(folder, old, new, axis, ids):
    one, other = _pair(folder, old, new)
    with Files() as files:
        return compare_rows(files, one, other, "t", axis=axis, old_ids=np.array(ids, np.uint32))


@pytest.mark.parametrize("place", [None, 0, 99])
def test_first_difference(place, tmp_path, monkeypatch):
    monkeypatch.setattr(bytewise, "WINDOW", 16)
    old = np.arange(100, dtype=np.uint8)
    new = old.copy()
    if place is not None:
        new[place] ^= 1
    with Files() as files:
        found = first_difference(files, *_pair(tmp_path, old, new), "t")
    assert found == (None if place is None else place // 16 * 16)
