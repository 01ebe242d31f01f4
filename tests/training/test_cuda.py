"""The GPU lane: the same training on the accelerator, and what it saves there. Skipped where there is none."""

from __future__ import annotations

import pytest

import prunus

from .conftest import USED, batches, torch, train, transformers, twin

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def moved(data: list[dict]) -> list[dict]:
    return [{name: value.cuda() for name, value in batch.items()} for batch in data]


@pytest.fixture(autouse=True)
def _cublas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.mark.parametrize("unseen", ["error", "fetch"])
def test_training_is_that_of_the_full_model(classifier, unseen: str) -> None:
    full, tuned = classifier.cuda(), twin(classifier).cuda()
    data = moved(batches(10))
    want = train(full, data, torch.optim.AdamW(full.parameters(), 1e-2, weight_decay=0.1))
    kept = USED if unseen == "error" else USED[::2]
    with prunus.fine_tuning(tuned, kept, unseen=unseen):
        assert train(tuned, data, torch.optim.AdamW(tuned.parameters(), 1e-2, weight_decay=0.1)) == want
        assert tuned.get_input_embeddings().weight.is_cuda
        assert all(not tensor.is_cuda for name, tensor in tuned.state_dict().items() if "word_embeddings" in name)
    for name, tensor in full.state_dict().items():
        assert torch.equal(tensor, tuned.state_dict()[name]), name


def peak(model, data, block) -> int:
    with block:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        train(model, data, torch.optim.AdamW(model.parameters(), 1e-3))
        return torch.cuda.max_memory_allocated()


def test_peak_memory_is_less_by_the_rows_that_left() -> None:
    rows, hidden = 100_000, 256
    config = transformers.BertConfig(
        vocab_size=rows, hidden_size=hidden, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
    )
    data = moved(batches(3))
    model = transformers.BertForSequenceClassification(config).cuda()
    train(model, data[:1], torch.optim.SGD(model.parameters(), 0.0))  # libraries take their workspaces once
    begun = torch.cuda.memory_allocated()
    whole = peak(model, data, torch.enable_grad())
    model.zero_grad()
    assert torch.cuda.memory_allocated() < begun + 2**20
    small = peak(model, data, prunus.fine_tuning(model, USED))
    dropped = (rows - len(USED)) * hidden
    assert whole - small > 0.9 * 16 * dropped
    assert model.get_input_embeddings().weight.is_cuda
