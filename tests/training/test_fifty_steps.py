"""Fifty steps of every kind of model: losses, other weights, kept rows and, by replay, all rows as in full training.

Dropout, clipping, decay in one of two groups, a schedule, batches of varying length padded as they come. Traps 4.1
(un-padded data, pad id that is eos or any other), 4.2 (labels and decoder ids), 4.5 (bit for bit), 4.6 (whole after).
"""

from __future__ import annotations

import numpy as np
import pytest

import prunus

from .conftest import ROWS, USED, same_bits, torch, transformers, twin

SIZE = {
    "vocab_size": ROWS,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
SIZE_T5 = {"vocab_size": ROWS, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
SIZE_BART = {
    "vocab_size": ROWS, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
BERT = ("BertConfig", SIZE)
ROBERTA = ("RobertaConfig", SIZE | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2})
XLMR = ("XLMRobertaConfig", ROBERTA[1])
MODERNBERT = (
    "ModernBertConfig",
    SIZE
    | {
        "pad_token_id": 3,
        "cls_token_id": 1,
        "sep_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "global_attn_every_n_layers": 1,
    },
)
GPT2 = (
    "GPT2Config",
    {
        "vocab_size": ROWS,
        "n_embd": 16,
        "n_layer": 1,
        "n_head": 2,
        "bos_token_id": 2,
        "eos_token_id": 2,
        "pad_token_id": 2,
    },
)
LLAMA = (
    "LlamaConfig",
    SIZE
    | {"num_key_value_heads": 1, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "attention_dropout": 0.1},
)
T5 = (
    "T5Config",
    SIZE_T5 | {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "feed_forward_proj": "gated-gelu"},
)
MT5 = ("MT5Config", T5[1])
BART = (
    "BartConfig",
    SIZE_BART
    | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2},
)
MARIAN = (
    "MarianConfig",
    SIZE_BART | {"pad_token_id": 4, "eos_token_id": 0, "decoder_start_token_id": 4, "forced_eos_token_id": 0},
)
TASKS = {"classifier": "SequenceClassification", "tagger": "TokenClassification", "qa": "QuestionAnswering"}
BODIES = {"bert": BERT, "roberta": ROBERTA, "xlmr": XLMR, "modernbert": MODERNBERT, "gpt2": GPT2, "llama": LLAMA}
# Name: config, class, what the labels are, whether the head is to be untied.
INPUT = {
    f"{name}-{task}": (config, f"{config[0].removesuffix('Config')}For{end}", task, False)
    for name, config in BODIES.items()
    for task, end in TASKS.items()
} | {
    "t5-untied": (T5, "T5ForConditionalGeneration", "seq2seq", True),
    "mt5-untied": (MT5, "MT5ForConditionalGeneration", "seq2seq", True),
    "llama-untied": (LLAMA, "LlamaForCausalLM", "lm", True),
    "bart-classifier": (BART, "BartForSequenceClassification", "classifier", False),
}
BOTH = {
    "bert": (BERT, "BertForMaskedLM", "lm"),
    "roberta": (ROBERTA, "RobertaForMaskedLM", "lm"),
    "xlmr": (XLMR, "XLMRobertaForMaskedLM", "lm"),
    "modernbert": (MODERNBERT, "ModernBertForMaskedLM", "lm"),
    "gpt2": (GPT2, "GPT2LMHeadModel", "lm"),
    "llama": (LLAMA, "LlamaForCausalLM", "lm"),
    "t5": (T5, "T5ForConditionalGeneration", "seq2seq"),
    "bart": (BART, "BartForConditionalGeneration", "seq2seq"),
    "marian": (MARIAN, "MarianMTModel", "seq2seq"),
}
NEW = np.full(ROWS, -1)
NEW[USED] = np.arange(len(USED))


def build(config, kind: str, untied: bool = False, rows: int = ROWS):
    name, fields = config
    torch.manual_seed(0)
    model = getattr(transformers, kind)(
        getattr(transformers, name)(**fields | {"vocab_size": rows}, tie_word_embeddings=not untied)
    )
    head = model.get_output_embeddings() if untied else None
    if (
        head is not None and head.weight is model.get_input_embeddings().weight
    ):  # transformers 5 ties the T5 family, whatever the flag says
        head.weight = torch.nn.Parameter(torch.randn_like(head.weight))
    return model


def examples(task: str, pad: int, steps: int):
    """Batches of original ids: rows of varying length, padded to the longest of their batch on the right."""
    rng = np.random.default_rng(7)
    for _ in range(steps):
        lengths = rng.integers(3, 14, size=3)
        ids = torch.from_numpy(rng.choice(USED[5:], size=(3, int(lengths.max()))))
        real = torch.arange(ids.shape[1]) < torch.from_numpy(lengths)[:, None]
        ids[:, 0], ids[torch.arange(3), torch.from_numpy(lengths) - 1] = 2, 2  # BART pools at eos
        ids = ids.masked_fill(~real, pad)
        if task == "classifier":
            labels = {"labels": torch.from_numpy(rng.integers(0, 2, size=3))}
        elif task == "tagger":
            labels = {"labels": torch.from_numpy(rng.integers(0, 2, size=ids.shape)).masked_fill(~real, -100)}
        elif task == "qa":
            labels = {
                name: torch.from_numpy(rng.integers(0, 3, size=3)) for name in ("start_positions", "end_positions")
            }
        elif task == "lm":
            labels = {"labels": ids.masked_fill(~real, -100)}
        else:
            labels = {"labels": torch.from_numpy(rng.choice(USED[5:], size=(3, 5)))}
            labels["labels"][0, -1] = -100
        yield {"input_ids": ids, "attention_mask": real.long(), **labels}


def optimizer_of(model):
    groups = [[p for p in model.parameters() if (p.dim() > 1) == matrix] for matrix in (True, False)]
    return torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": 0.05}, {"params": groups[1], "weight_decay": 0.0}], 3e-3
    )


def train(model, optimizer, data, start: int = 0, accumulate: int = 1, autocast: bool = False) -> list[float]:
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - (start + step) / 200)
    torch.manual_seed(start)
    model.train()
    losses = []
    for number, batch in enumerate(data):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = model(**batch).loss
        (loss / accumulate).backward()
        losses.append(loss.item())
        if (number + 1) % accumulate == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return losses


def resumed(model, optimizer, blank):
    """Another model object and a new optimizer, loaded from the checkpoint of these."""
    saved = twin({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    blank.load_state_dict(saved["model"])
    other = optimizer_of(blank)
    other.load_state_dict(saved["optimizer"])
    return blank, other


@pytest.mark.parametrize("name", INPUT)
def test_input(name: str) -> None:
    config, kind, task, untied = INPUT[name]
    full = build(config, kind, untied)
    tuned = twin(full)
    data = list(examples(task, full.config.pad_token_id, 50))
    want = train(full, optimizer_of(full), data)
    with prunus.fine_tuning(tuned, USED):
        optimizer = optimizer_of(tuned)
        assert train(tuned, optimizer, data) == want
        assert optimizer.state[tuned.get_input_embeddings().weight]["exp_avg"].shape[0] == len(USED)
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
    assert tuned.config.to_dict() == full.config.to_dict()
    assert len(set(want)) > 45


@pytest.mark.parametrize("name", ["bert-tagger", "llama-untied", "t5-untied", "bart-classifier"])
def test_input_with_accumulation_in_bfloat16_and_resumed_in_the_middle(name: str) -> None:
    config, kind, task, untied = INPUT[name]
    full = build(config, kind, untied)
    tuned, blank = twin(full), build(config, kind, untied)
    torch.nn.init.zeros_(blank.get_input_embeddings().weight)
    data = list(examples(task, full.config.pad_token_id, 52))
    ways = {"accumulate": 2, "autocast": True}
    optimizer = optimizer_of(full)
    want = train(full, optimizer, data[:26], **ways), train(full, optimizer, data[26:], start=13, **ways)
    with prunus.fine_tuning(tuned, USED), prunus.fine_tuning(blank, USED):
        optimizer = optimizer_of(tuned)
        first = train(tuned, optimizer, data[:26], **ways)
        other, optimizer = resumed(tuned, optimizer, blank)
        assert (first, train(other, optimizer, data[26:], start=13, **ways)) == want
    assert same_bits(full.state_dict(), blank.state_dict()) == []


def pruned_by_hand(model, config, kind: str):
    """A small model of the same class with the kept rows; ids below 5, which configs name, keep their value."""
    small = build(config, kind, rows=len(USED))
    small.load_state_dict(rows_of(model))
    return small


def rows_of(model) -> dict:
    kept = torch.from_numpy(USED)
    state = model.state_dict()
    return {n: t.index_select(tuple(t.shape).index(ROWS), kept) if ROWS in t.shape else t for n, t in state.items()}


def renumbered(batch: dict) -> dict:
    new = torch.from_numpy(NEW)
    ids = {name: batch[name] for name in ("input_ids", "labels")}
    return batch | {name: torch.where(value < 0, value, new[value.clamp(0)]) for name, value in ids.items()}


@pytest.mark.parametrize("name", BOTH)
def test_input_and_output_is_training_the_pruned_model(name: str) -> None:
    config, kind, task = BOTH[name]
    tuned = build(config, kind)
    small, before = pruned_by_hand(tuned, config, kind), tuned.config.to_dict()
    data = list(examples(task, tuned.config.pad_token_id, 50))
    want = train(small, optimizer_of(small), [renumbered(batch) for batch in data])
    with prunus.fine_tuning(tuned, USED, mode="input+output"):
        assert train(tuned, optimizer_of(tuned), data) == want
    assert same_bits(small.state_dict(), rows_of(tuned)) == []
    assert tuned.config.to_dict() == before
    assert len(set(want)) > 45
