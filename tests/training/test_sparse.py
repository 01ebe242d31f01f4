"""Embeddings with `sparse=True`: gradients that name their rows are renumbered with them."""

from __future__ import annotations

import pytest

import prunus
from prunus.errors import OptimizerError, UsageError

from .conftest import ROWS, USED, batches, np, same_bits, torch, train, twin
from .test_optimizers import Bag

EVERY = np.arange(ROWS)


@pytest.fixture
def bag():
    torch.manual_seed(0)
    model = Bag()
    model.table.sparse = True
    return model


def accumulated(model, data) -> None:
    for batch in data:
        model(**batch).loss.backward()


def test_gradients_come_into_the_block_and_out_of_it(bag) -> None:
    full, tuned = bag, twin(bag)
    accumulated(full, batches(2))
    accumulated(tuned, batches(1))
    with prunus.fine_tuning(tuned, USED):
        accumulated(tuned, batches(2)[1:])
    want, got = full.table.weight.grad.to_dense(), tuned.table.weight.grad.to_dense()
    assert want.any()
    assert torch.equal(got, want)


def test_gradients_of_rows_that_are_not_kept_are_refused(bag) -> None:
    accumulated(bag, batches(1, EVERY))
    with pytest.raises(UsageError, match="gradient of rows that are not kept"), prunus.fine_tuning(bag, USED):
        pass
    assert bag.table.weight.shape[0] == ROWS


def test_rows_are_fetched_while_gradients_accumulate(bag) -> None:
    full, tuned = bag, twin(bag)

    def meddle(model) -> None:
        optimizer = torch.optim.SparseAdam([model.table.weight], 1e-2)
        for seed in range(3):
            accumulated(model, batches(3, EVERY, seed=seed))
            optimizer.step()
            optimizer.zero_grad()

    meddle(full)
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        meddle(tuned)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_momenta_of_sparse_gradients_are_refused(bag) -> None:
    optimizer = torch.optim.SGD(bag.parameters(), 0.1, momentum=0.9)
    with prunus.fine_tuning(bag, USED), pytest.raises(OptimizerError, match="SGD with momentum keeps sparse state"):
        train(bag, batches(1), optimizer)
    assert not optimizer.state
