"""What other code does to a model inside the block: the same as without the block, or an error that names it."""

from __future__ import annotations

import copy

import pytest

import prunus
from prunus.errors import UsageError

from .conftest import ROWS, USED, batches, np, same_bits, torch, train, twin
from .test_optimizers import Bag

OPTIMIZERS = {
    "Adam, L2": lambda p: torch.optim.Adam(p, 1e-2, weight_decay=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, 1e-2, weight_decay=0.1),
    "SGD, momentum and L2": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, weight_decay=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 1e-2, weight_decay=0.1),
}


class Careless(torch.optim.Optimizer):
    """Updates `p.data`, as many optimizers outside torch do, which leaves no trace on the tensor's version."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})

    def step(self):
        for p in (p for group in self.param_groups for p in group["params"] if p.grad is not None):
            p.data.mul_(0.9).sub_(p.grad, alpha=0.1)


@pytest.fixture
def bag():
    torch.manual_seed(0)
    return Bag()


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)


def alike(full, meddle, **options) -> None:
    """Runs the same code on the full model and on a twin inside the block: same result, same weights."""
    tuned = twin(full)
    want = meddle(full)
    with prunus.fine_tuning(tuned, USED, **options):
        got = meddle(tuned)
        assert tuned.table.weight.shape[0] < ROWS
    assert got == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_are_loaded_between_two_steps(bag, name: str) -> None:
    """The optimizer goes on with the moments of the steps before, those of rows out of memory included."""

    def meddle(model):
        optimizer, first = OPTIMIZERS[name](model.parameters()), copy.deepcopy(model.state_dict())
        losses = train(model, batches(3), optimizer)
        model.load_state_dict(first)
        return losses + train(model, batches(3, seed=8), optimizer)

    alike(bag, meddle)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_dtype_changes_between_two_steps(bag, dtype) -> None:
    def meddle(model):
        optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1)
        losses = train(model, batches(3), optimizer)
        return losses + train(model.to(dtype), batches(3, seed=8), optimizer)

    alike(bag, meddle)


def test_state_dicts_of_two_moments_differ(bag) -> None:
    def meddle(model):
        optimizer = Careless(model.parameters())
        earlier = model.state_dict()
        train(model, batches(2), optimizer)
        later = copy.deepcopy(model.state_dict())
        assert earlier.keys() == later.keys()
        return {name: tensor.numpy().tobytes() for name, tensor in later.items()}

    alike(bag, meddle, elementwise=[Careless])


def test_sparse_gradients_with_sparse_adam() -> None:
    torch.manual_seed(0)
    model = Bag()
    model.table.sparse = True

    def meddle(model):
        optimizer = torch.optim.SparseAdam([model.table.weight], 1e-2)
        return train(model, batches(3), optimizer)

    alike(model, meddle)


def test_a_padding_row_that_is_fetched_takes_no_gradient(bag) -> None:
    padding = next(i for i in range(ROWS) if i not in USED)
    bag.table.padding_idx = padding
    alike(bag, lambda model: train(model, batches(3, np.array([padding, *USED[:9]])), adamw(model)), unseen="fetch")
    assert bag.table.padding_idx == padding


def test_rows_are_fetched_before_the_first_step_of_an_optimizer_that_has_state(bag) -> None:
    alike(
        bag,
        lambda model: train(model, batches(3, np.arange(ROWS)), OPTIMIZERS["Adagrad"](model.parameters())),
        unseen="fetch",
    )


def test_another_parameter_is_assigned_by_loading(bag) -> None:
    state = copy.deepcopy(bag.state_dict())
    with prunus.fine_tuning(bag, USED), pytest.raises(UsageError, match=r"table\.weight: load_state_dict\(assign=True"):
        bag.load_state_dict(state, assign=True)
    assert same_bits(state, bag.state_dict()) == []


def test_a_copy_of_the_model_inside_is_not_saved_as_if_it_were_whole(bag) -> None:
    """Moving averages (`torch.optim.swa_utils.AveragedModel`) are such copies."""
    with prunus.fine_tuning(bag, USED):
        average = torch.optim.swa_utils.AveragedModel(bag)
        with pytest.raises(UsageError, match="belongs to a copy of the model"):
            average.state_dict()
    with pytest.raises(UsageError, match="belongs to a copy of the model"):
        average.state_dict()
    assert bag.state_dict()["table.weight"].shape[0] == ROWS


@pytest.mark.parametrize("size", ["kept rows", "all rows"])
def test_another_parameter_in_place_of_the_table_is_told(bag, size: str) -> None:
    full = twin(bag)
    train(full, batches(2), adamw(full))
    session = prunus.fine_tuning(bag, USED).begin()
    train(bag, batches(2), adamw(bag))
    new = bag.table.weight if size == "kept rows" else full.table.weight
    bag.table.weight = torch.nn.Parameter(new.detach().clone())
    with pytest.raises(UsageError, match=r"table\.weight was replaced"):
        session.restore()
    assert bag.table.num_embeddings == ROWS
    assert not bag.table._forward_pre_hooks
    assert same_bits(full.state_dict(), bag.state_dict()) == []
    assert session.remap is None


def test_a_second_block_on_the_same_table_is_refused(bag) -> None:
    other = Bag()
    other.table.weight = bag.table.weight
    with prunus.fine_tuning(bag, USED):
        for model in (bag, other):
            with pytest.raises(UsageError, match=r"table\.weight is inside a block"):
                prunus.fine_tuning(model, USED[:3]).begin()
    with prunus.fine_tuning(other, USED):
        pass


def test_resizing_inside_is_refused(classifier) -> None:
    with prunus.fine_tuning(classifier, USED), pytest.raises(UsageError, match="resize_token_embeddings inside"):
        classifier.resize_token_embeddings(ROWS + 8)
    assert classifier.resize_token_embeddings(ROWS + 8).weight.shape[0] == ROWS + 8


def test_a_copy_of_the_model_cannot_fetch(bag) -> None:
    batch = batches(1, np.arange(ROWS))[0]
    with prunus.fine_tuning(bag, USED, unseen="fetch"):
        other = twin(bag)
        bag(**batch)
        with pytest.raises(UsageError, match="a copy of the model"):
            other(**batch)
