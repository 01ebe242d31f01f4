"""Every optimizer of the table in docs/fine-tuning.md: the same training bit for bit, or refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import prunus
from prunus.errors import OptimizerError

from .conftest import ROWS, USED, batches, same_bits, torch, train, twin

EXACT = {
    "AdamW": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1),
    "AdamW, no decay": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0),
    "AdamW, amsgrad": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1, amsgrad=True),
    "AdamW, maximize": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1, maximize=True),
    "AdamW, foreach": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1, fused=True),
    "AdamW, lr in a tensor": lambda p: torch.optim.AdamW(p, torch.tensor(1e-2), weight_decay=0.1, foreach=False),
    "Adam": lambda p: torch.optim.Adam(p, 1e-2),
    "Adam, L2": lambda p: torch.optim.Adam(p, 1e-2, weight_decay=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, 1e-2, weight_decay=0.1),
    "RAdam": lambda p: torch.optim.RAdam(p, 1e-2, weight_decay=0.1),
    "Adamax": lambda p: torch.optim.Adamax(p, 1e-2, weight_decay=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 1e-2, weight_decay=0.1, initial_accumulator_value=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, 1e-2, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 1e-2, weight_decay=0.1, momentum=0.9, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, 1e-2),
    "ASGD": lambda p: torch.optim.ASGD(p, 1e-2, weight_decay=0.1, t0=3),
    "SGD": lambda p: torch.optim.SGD(p, 1e-2),
    "SGD, maximize": lambda p: torch.optim.SGD(p, 1e-2, maximize=True),
    "SGD, momentum and L2": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, weight_decay=0.1, nesterov=True),
}
REFUSED = {
    "Adafactor": lambda p: torch.optim.Adafactor(p, 1e-2),
    "Muon": lambda p: torch.optim.Muon([x for x in p if x.dim() == 2], 1e-2),
    "Lion": lambda p: Lion(p, lr=1e-3),
}


class Lion(torch.optim.Optimizer):
    """Sign of an interpolation, decoupled decay: as published (arXiv 2302.06675)."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1):
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                momentum = state.setdefault("momentum", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                one, two = group["betas"]
                p.add_(momentum.mul(one).add_(p.grad, alpha=1 - one).sign_(), alpha=-group["lr"])
                momentum.mul_(two).add_(p.grad, alpha=1 - two)


def model_with_zeros():
    """A bag of tokens whose unused rows hold zeros of both signs."""
    torch.manual_seed(0)
    model = Bag()
    with torch.no_grad():
        unused = torch.tensor([i for i in range(ROWS) if i not in set(USED.tolist())])
        model.table.weight[unused[0]] = 0.0
        model.table.weight[unused[1]] = -0.0
    return model


class Bag(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(ROWS, 16)
        self.head = torch.nn.Linear(16, 2)

    def forward(self, input_ids, labels):
        logits = self.head(self.table(input_ids).mean(1))
        return type("Output", (), {"loss": torch.nn.functional.cross_entropy(logits, labels)})


def schedule_of(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 30)


def run(model, make, data, early: bool, **options):
    """Losses and the optimizer; made before the block if `early`, which includes steps before it."""
    optimizer = make(list(model.parameters())) if early else None
    losses = train(model, data[:4], optimizer) if early else []
    with prunus.fine_tuning(model, USED, **options):
        optimizer = optimizer or make(list(model.parameters()))
        losses += train(model, data[4:], optimizer, schedule_of(optimizer))
    return losses, optimizer


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("early", [False, True], ids=["made inside", "made before"])
def test_training_is_the_same_bit_for_bit(name: str, early: bool) -> None:
    """Traps 4.3 (optimizer made before or inside) and 4.5 (unused rows, by replay)."""
    full = model_with_zeros()
    tuned = twin(full)
    everything = torch.arange(ROWS).numpy()
    data = (batches(4, everything) if early else batches(4)) + batches(8, seed=8)
    want_optimizer = EXACT[name](list(full.parameters()))
    want = train(full, data[:4], want_optimizer) if early else []
    want += train(full, data[4:], want_optimizer, schedule_of(want_optimizer))
    got, optimizer = run(tuned, EXACT[name], data, early)
    assert got == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
    for left, right in zip(want_optimizer.state.values(), optimizer.state.values(), strict=True):
        assert {k: v.shape for k, v in left.items() if hasattr(v, "shape")} == {
            k: v.shape for k, v in right.items() if hasattr(v, "shape")
        }
        assert all(torch.equal(torch.as_tensor(left[k]), torch.as_tensor(right[k])) for k in left)


@pytest.mark.parametrize("name", REFUSED)
def test_an_optimizer_that_mixes_rows_or_is_unknown_is_refused_by_name(name: str) -> None:
    model = model_with_zeros()
    before = twin(model).state_dict()
    with pytest.raises(OptimizerError, match=name), prunus.fine_tuning(model, USED):
        train(model, batches(1), REFUSED[name](list(model.parameters())))
    assert same_bits(before, model.state_dict()) == []


def test_an_unknown_optimizer_that_the_user_vouches_for_is_exact() -> None:
    full = model_with_zeros()
    tuned = twin(full)
    want = train(full, batches(8), Lion(full.parameters()))
    with prunus.fine_tuning(tuned, USED, elementwise=[Lion]):
        assert train(tuned, batches(8), Lion(tuned.parameters())) == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_without_replay_the_other_rows_keep_their_values() -> None:
    """Trap 4.5: the unused rows differ only by the decay."""
    model = model_with_zeros()
    before = model.table.weight.detach().clone()
    with prunus.fine_tuning(model, USED, replay=False):
        train(model, batches(3), torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1))
    others = torch.tensor([i for i in range(ROWS) if i not in set(USED.tolist())])
    assert torch.equal(model.table.weight[others], before[others])
    assert not torch.equal(model.table.weight, before)


def test_a_scaler_that_skips_steps_is_followed() -> None:
    full = model_with_zeros()
    tuned = twin(full)

    def scaled(model) -> None:
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        for number, batch in enumerate(batches(6)):
            loss = model(**batch).loss * (float("inf") if number % 3 == 1 else 1)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()

    scaled(full)
    with prunus.fine_tuning(tuned, USED):
        scaled(tuned)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_the_table_in_the_docs_is_the_one_tested() -> None:
    page = (Path(__file__).parents[2] / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([^`]+)` \| (exact|refused)", page, re.MULTILINE)
    assert dict(listed) == dict.fromkeys(EXACT, "exact") | dict.fromkeys(REFUSED, "refused")
