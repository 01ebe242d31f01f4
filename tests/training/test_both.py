"""Mode `input+output`: bit-identical to training the permanently pruned model, made here by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import prunus
from prunus.errors import ConfigError, UnseenTokenError

from .conftest import ROWS, TINY, USED, same_bits, torch, transformers

T5 = {"vocab_size": ROWS, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
GPT2 = {"vocab_size": ROWS, "n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2}
CASES = {
    "bert": (transformers.BertForMaskedLM, transformers.BertConfig(**TINY)),
    "roberta": (transformers.RobertaForMaskedLM, transformers.RobertaConfig(**TINY)),
    "gpt2": (transformers.GPT2LMHeadModel, transformers.GPT2Config(**GPT2)),
    "t5": (transformers.T5ForConditionalGeneration, transformers.T5Config(**T5, decoder_start_token_id=0)),
    "t5-untied": (
        transformers.T5ForConditionalGeneration,
        transformers.T5Config(**T5, decoder_start_token_id=0, tie_word_embeddings=False),
    ),
}
NEW = np.full(ROWS, -1)
NEW[USED] = np.arange(len(USED))


def made(name: str):
    kind, config = CASES[name]
    torch.manual_seed(0)
    return kind(copy.deepcopy(config))


def pruned_by_hand(model):
    """A small model of the same class with the kept rows; ids below 5, which configs name, keep their value."""
    config = copy.deepcopy(model.config)
    config.vocab_size = len(USED)
    small = type(model)(config)
    kept = torch.from_numpy(USED)
    rows = {
        name: tensor.index_select(tuple(tensor.shape).index(ROWS), kept) if ROWS in tensor.shape else tensor
        for name, tensor in model.state_dict().items()
    }
    small.load_state_dict(rows)
    return small


def examples(steps: int = 6):
    rng = np.random.default_rng(4)
    for _ in range(steps):
        ids = torch.from_numpy(rng.choice(USED[5:], size=(3, int(rng.integers(3, 9)))))
        labels = ids.clone()
        labels[:, 0] = -100
        yield {"input_ids": ids, "labels": labels}


def renumbered(batch):
    def new(ids):
        return torch.where(ids < 0, ids, torch.from_numpy(NEW)[ids.clamp(0)])

    return {name: new(ids) for name, ids in batch.items()}


def run(model, data):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    torch.manual_seed(3)
    losses = []
    for batch in data:
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", CASES)
def test_training_is_that_of_the_pruned_model(name: str, tmp_path) -> None:
    """Traps 4.2 and 4.6: −100 stays, ties and configs come back."""
    model = made(name)
    model.save_pretrained(tmp_path / "before")  # which by itself notes dtype and class in the config
    small = pruned_by_hand(model)
    config, generation = model.config.to_dict(), copy.deepcopy(getattr(model, "generation_config", None))
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    ties = {n: model.state_dict()[n].data_ptr() for n in shapes}
    want = run(small, [renumbered(batch) for batch in examples()])
    with prunus.fine_tuning(model, USED, mode="input+output") as session:
        assert run(model, examples()) == want
        assert model.config.vocab_size == len(USED) == len(session.remap)
        model.save_pretrained(tmp_path / "inside")
    kept = torch.from_numpy(USED)
    after = model.state_dict()
    assert {n: tuple(t.shape) for n, t in after.items()} == shapes
    rows = {n: t.index_select(tuple(t.shape).index(ROWS), kept) if ROWS in t.shape else t for n, t in after.items()}
    assert same_bits(small.state_dict(), rows) == []
    assert model.config.to_dict() == config
    if generation is not None:
        assert model.generation_config.to_dict() == generation.to_dict()
    same = {n: after[n].data_ptr() for n in shapes}
    assert [(a, b) for a in same for b in same if (same[a] == same[b]) != (ties[a] == ties[b])] == []
    loaded = type(model).from_pretrained(tmp_path / "inside")
    assert loaded.config.vocab_size == ROWS
    assert same_bits(after, loaded.state_dict()) == []


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_generate_takes_and_returns_original_ids(name: str) -> None:
    """Trap 4.2: forced and forbidden ids are renumbered too."""
    model = made(name).eval()
    small = pruned_by_hand(model).eval()
    ids = torch.from_numpy(USED[8:12])[None]
    options = {"max_new_tokens": 5, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    bad = int(USED[20])
    want = small.generate(torch.from_numpy(NEW)[ids], bad_words_ids=[[20]], pad_token_id=0, **options)
    with prunus.fine_tuning(model, USED, mode="input+output"):
        got = model.generate(ids, bad_words_ids=[[bad]], pad_token_id=0, **options)
        named = model.generate(input_ids=ids, return_dict_in_generate=True, pad_token_id=0, **options).sequences
    assert torch.equal(got, torch.from_numpy(USED)[want])
    assert set(named.flatten().tolist()) <= set(USED.tolist())
    assert "generate" not in vars(model)


def test_what_is_not_kept_is_refused_at_the_entry() -> None:
    """Traps 4.2 and 4.7."""
    model = made("gpt2")
    missing = next(i for i in range(ROWS) if i not in set(USED.tolist()))
    batch = torch.tensor([[5, missing]])
    with prunus.fine_tuning(model, USED, mode="input+output"):
        with pytest.raises(UnseenTokenError, match=str(missing)):
            model(batch)
        with pytest.raises(UnseenTokenError, match=str(missing)):
            model(input_ids=torch.from_numpy(USED[:2])[None], labels=batch)
    with pytest.raises(ConfigError, match="eos_token_id"), prunus.fine_tuning(model, [0, 1], mode="input+output"):
        pass
    assert model.config.vocab_size == model.get_input_embeddings().weight.shape[0] == ROWS
