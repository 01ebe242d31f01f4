"""`unseen="fetch"`: rows that nobody counted come into memory when they are first looked up."""

from __future__ import annotations

import pytest

import prunus
from prunus.errors import UnseenTokenError, UsageError
from prunus.training import fetching

from .conftest import ROWS, USED, batches, np, same_bits, torch, train, twin
from .test_fifty_steps import MT5, build

EVERY = np.arange(ROWS)
OPTIMIZERS = {
    "AdamW": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1, fused=True),
    "Adam, L2": lambda p: torch.optim.Adam(p, 1e-2, weight_decay=0.1),
    "SGD, momentum": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, weight_decay=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 1e-2, initial_accumulator_value=0.1),
}


def mixed(steps: int = 12) -> list[dict]:
    """Every third batch holds ids that were not counted."""
    return [batches(1, EVERY if step % 3 == 2 else USED, seed=step)[0] for step in range(steps)]


def rows_in_memory(model) -> int:
    return model.get_input_embeddings().weight.shape[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("before", [False, True], ids=["made inside", "has moments"])
def test_training_is_that_of_the_full_model(classifier, name: str, before: bool) -> None:
    full, tuned = classifier, twin(classifier)
    one, other = OPTIMIZERS[name](full.parameters()), None
    if before:
        other = OPTIMIZERS[name](tuned.parameters())
        train(full, batches(2, EVERY, seed=99), one)
        train(tuned, batches(2, EVERY, seed=99), other)
    want = train(full, mixed(), one)
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        other = other or OPTIMIZERS[name](tuned.parameters())
        assert train(tuned, mixed(), other) == want
        assert len(USED) < rows_in_memory(tuned) < ROWS
        assert tuned.get_input_embeddings().num_embeddings == rows_in_memory(tuned)
        assert same_bits(full.state_dict(), tuned.state_dict()) == []
        if not (name == "Adagrad" and not before):  # made inside, it has no state before its first step
            _same_state(one, other)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
    _same_state(one, other)
    assert train(tuned, mixed(3), other) == train(full, mixed(3), one)


def _same_state(one, other) -> None:
    mine, theirs = one.state_dict()["state"], other.state_dict()["state"]
    assert mine.keys() == theirs.keys() != set()
    for index, state in mine.items():
        for key, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(theirs[index][key])), (index, key)


def test_gradients_that_are_accumulated_meanwhile_stay(classifier) -> None:
    full, tuned = classifier, twin(classifier)

    def accumulate(model):
        torch.manual_seed(0)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        for step, batch in enumerate(mixed(9)):
            model(**batch).loss.backward()
            if step % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()

    accumulate(full)
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        accumulate(tuned)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_encoder_and_decoder_share_a_table() -> None:
    full = build(MT5, "MT5ForConditionalGeneration", untied=True)
    tuned, rng = twin(full), np.random.default_rng(5)
    data = [
        {name: torch.from_numpy(rng.choice(EVERY, size=(2, 5))) for name in ("input_ids", "labels")} for _ in range(6)
    ]
    want = train(full, data, torch.optim.AdamW(full.parameters(), 1e-2))
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        assert train(tuned, data, torch.optim.AdamW(tuned.parameters(), 1e-2)) == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_two_forward_passes_before_one_backward_pass(classifier) -> None:
    one, two = batches(1, USED)[0], batches(1, EVERY)[0]
    full, tuned = classifier.eval(), twin(classifier).eval()
    (full(**one).loss + full(**two).loss).backward()
    with prunus.fine_tuning(tuned, USED, unseen="fetch") as session:
        losses = tuned(**one).loss + tuned(**two).loss
        with pytest.raises(UsageError, match="before its backward pass"):
            losses.backward()
        tuned.zero_grad()
        session.restore()
        session.begin()
        session.fetch(two["input_ids"].tolist())
        (tuned(**one).loss + tuned(**two).loss).backward()
    assert torch.equal(full.get_input_embeddings().weight.grad, tuned.get_input_embeddings().weight.grad)


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
def test_inference_on_any_text_in_little_memory(classifier, guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FETCHED", 8)
    classifier.eval()
    data = [batches(1, EVERY, seed=step)[0] for step in range(30)]
    full = twin(classifier)
    seen = set(USED[:20].tolist())
    with guard():
        want = [full(**batch).logits for batch in data]
    with prunus.fine_tuning(classifier, USED[:20], unseen="fetch") as session:
        with guard():
            for batch, expected in zip(data, want, strict=True):
                assert torch.equal(classifier(**batch).logits, expected)
                seen |= set(batch["input_ids"].view(-1).tolist())
                assert rows_in_memory(classifier) <= 20 + max(20, len(batch["input_ids"].unique()))
        assert rows_in_memory(classifier) < len(seen)
        assert repr(session).endswith("20 rows kept)")
        # What was brought without a graph can be trained on afterwards, by an optimizer that knows nothing of it.
        losses = train(classifier, mixed(6), torch.optim.AdamW(classifier.parameters(), 1e-2, weight_decay=0.1))
        with guard():
            after = [classifier.eval()(**batch).logits for batch in data]
    assert losses == train(full, mixed(6), torch.optim.AdamW(full.parameters(), 1e-2, weight_decay=0.1))
    assert same_bits(full.state_dict(), classifier.state_dict()) == []
    with guard():
        assert all(torch.equal(full.eval()(**batch).logits, got) for batch, got in zip(data, after, strict=True))


def test_evaluation_between_steps(classifier) -> None:
    """An evaluation set that nobody counted; rows and moments that it brought are trained on like others."""
    full, tuned = classifier, twin(classifier)

    def run(model) -> list:
        optimizer, seen = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1), []
        for turn in range(4):
            seen += train(model, mixed(3), optimizer)
            with torch.no_grad():
                seen += [model.eval()(**batch).logits.tolist() for batch in batches(2, EVERY, seed=turn)]
        return seen

    want = run(full)
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        assert run(tuned) == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_a_model_that_was_cast_inside_keeps_its_digits(classifier) -> None:
    classifier.bfloat16()
    with prunus.fine_tuning(classifier, USED, unseen="fetch"):
        classifier.float()
        train(classifier, mixed(6), torch.optim.SGD(classifier.parameters(), 0.1))
        fetched = classifier.get_input_embeddings().weight.detach()[len(USED) :].clone()
        with torch.no_grad():
            classifier(input_ids=torch.arange(ROWS).view(2, -1))
        assert torch.equal(classifier.get_input_embeddings().weight[len(USED) :][: len(fetched)], fetched)


def test_ids_beyond_the_table_are_refused(classifier) -> None:
    with (
        prunus.fine_tuning(classifier, USED, unseen="fetch"),
        pytest.raises(UnseenTokenError, match=rf"token id {ROWS} at row 1, column 0 lies beyond"),
    ):
        classifier(input_ids=torch.tensor([[1, 2], [ROWS, 399]]))


def test_what_does_not_go_together_is_refused(classifier) -> None:
    for options in ({"mode": "input+output"}, {"save": "pruned"}):
        with pytest.raises(UsageError, match='unseen="fetch" goes with'):
            prunus.fine_tuning(classifier, USED, unseen="fetch", **options)
    with prunus.fine_tuning(classifier, USED) as session, pytest.raises(UsageError, match="nothing is fetched"):
        session.fetch([1])


def test_compiled_code_follows_the_table(classifier) -> None:
    full, tuned = classifier, twin(classifier)
    want = train(full, mixed(6), torch.optim.AdamW(full.parameters(), 1e-2))
    with prunus.fine_tuning(tuned, USED, unseen="fetch"):
        compiled = torch.compile(tuned, backend="aot_eager", dynamic=True)
        assert train(compiled, mixed(6), torch.optim.AdamW(tuned.parameters(), 1e-2)) == pytest.approx(want, rel=1e-6)


def test_a_row_that_was_written_to_keeps_its_value_when_it_leaves(classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FETCHED", 1)
    embedding = classifier.get_input_embeddings()
    with prunus.fine_tuning(classifier, USED[:1], unseen="fetch") as session, torch.no_grad():
        session.fetch([300])
        embedding.weight[1] = 7.0
        session.fetch([301])
        assert embedding.weight.shape[0] == 2
        assert not bool((embedding.weight == 7).any())
    assert bool((embedding.weight[300] == 7).all())
    assert int((embedding.weight == 7).all(1).sum()) == 1
