"""Counting ready ids: every kind of data set gives the same histogram as a plain loop."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunus
from prunus.errors import ColumnError, InvalidTextError

from .conftest import torch

datasets = pytest.importorskip("datasets")
ROWS = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=1, max_size=5)


def counted(data, **options) -> dict[int, int]:
    used = prunus.used_ids(data, **options)
    return dict(zip(used.ids.tolist(), used.counts.tolist(), strict=True))


@given(ROWS)
def test_every_kind_of_data_set_gives_the_same_counts(rows: list[list[int]]) -> None:
    want = Counter(i for row in rows for i in row)
    columns = {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows], "label": [77] * len(rows)}
    examples = [{name: values[i] for name, values in columns.items()} for i in range(len(rows))]
    assert counted(columns) == want
    assert counted(examples) == want
    assert counted(pa.table(columns)) == want
    assert counted([{"input_ids": torch.tensor(row)} for row in rows]) == want
    assert counted(rows) == want


def test_data_sets_loaders_and_splits() -> None:
    rows = [[5, 9, 5], [7], [], [9, 3]]
    dataset = datasets.Dataset.from_dict({"input_ids": rows, "labels": [[-100, 11], [-100], [], [12, 12]]})
    want = Counter([5, 9, 5, 7, 9, 3, 11, 12, 12])
    assert counted(dataset) == want
    assert counted(dataset.to_iterable_dataset()) == want
    double = Counter({i: 2 * n for i, n in want.items()})
    assert counted(datasets.DatasetDict(train=dataset, test=dataset)) == double
    assert counted(dataset, columns=["labels"]) == {11: 1, 12: 2}
    loader = torch.utils.data.DataLoader(dataset.select([0, 3]).with_format("torch"), batch_size=1)
    assert counted(loader) == Counter([5, 9, 5, 9, 3, 11, 12, 12])
    assert counted(torch.tensor([[1, 2], [2, 2]])) == {1: 1, 2: 3}


def test_class_labels_are_not_counted() -> None:
    dataset = datasets.Dataset.from_dict({"input_ids": [[5], [6]], "labels": [40, 41]})
    assert counted(dataset) == {5: 1, 6: 1}
    assert counted([{"input_ids": torch.tensor([[5]]), "labels": torch.tensor([40])}]) == {5: 1}
    assert counted([{"input_ids": [5], "labels": 40}]) == {5: 1}
    assert counted([{"input_ids": [5], "labels": [1.5]}]) == {5: 1}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([{"text": "a"}], ColumnError),
        (3, ColumnError),
        ([{"input_ids": [1.5]}], ColumnError),
        ([{"input_ids": [-5]}], InvalidTextError),
        (pa.table({"input_ids": ["a"]}), ColumnError),
    ],
)
def test_what_holds_no_ids_is_refused(data, error) -> None:
    with pytest.raises(error):
        prunus.used_ids(data)


def test_a_data_set_says_what_to_keep(classifier) -> None:
    with prunus.fine_tuning(classifier, [{"input_ids": [250, 300]}]) as session:
        assert session.remap.old_ids.tolist() == [0, 250, 300]  # 0 is the pad id of the config


def test_a_transform_of_a_data_set_is_applied() -> None:
    dataset = datasets.Dataset.from_dict({"input_ids": [[1, 2], [3]]})
    dataset.set_transform(lambda batch: {"input_ids": [[9, *ids] for ids in batch["input_ids"]]})
    assert counted(dataset) == {9: 2, 1: 1, 2: 1, 3: 1}


def test_an_id_beyond_any_vocabulary_is_refused() -> None:
    with pytest.raises(InvalidTextError, match=f"holds {2**40}"):
        prunus.used_ids([{"input_ids": np.array([2**40])}])
