"""Tiny models and a training loop for the tests of this area."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ROWS = 400
USED = np.unique(np.concatenate([np.arange(5), np.random.default_rng(1).choice(ROWS, 60, replace=False)]))
TINY = {
    "vocab_size": ROWS,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture(autouse=True)
def _deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return transformers.BertForSequenceClassification(transformers.BertConfig(**TINY))


@pytest.fixture
def tied():
    torch.manual_seed(0)
    return transformers.BertForMaskedLM(transformers.BertConfig(**TINY))


def batches(steps: int, used: np.ndarray = USED, seed: int = 7) -> list[dict]:
    """Un-padded batches of varying length with original ids."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(steps):
        ids = torch.from_numpy(rng.choice(used, size=(4, int(rng.integers(3, 12)))))
        made.append({"input_ids": ids, "labels": torch.from_numpy(rng.integers(0, 2, size=4))})
    return made


def train(model, data, optimizer, schedule=None, seed: int = 3) -> list[float]:
    torch.manual_seed(seed)
    model.train()
    losses = []
    for batch in data:
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def same_bits(one: dict, other: dict) -> list[str]:
    """Names of tensors that differ in any bit, the sign of zero included."""
    assert list(one) == list(other)
    return [name for name in one if _bytes(one[name]) != _bytes(other[name])]


def _bytes(tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def twin(model):
    return copy.deepcopy(model)
