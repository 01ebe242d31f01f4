"""`forecast`: its numbers are those of a live model and its optimizer."""

from __future__ import annotations

import json

import pytest

import prunus
from prunus.cli import main
from prunus.errors import SelectionError, UsageError

from .conftest import ROWS, USED, batches, torch, train, transformers
from .test_fifty_steps import LLAMA, build


@pytest.fixture
def saved(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def held(model, optimizer) -> int:
    """Bytes of weights, gradients and optimizer states of a live model."""
    states = [v for s in optimizer.state.values() for k, v in s.items() if k != "step"]
    parameters = list(model.parameters())
    return sum(t.nbytes for t in (*parameters, *(p.grad for p in parameters if p.grad is not None), *states))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd-momentum", "sgd"])
def test_the_forecast_is_what_training_holds(classifier, saved, optimizer: str) -> None:
    make = {
        "adamw": torch.optim.AdamW,
        "sgd": lambda p: torch.optim.SGD(p, 0.1),
        "sgd-momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    }[optimizer]
    found = {c.mode: c for c in prunus.forecast(saved, prunus.select(keep_ids=USED), optimizer=optimizer).cases}

    def measured() -> int:
        made = make(classifier.parameters())
        train(classifier, batches(1), made)
        classifier(**batches(1)[0]).loss.backward()
        return held(classifier, made)

    assert found["full"].training_bytes == measured()
    classifier.zero_grad()
    with prunus.fine_tuning(classifier, USED):
        assert found["input"].training_bytes == measured()
    assert found["lora"].trained < found["full"].trained


def test_an_untied_head_can_be_small_alone(tmp_path) -> None:
    model = build(LLAMA, "LlamaForCausalLM", untied=True)
    model.save_pretrained(tmp_path / "model")
    found = prunus.forecast(tmp_path / "model", prunus.select(keep_ids=USED))
    case = next(case for case in found.cases if case.mode == "output")
    with prunus.fine_tuning(model, USED, mode="output"):
        assert case.parameters == sum(p.numel() for p in model.parameters())
        logits = model(input_ids=torch.zeros((1, 1000), dtype=torch.int64)).logits
        assert found.kept_logit_bytes == logits.float().nbytes == found.to_dict()["kept_logit_bytes"]
    assert found.logit_bytes == found.kept_logit_bytes * ROWS // len(USED)


def test_a_tied_head_saves_nothing_in_mode_input_and_a_large_task_does_not_pay(tied, tmp_path, capsys) -> None:
    tied.save_pretrained(tmp_path / "model")
    every = ",".join(map(str, range(ROWS)))
    assert main(["forecast", str(tmp_path / "model"), "--keep-ids", every]) == 0
    assert "It does not pay: at most 0.0%" in capsys.readouterr().err
    assert main(["forecast", str(tmp_path / "model"), "--keep-ids", "5,6", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"] == ROWS
    assert shown["kept"] <= 8
    config = transformers.GPT2Config(vocab_size=ROWS, n_embd=8, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=2)
    model = transformers.GPT2LMHeadModel(config)
    state = {**model.state_dict(), "lm_head.weight": model.state_dict()["lm_head.weight"].clone()}
    from safetensors.torch import save_file

    model.save_pretrained(tmp_path / "gpt2")
    save_file(state, tmp_path / "gpt2" / "model.safetensors", {"format": "pt"})
    case = prunus.forecast(tmp_path / "gpt2", prunus.select(keep_ids=[5])).cases[1]
    assert (case.saved, case.note) == (0.0, "saves nothing: the head is tied")


def test_what_cannot_be_forecast_is_refused(saved) -> None:
    with pytest.raises(SelectionError, match="beyond"):
        prunus.forecast(saved, prunus.select(keep_ids=[ROWS]))
    with pytest.raises(UsageError, match="lion"):
        prunus.forecast(saved, prunus.select(keep_ids=[1]), optimizer="lion")
