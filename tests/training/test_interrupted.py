"""Ctrl-C and exceptions anywhere in a step: model, gradients and optimizer are whole, and training goes on."""

from __future__ import annotations

import signal

import pytest

import prunus
from prunus.errors import OutputError

from .conftest import ROWS, USED, batches, same_bits, torch, train, twin


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1, foreach=False)


def interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def interrupted(model, optimizer, where: str) -> None:
    """Three steps, then Ctrl-C in the fourth."""
    train(model, batches(3), optimizer)
    if where == "forward":
        handle = model.bert.encoder.layer[0].register_forward_pre_hook(interrupt)
    elif where == "backward":
        handle = model.classifier.weight.register_hook(interrupt)
    else:
        handle = optimizer.register_step_pre_hook(interrupt)
    try:
        train(model, batches(1), optimizer)
    finally:
        handle.remove()


@pytest.mark.parametrize("where", ["forward", "backward", "before the step"])
def test_ctrl_c_leaves_what_it_leaves_without_prunus(classifier, where: str) -> None:
    """Trap 4.4; a predecessor's context manager has no `finally` and leaves the model reduced (peers 2.4, 20)."""
    full, tuned = classifier, twin(classifier)
    optimizers = [adamw(full), adamw(tuned)]
    with pytest.raises(KeyboardInterrupt):
        interrupted(full, optimizers[0], where)
    with pytest.raises(KeyboardInterrupt), prunus.fine_tuning(tuned, USED):
        interrupted(tuned, optimizers[1], where)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
    for (name, one), other in zip(full.named_parameters(), tuned.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), name
        assert one.grad is None or torch.equal(one.grad, other.grad), name
    for model, optimizer in zip((full, tuned), optimizers, strict=True):
        optimizer.zero_grad()
        train(model, batches(3, seed=9), optimizer)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_an_exception_in_the_middle_of_the_optimizer_leaves_the_model_whole(classifier, monkeypatch) -> None:
    optimizer = adamw(classifier)
    shapes = {name: tensor.shape for name, tensor in classifier.state_dict().items()}
    hooks = [len(module._forward_pre_hooks) for module in classifier.modules()]
    calls = []
    real = torch.Tensor.addcdiv_

    def failing(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == 4:  # the table's update is done, that of later parameters is not
            raise MemoryError
        return real(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "addcdiv_", failing)
    with pytest.raises(MemoryError), prunus.fine_tuning(classifier, USED):
        train(classifier, batches(1), optimizer)
    monkeypatch.undo()
    assert len(calls) == 4
    assert {name: tensor.shape for name, tensor in classifier.state_dict().items()} == shapes
    assert [len(module._forward_pre_hooks) for module in classifier.modules()] == hooks
    assert classifier.get_input_embeddings().num_embeddings == ROWS
    for parameter, state in optimizer.state.items():
        assert state["exp_avg"].shape == parameter.shape
    optimizer.zero_grad()
    train(classifier, batches(2, torch.arange(ROWS).numpy()), optimizer)


def test_a_block_that_cannot_begin_leaves_the_model_as_it_was(classifier, tmp_path) -> None:
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    with pytest.raises(OutputError), prunus.fine_tuning(classifier, USED, spill_dir=tmp_path / "absent"):
        pass
    assert same_bits(before, classifier.state_dict()) == []
    prunus.fine_tuning(classifier, USED, spill_dir=tmp_path).begin().restore()
    assert same_bits(before, classifier.state_dict()) == []
    assert list(tmp_path.iterdir()) == []
