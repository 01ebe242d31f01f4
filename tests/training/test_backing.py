"""`base=`: rows that wait in the checkpoint itself, read from it and never written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import prunus
from prunus.errors import CheckpointError
from prunus.training import store

from .conftest import ROWS, USED, batches, np, same_bits, torch, train, transformers, twin

if TYPE_CHECKING:
    from pathlib import Path

EVERY = np.arange(ROWS)


@pytest.fixture
def saved(classifier, tmp_path: Path) -> Path:
    """The model on disk, in several shards, under the names of its body where it is wrapped."""
    classifier.save_pretrained(tmp_path / "base", max_shard_size="20KB")
    assert len(list((tmp_path / "base").glob("*.safetensors"))) > 1
    return tmp_path / "base"


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Row counts of every temporary file that is made."""
    made: list[int] = []

    def spy(source, ids, directory=None):
        made.append(len(ids))
        return store.spill(source, ids, directory)

    monkeypatch.setattr("prunus.training.table.spill", spy)
    monkeypatch.setattr("prunus.training.backing.spill", spy)
    return made


def every_byte(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_inference_reads_the_checkpoint_and_copies_nothing(classifier, saved: Path, copies: list[int]) -> None:
    before, full = every_byte(saved), twin(classifier).eval()
    classifier.eval()
    with prunus.fine_tuning(classifier, USED, unseen="fetch", base=saved), torch.no_grad():
        for batch in batches(5, EVERY):
            assert torch.equal(classifier(**batch).logits, full(**batch).logits)
    assert copies == []
    assert same_bits(full.state_dict(), classifier.state_dict()) == []
    assert every_byte(saved) == before


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("body", [False, True], ids=["same names", "names of the body"])
def test_training_copies_rows_only_when_it_changes_them(
    classifier, saved: Path, copies: list[int], decay: float, body: bool
) -> None:
    model = transformers.BertModel.from_pretrained(saved) if body else classifier
    full, before = twin(model), every_byte(saved)

    def run(one) -> None:
        optimizer = torch.optim.AdamW(one.parameters(), 1e-2, weight_decay=decay)
        for batch in batches(4):
            one(batch["input_ids"])[0].sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    for one in (full, model):
        torch.manual_seed(1)
        if one is full:
            run(one)
        else:
            with prunus.fine_tuning(one, USED, base=saved):
                run(one)
    assert copies == ([ROWS - len(USED)] if decay else [])
    assert same_bits(full.state_dict(), model.state_dict()) == []
    assert every_byte(saved) == before


def test_saving_over_the_checkpoint_itself_loses_nothing(classifier, saved: Path) -> None:
    full = twin(classifier)
    train(full, batches(3), torch.optim.SGD(full.parameters(), 0.1))
    with prunus.fine_tuning(classifier, USED, base=saved):
        train(classifier, batches(3), torch.optim.SGD(classifier.parameters(), 0.1))
        classifier.save_pretrained(saved.with_name("tuned"), max_shard_size="20KB")
        for file in saved.with_name("tuned").iterdir():
            (saved / file.name).write_bytes(file.read_bytes())  # in place, as `cp` does
    assert same_bits(full.state_dict(), classifier.state_dict()) == []
    again = transformers.BertForSequenceClassification.from_pretrained(saved)
    assert same_bits(full.state_dict(), again.state_dict()) == []


def test_another_checkpoint_is_refused_and_the_model_is_whole(classifier, saved: Path, tmp_path: Path) -> None:
    with torch.no_grad():
        classifier.get_input_embeddings().weight[ROWS - 1, 3] += 1e-6
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"no tensor equals bert.embeddings.word_embeddings.weight \(400, 16\)"):
        prunus.fine_tuning(classifier, USED, base=saved).begin()
    with pytest.raises(CheckpointError, match="no tensor equals"):
        prunus.fine_tuning(twin(classifier).bfloat16(), USED, base=saved).begin()
    with pytest.raises(CheckpointError, match="is not a directory"):
        prunus.fine_tuning(classifier, USED, base=tmp_path / "absent").begin()
    assert same_bits(before, classifier.state_dict()) == []


def test_a_checkpoint_that_is_replaced_does_no_harm_and_one_that_is_written_to_is_noticed(
    classifier, saved: Path
) -> None:
    new = np.setdiff1d(EVERY, USED)[:2].tolist()
    want = classifier.get_input_embeddings().weight[new].detach().clone()
    session = prunus.fine_tuning(classifier, USED, unseen="fetch", base=saved).begin()
    shards = [shard for shard in saved.iterdir() if shard.suffix == ".safetensors"]
    for shard in shards:
        shard.rename(shard.with_suffix(".old"))
        shard.write_bytes(bytes(shard.with_suffix(".old").stat().st_size))
    session.fetch(new[:1])
    assert torch.equal(classifier.get_input_embeddings().weight[len(USED)], want[0])
    for shard in shards:
        with shard.with_suffix(".old").open("r+b") as file:
            file.write(b"\0")
    with pytest.raises(CheckpointError, match="was written to while a model reads its rows from it"):
        session.fetch(new)
    with pytest.raises(CheckpointError, match="was written to"):
        session.restore()
