"""Checkpoints from inside the block are ordinary ones, and full-size ones can be loaded inside it."""

from __future__ import annotations

import pytest

import prunus

from .conftest import ROWS, USED, batches, same_bits, torch, train, transformers, twin


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)


def test_a_checkpoint_saved_inside_is_that_of_full_training(classifier, tmp_path) -> None:
    full, tuned = classifier, twin(classifier)
    train(full, batches(4), adamw(full))
    full.save_pretrained(tmp_path / "full")
    with prunus.fine_tuning(tuned, USED):
        train(tuned, batches(4), adamw(tuned))
        tuned.save_pretrained(tmp_path / "inside")
        assert tuned.get_input_embeddings().weight.shape[0] == len(USED)
    files = [tmp_path / where / "model.safetensors" for where in ("full", "inside")]
    assert files[0].read_bytes() == files[1].read_bytes()
    loaded = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "inside")
    assert same_bits(full.state_dict(), loaded.state_dict()) == []


def test_tied_names_stay_one_tensor() -> None:
    torch.manual_seed(0)
    config = transformers.T5Config(vocab_size=ROWS, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    model = transformers.T5EncoderModel(config)
    with prunus.fine_tuning(model, USED):
        inside = model.state_dict()
        tables = [t for t in inside.values() if tuple(t.shape) == (ROWS, 8)]
        assert len({t.data_ptr() for t in tables}) == 1 < len(tables)


def test_pruned_saving_gives_what_is_in_memory(classifier) -> None:
    with prunus.fine_tuning(classifier, USED, save="pruned"):
        assert classifier.state_dict()["bert.embeddings.word_embeddings.weight"].shape[0] == len(USED)


@pytest.mark.parametrize("where", ["same block", "new block", "without Prunus"])
def test_resuming_in_the_middle_is_the_same_run(classifier, where: str) -> None:
    """Trap 4.3."""
    data = batches(10)
    full, tuned = classifier, twin(classifier)
    optimizer = adamw(full)
    train(full, data[:5], optimizer)
    want = train(full, data[5:], optimizer)
    with prunus.fine_tuning(tuned, USED):
        optimizer = adamw(tuned)
        train(tuned, data[:5], optimizer)
        saved = twin({"model": tuned.state_dict(), "optimizer": optimizer.state_dict()})
        assert all(s["exp_avg"].shape[0] == ROWS for s in [saved["optimizer"]["state"][0]])
        if where == "same block":
            train(tuned, data[:3], optimizer, seed=9)  # a detour that loading must undo
            tuned.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            got = train(tuned, data[5:], optimizer)
    if where != "same block":
        tuned = twin(tuned)
        torch.nn.init.zeros_(tuned.get_input_embeddings().weight)
        session = prunus.fine_tuning(tuned, USED)
        if where == "new block":
            session.begin()
        optimizer = adamw(tuned)
        tuned.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        got = train(tuned, data[5:], optimizer)
        session.restore()
    assert got == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
