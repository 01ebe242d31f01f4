"""The block itself: what is small inside, what is whole again afterwards, what is refused."""

from __future__ import annotations

import pytest

import prunus
from prunus.errors import LiveModelError, SelectionError, UnseenTokenError, UsageError

from .conftest import ROWS, TINY, USED, batches, same_bits, torch, train, transformers, twin


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)


def test_an_exception_leaves_the_model_whole(classifier) -> None:
    """Trap 4.4."""
    before = classifier.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}

    def interrupted() -> None:
        with prunus.fine_tuning(classifier, USED):
            assert classifier.get_input_embeddings().weight.shape == (len(USED), 16)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert same_bits(before, classifier.state_dict()) == []
    assert not classifier.get_input_embeddings()._forward_pre_hooks


def test_attributes_inside_and_afterwards(classifier) -> None:
    """Trap 4.6."""
    embedding = classifier.get_input_embeddings()
    parameter, config = embedding.weight, classifier.config.to_dict()
    parameter.requires_grad_(False)
    kept = [5, 7, 0]
    session = prunus.fine_tuning(classifier, kept).begin()
    assert (embedding.num_embeddings, embedding.padding_idx) == (3, 0)
    assert embedding.weight is parameter
    assert not parameter.requires_grad
    session.restore()
    session.restore()
    with prunus.fine_tuning(classifier, [5, 7]):
        assert embedding.padding_idx is None
    assert (embedding.num_embeddings, embedding.padding_idx) == (ROWS, 0)
    assert embedding.weight is parameter
    assert not parameter.requires_grad
    assert classifier.config.to_dict() == config


def test_frozen_embeddings_stay_frozen_and_equal(classifier) -> None:
    """Trap 4.3."""
    classifier.get_input_embeddings().weight.requires_grad_(False)
    full, tuned = classifier, twin(classifier)
    want = train(full, batches(4), adamw(full))
    with prunus.fine_tuning(tuned, USED):
        assert train(tuned, batches(4), adamw(tuned)) == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_an_unseen_id_shows_token_row_and_text(classifier) -> None:
    """Trap 4.7."""
    vocabulary = {f"t{i}": i for i in range(ROWS)}
    backend = __import__("tokenizers").Tokenizer(__import__("tokenizers").models.WordLevel(vocabulary, "t1"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="t1")
    missing = next(i for i in range(ROWS) if i not in set(USED.tolist()))
    ids = torch.tensor([[2, 3, 4], [2, missing, 3]])
    with prunus.fine_tuning(classifier, USED, tokenizer), pytest.raises(UnseenTokenError) as caught:
        classifier(input_ids=ids)
    assert f"id {missing} ('t{missing}') at row 1, column 1" in str(caught.value)
    assert "t2" in str(caught.value)
    with prunus.fine_tuning(classifier, USED), pytest.raises(UnseenTokenError, match="beyond the 400 rows"):
        classifier(input_ids=torch.tensor([[ROWS]]))
    with prunus.fine_tuning(classifier, USED), pytest.raises(UnseenTokenError, match="beyond"):
        classifier(input_ids=torch.tensor([[-1]]))
    classifier.eval()
    want = classifier(input_ids=torch.tensor([[2, 1, 3]])).logits
    with prunus.fine_tuning(classifier, USED, tokenizer, unseen="unk"):
        assert torch.equal(classifier(input_ids=torch.tensor([[2, missing, 3]])).logits, want)
    with pytest.raises(UsageError, match="unknown token"), prunus.fine_tuning(classifier, USED, unseen="unk"):
        pass
    assert classifier.get_input_embeddings().weight.shape[0] == ROWS


def test_a_tied_head_is_refused_with_the_reason(tied) -> None:
    with pytest.raises(LiveModelError, match=r"decoder.*softmax every row"), prunus.fine_tuning(tied, USED):
        pass


def test_what_cannot_be_seen_is_refused(classifier) -> None:
    two = torch.nn.ModuleDict({"a": torch.nn.Embedding(4, 2), "b": torch.nn.Embedding(4, 2)})
    with pytest.raises(LiveModelError, match=r"a \(4, 2\), b \(4, 2\)"), prunus.fine_tuning(two, [0]):
        pass
    with pytest.raises(LiveModelError, match="no module 'c'"), prunus.fine_tuning(two, [0], embeddings=["c"]):
        pass
    with prunus.fine_tuning(two, [0], embeddings=["b"]):
        assert [m.weight.shape[0] for m in two.values()] == [4, 1]
    with pytest.raises(LiveModelError, match="meta"), prunus.fine_tuning(twin(classifier).to("meta"), USED):
        pass
    two["a"].weight.data = two["b"].weight.data
    with pytest.raises(LiveModelError, match="over one storage"), prunus.fine_tuning(two, [0], embeddings=["a"]):
        pass
    bag = torch.nn.ModuleDict({"a": torch.nn.EmbeddingBag(4, 2)})
    with pytest.raises(LiveModelError, match="EmbeddingBag"), prunus.fine_tuning(bag, [0], embeddings=["a"]):
        pass


@pytest.mark.parametrize("keep", [[], [ROWS], [-1]])
def test_ids_that_cannot_be_kept_are_refused(classifier, keep) -> None:
    with pytest.raises(SelectionError), prunus.fine_tuning(classifier, keep):
        pass
    assert classifier.get_input_embeddings().weight.shape[0] == ROWS


@pytest.mark.parametrize("package", ["deepspeed.runtime.engine", "torch.distributed.fsdp"])
def test_sharding_wrappers_are_refused_by_name(classifier, package: str) -> None:
    name = "DeepSpeedEngine" if package.startswith("deepspeed") else "FullyShardedDataParallel"
    wrapper = type(name, (torch.nn.Module,), {"__module__": package})()
    wrapper.module = classifier
    with pytest.raises(LiveModelError, match=name), prunus.fine_tuning(wrapper, USED):
        pass


def test_a_gradient_of_a_row_that_would_leave_is_refused_and_one_of_kept_rows_moves_along(classifier) -> None:
    weight = classifier.get_input_embeddings().weight
    classifier(**batches(1)[0]).loss.backward()
    want = weight.grad.clone()
    with prunus.fine_tuning(classifier, USED):
        assert torch.equal(weight.grad, want[USED])
    assert torch.equal(weight.grad, want)
    with pytest.raises(UsageError, match="zero_grad"), prunus.fine_tuning(classifier, [0, 1]):
        pass


def test_a_graph_from_before_the_block_may_still_live(classifier) -> None:
    alive = classifier(**batches(1)[0]).loss
    with prunus.fine_tuning(classifier, USED):
        train(classifier, batches(2), adamw(classifier))
        inside = classifier(**batches(1)[0]).loss
    train(classifier, batches(2), adamw(classifier))
    assert alive.item() > 0
    assert inside.item() > 0


def test_compiled_code_does_not_outlive_the_table_it_was_made_for(classifier) -> None:
    compiled = torch.compile(classifier.eval(), backend="eager", fullgraph=True)
    missing = next(i for i in range(ROWS) if i not in set(USED.tolist()))
    other = [int(i) for i in USED if i != USED[7]] + [missing]
    ids = torch.from_numpy(USED[8:12])[None]
    with torch.no_grad():
        want = compiled(input_ids=ids).logits
        for kept in (USED, other):  # as many rows, other ids
            with prunus.fine_tuning(classifier, kept):
                assert torch.equal(compiled(input_ids=ids).logits, want)
                with pytest.raises(UnseenTokenError):
                    compiled(input_ids=torch.tensor([[int(({*range(ROWS)} - {*map(int, kept)}).pop())] * 4]))
        assert torch.equal(compiled(input_ids=ids).logits, want)


@pytest.mark.parametrize("kind", ["checkpointing", "accumulation", "autocast", "compile"])
def test_ways_of_training_are_the_same_bit_for_bit(kind: str) -> None:
    """Trap 4.3: gradient checkpointing, accumulation, mixed precision, `torch.compile`."""
    torch.manual_seed(0)
    full = transformers.BertForSequenceClassification(transformers.BertConfig(**TINY))
    tuned = twin(full)

    def run(model):
        if kind == "checkpointing":
            model.gradient_checkpointing_enable()
        call = torch.compile(model, backend="aot_eager") if kind == "compile" else model
        optimizer, losses = adamw(model), []
        torch.manual_seed(5)
        model.train()
        for number, batch in enumerate(batches(6)):
            with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
                loss = call(**batch).loss
            loss.backward()
            if kind != "accumulation" or number % 2:
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    want = run(full)
    with prunus.fine_tuning(tuned, USED):
        assert run(tuned) == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
