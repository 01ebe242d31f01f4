"""Mode `output`: an untied head over the kept tokens, inputs of any ids."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import prunus
from prunus.errors import LiveModelError, UnseenTokenError

from .conftest import ROWS, USED, same_bits, torch, train, twin
from .test_both import NEW
from .test_fifty_steps import BART, LLAMA, MT5, build

MODELS = {
    "llama": (LLAMA, "LlamaForCausalLM"),
    "mt5": (MT5, "MT5ForConditionalGeneration"),
    "bart": (BART, "BartForConditionalGeneration"),
}
KEPT = torch.from_numpy(USED)


@pytest.fixture(params=MODELS)
def untied(request):
    return build(*MODELS[request.param], untied=True)


def examples(model, steps: int = 6):
    """Inputs of all ids, labels of kept ones and −100."""
    rng = np.random.default_rng(11)
    for _ in range(steps):
        length = int(rng.integers(3, 9))
        ids = torch.from_numpy(rng.choice(np.arange(5, ROWS), size=(3, length)))
        labels = torch.from_numpy(rng.choice(USED[5:], size=(3, length)))
        labels[:, -1] = -100
        yield {"input_ids": ids, "labels": labels}


def small_head(model):
    """By hand: the same model with a head of the kept rows; it is given new labels, and decoder inputs of the old."""
    small = copy.deepcopy(model)
    head = small.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach()[KEPT].clone())
    if hasattr(small, "final_logits_bias"):
        small.final_logits_bias = small.final_logits_bias[:, KEPT].clone()
    small.config.vocab_size = len(USED)
    if hasattr(small, "vocab_size"):
        small.vocab_size = len(USED)
    return small


def renumbered(model, batch):
    labels = batch["labels"]
    new = torch.where(labels < 0, labels, torch.from_numpy(NEW)[labels.clamp(0)])
    made = {"input_ids": batch["input_ids"], "labels": new}
    if model.config.is_encoder_decoder:
        made["decoder_input_ids"] = model.prepare_decoder_input_ids_from_labels(labels=labels)
    return made


def run(model, data) -> list[float]:
    return train(model, data, torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1))


def test_training_is_that_of_a_model_with_a_small_head(untied) -> None:
    small = small_head(untied)
    want = run(small, [renumbered(untied, batch) for batch in examples(untied)])
    before, config = {n: t.clone() for n, t in untied.state_dict().items()}, untied.config.to_dict()
    with prunus.fine_tuning(untied, USED, mode="output"):
        assert run(untied, examples(untied)) == want
        assert untied.get_output_embeddings().weight.shape[0] == len(USED)
        assert untied.get_input_embeddings().weight.shape[0] == ROWS
        assert untied.config.to_dict() == config
        inside = {n: t.clone() for n, t in untied.state_dict().items()}
    after = untied.state_dict()
    assert same_bits(inside, after) == []
    assert untied.config.to_dict() == config
    heads = {n for n, t in before.items() if t.shape != small.state_dict()[n].shape}
    assert len(heads) == (2 if "final_logits_bias" in before else 1)
    for name, tensor in small.state_dict().items():
        axis = 1 if name == "final_logits_bias" else 0
        mine = after[name].index_select(axis, KEPT) if name in heads else after[name]
        assert torch.equal(mine, tensor), name
    head = untied.get_output_embeddings().weight.detach()
    dropped = np.setdiff1d(np.arange(ROWS), USED)
    old = next(before[n] for n in heads if n != "final_logits_bias")
    assert torch.allclose(head[dropped], old[dropped] * (1 - 1e-3) ** 6, rtol=1e-5)


def test_generation_takes_any_ids_and_gives_kept_ones(untied) -> None:
    untied.eval()
    prompt = torch.from_numpy(np.random.default_rng(2).choice(np.setdiff1d(np.arange(5, ROWS), USED), size=(2, 4)))
    options = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False, "num_beams": 1}
    never = np.setdiff1d(np.arange(ROWS), USED).tolist()
    want = twin(untied).generate(prompt, suppress_tokens=never, **options)
    with prunus.fine_tuning(untied, USED, mode="output"):
        got = untied.generate(prompt, **options)
        assert untied(input_ids=prompt, **_start(untied, prompt)).logits.shape[-1] == len(USED)
    assert torch.equal(got, want)
    assert "generate" not in vars(untied)


def _start(model, prompt) -> dict:
    return {"decoder_input_ids": prompt[:, :1]} if model.config.is_encoder_decoder else {}


def test_a_label_that_is_not_kept_is_an_error_and_the_config_is_whole(untied) -> None:
    config = untied.config.to_dict()
    dropped = int(np.setdiff1d(np.arange(ROWS), USED)[0])
    with prunus.fine_tuning(untied, USED, mode="output"):
        with pytest.raises(UnseenTokenError, match=f"token id {dropped}"):
            untied(input_ids=torch.tensor([[7, 8]]), labels=torch.tensor([[dropped, -100]]))
        with pytest.raises(IndexError):
            untied(input_ids=torch.tensor([[ROWS]]), **_start(untied, torch.tensor([[1]])))
        assert untied.config.to_dict() == config


def test_tied_and_headless_models_are_refused(tied, classifier) -> None:
    with pytest.raises(LiveModelError, match=r"is the head and the input table at once"):
        prunus.fine_tuning(tied, USED, mode="output").begin()
    with pytest.raises(LiveModelError, match="no output head"):
        prunus.fine_tuning(classifier, USED, mode="output").begin()


def test_only_kept_tokens_can_be_sampled(untied) -> None:
    prompt = torch.tensor([[7, 8, 9]] * 4)
    with prunus.fine_tuning(untied.eval(), USED, mode="output"):
        torch.manual_seed(0)
        got = untied.generate(prompt, do_sample=True, temperature=50.0, top_k=0, max_new_tokens=20)
    new = got[:, 0 if untied.config.is_encoder_decoder else 3 :]
    assert len(new.unique()) > 20
    assert set(new.unique().tolist()) <= set(USED.tolist())


def test_ids_in_the_config_stay_those_of_the_inputs() -> None:
    model, seen = build(*MODELS["llama"], untied=True), []
    model.model.register_forward_pre_hook(lambda *_: seen.append((model.config.vocab_size, model.config.eos_token_id)))
    with prunus.fine_tuning(model, [1, 2, 7], mode="output"):
        model(input_ids=torch.tensor([[7, 300]]))
    assert seen == [(3, 2)]
