"""Mode `input+output` from outside: what a caller hands in or is called back with has original ids, or is refused."""

from __future__ import annotations

import copy

import pytest

import prunus
from prunus.errors import UsageError

from .conftest import USED, same_bits, torch, transformers
from .test_both import NEW, made, pruned_by_hand

KEPT = torch.from_numpy(USED)
IDS = KEPT[8:12][None]
OPTIONS = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}


@pytest.fixture
def model():
    return made("gpt2").eval()


class Seen:
    """A stopping criterion and a streamer that note ids."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []

    def __call__(self, input_ids, scores, **_):
        self.ids += input_ids.tolist()
        return torch.zeros(len(input_ids), dtype=torch.bool)

    def put(self, value) -> None:
        self.ids.append(value.flatten().tolist())

    def end(self) -> None:
        self.ids.append([])


def generated(model, ids, **options):
    return model.generate(ids, attention_mask=torch.ones_like(ids), **OPTIONS, **options)


def test_callbacks_see_original_ids(model) -> None:
    """The oracle is the pruned model, whose callbacks see its own ids."""
    small, seen = pruned_by_hand(model).eval(), {}

    def run(some, ids, allowed, name):
        seen[name] = [Seen(), Seen(), Seen()]
        criteria, streamer, prefix = seen[name]

        def prefixed(batch, sequence):
            prefix.ids.append(sequence.tolist())
            return allowed

        options = {"stopping_criteria": transformers.StoppingCriteriaList([criteria]), "streamer": streamer}
        return generated(some, ids, prefix_allowed_tokens_fn=prefixed, **options)

    want = run(small, torch.from_numpy(NEW)[IDS], [20, 30, 40], "small")
    with prunus.fine_tuning(model, USED, mode="input+output"):
        got = run(model, IDS, USED[[20, 30, 40]].tolist(), "inside")
    assert torch.equal(got, KEPT[want])
    for mine, theirs in zip(seen["inside"], seen["small"], strict=True):
        assert mine.ids == [KEPT[ids].tolist() for ids in theirs.ids] != []


def test_a_config_whose_ids_mean_something_else_inside_is_refused(model) -> None:
    end = int(USED[30])
    with prunus.fine_tuning(model, USED, mode="input+output"):
        for config in (model.generation_config, copy.deepcopy(model.generation_config)):  # ids below 5 do not move
            generated(model, IDS, generation_config=config)
        config = transformers.GenerationConfig(eos_token_id=end)
        with pytest.raises(UsageError, match=f"eos_token_id={end}"):
            generated(model, IDS, generation_config=config)
        with pytest.raises(UsageError, match=f"eos_token_id={end}"):
            model.generate(IDS, config)


@pytest.mark.parametrize("name", ["assistant_model", "stop_strings", "custom_generate"])
def test_what_holds_ids_that_cannot_be_renumbered_is_refused(model, name: str) -> None:
    with prunus.fine_tuning(model, USED, mode="input+output"), pytest.raises(UsageError, match=name):
        model.generate(IDS, **{name: "anything"})


@pytest.mark.parametrize("part", ["embedding", "body", "forward"])
def test_ids_that_go_past_the_entry_are_refused(model, part: str) -> None:
    called = {"embedding": model.transformer.wte, "body": model.transformer, "forward": model.forward}[part]
    with prunus.fine_tuning(model, USED, mode="input+output"):
        with pytest.raises(UsageError, match=r"transformer\.wte\.weight was looked up"):
            called(IDS)
        with pytest.raises(IndexError):  # a forward pass that fails is over too
            model(IDS, position_ids=torch.full_like(IDS, 9999))
        with pytest.raises(UsageError, match=r"transformer\.wte\.weight was looked up"):
            called(IDS)
    called(IDS)


def test_a_copy_made_inside_generates_with_its_own_weights(model, tmp_path) -> None:
    with prunus.fine_tuning(model, USED, mode="input+output"):
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.transformer.h[0].mlp.c_fc.weight.mul_(-9)
        want = generated(copy.deepcopy(other), IDS)
        for parameter in model.parameters():
            parameter.data.mul_(0)
        assert torch.equal(generated(other, IDS), want)
        assert not torch.equal(generated(model, IDS), want)
        with pytest.raises(UsageError, match="a copy of the model"):
            other.save_pretrained(tmp_path)


def test_what_an_object_had_of_its_own_comes_back(model) -> None:
    own = model.generate
    model.generate = own
    with prunus.fine_tuning(model, USED, mode="input+output"):
        assert model.generate is not own
    assert model.generate is own
    assert same_bits(model.state_dict(), made("gpt2").state_dict()) == []
