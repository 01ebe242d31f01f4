"""`prune_model` gives, in memory, what `from_pretrained` makes of the checkpoint that `prune` writes: bit for bit."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers import Tokenizer

import prunus
from prunus.errors import LiveModelError, SelectionError, VerificationError
from prunus.plugin.facts import shipped_facts
from prunus.testing.architecture_sweep import build_class, chosen_classes
from prunus.testing.checkpoints import TinyCheckpoint, build_checkpoint
from prunus.testing.tokenizers import tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("transformers.models.auto.tokenization_auto")  # asked in this process then, not in one of its own

TINY = tiny_tokenizer("wordpiece")
KEEP = range(0, TINY.size, 3)
# Ties of two and three names, positions counted from the pad id, an encoder with a config of its own, a bias
# `(1, rows)`, a text model inside another, a vocabulary on axis 1, hash routing, per-layer tables, several size fields.
TYPES = (
    "bert",
    "roberta",
    "t5",
    "gpt2",
    "llama",
    "bart",
    "distilbert",
    "llava",
    "mobilebert",
    "gemma3n_text",
    "marian",
)


def keep_of(directory: Path):
    return prunus.select(tokenizer=directory / "tokenizer.json", keep_ids=KEEP)


def tokenizer_of(directory: Path):
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


def bits(tensor):
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()


def plain(config) -> dict:
    return {name: repr(value) for name, value in config.to_dict().items() if name != "_name_or_path"}


def differences(one, other) -> list[str]:
    """Names of tensors, ties, config fields and plain attributes of modules in which two models differ."""
    mine, theirs = one.state_dict(), other.state_dict()
    found = [f"missing {name}" for name in mine.keys() ^ theirs.keys()]
    same = [name for name in mine.keys() & theirs.keys() if mine[name].dtype == theirs[name].dtype]
    found += [name for name in mine if name not in same]
    found += [n for n in same if mine[n].shape != theirs[n].shape or bits(mine[n]) != bits(theirs[n])]
    found += [f"tie of {a} and {b}" for a in same for b in same if tied(mine, a, b) != tied(theirs, a, b)]
    for name in ("config", "generation_config"):
        if getattr(one, name, None) is not None:
            a, b = plain(getattr(one, name)), plain(getattr(other, name))
            found += [f"{name}.{key}" for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
    modules = dict(other.named_modules())
    for name, module in one.named_modules():
        if isinstance(
            module, torch.nn.Embedding
        ):  # Marian's tied decoder says a size that is none of its weight, on disk
            found += [f"{name}.num_embeddings"] * (module.num_embeddings != module.weight.shape[0])
            found += [f"{name}.padding_idx"] * (module.padding_idx != modules[name].padding_idx)
            continue
        integers = {key: value for key, value in vars(module).items() if type(value) is int}
        found += [f"{name}.{key}" for key, value in integers.items() if vars(modules[name]).get(key) != value]
    return found


def tied(state, a: str, b: str) -> bool:
    return state[a].data_ptr() == state[b].data_ptr()


@pytest.mark.parametrize("model_type", TYPES)
def test_equals_the_checkpoint_pruned_on_disk(model_type: str, tmp_path: Path) -> None:
    facts = shipped_facts(model_type)
    assert facts is not None
    (name,) = chosen_classes(facts, every=False)
    kind, source = getattr(transformers, name), tmp_path / "model"
    build_class(model_type, name, facts, source)
    report = prunus.prune(source, keep_of(source), tmp_path / "small", forward=False, tokenizer_from="file")
    model = kind.from_pretrained(source)
    small = prunus.prune_model(model, tokenizer_of(source), keep_of(source))
    assert small.model is model
    assert differences(model, kind.from_pretrained(tmp_path / "small")) == []
    assert small.remap == report.plan.remap
    saved = [before - after for before, after in (small.plan.parameters, report.plan.parameters)]
    assert saved[0] == saved[1] > 0
    assert small.tokenizer.to_str() == tokenizer_of(tmp_path / "small").to_str()
    # Every text gives the same tokens, and the model the same outputs.
    assert {check.name: check.status for check in small.verification.checks if check.name != "tokenizer.rescan"} == (
        dict.fromkeys(("remap", "configs", "tokenizer.json", "tokenizer.load", "tokenizer.rows", "tensors"), "passed")
        | {"tokenizer.files": "skipped", "forward": small.verification["forward"].status}
    )


CHECKPOINTS = {
    "t5-untied": TinyCheckpoint("t5", "T5ForConditionalGeneration", TINY, tied=False, padding_rows=7),
    "bert-bf16": TinyCheckpoint("bert", "BertForMaskedLM", TINY, dtype="bfloat16"),
    "gpt2-fp16": TinyCheckpoint("gpt2", "GPT2LMHeadModel", TINY, dtype="float16"),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_untied_heads_padding_and_half_precision(name: str, tmp_path: Path) -> None:
    source = tmp_path / "model"
    kind = type(build_checkpoint(CHECKPOINTS[name], source))
    prunus.prune(
        source, keep_of(source), tmp_path / "small", forward=False, tokenizer_from="file", pad_to_multiple_of=16
    )
    model = kind.from_pretrained(source)
    small = prunus.prune_model(model, tokenizer_of(source), keep_of(source), pad_to_multiple_of=16)
    assert model.get_input_embeddings().weight.shape[0] % 16 == 0
    assert differences(model, kind.from_pretrained(tmp_path / "small")) == []
    assert small.verification["forward"].status == "passed"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("bert") / "model"
    build_checkpoint(TinyCheckpoint("bert", "BertForMaskedLM", TINY), source)
    return source


def loaded(source: Path):
    return transformers.BertForMaskedLM.from_pretrained(source)


def test_modules_hooks_and_requires_grad_survive(bert: Path) -> None:
    model = loaded(bert).train()
    table = model.bert.embeddings.word_embeddings
    weight, head, seen = table.weight, model.cls.predictions.decoder, []
    weight.requires_grad_(False)
    table.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    small = prunus.prune_model(model, tokenizer_of(bert), keep_of(bert), forward=False)
    assert table.weight is head.weight is weight
    assert not weight.requires_grad
    assert model.training
    assert seen == []
    rows = len(small.remap)
    assert (table.num_embeddings, head.out_features, head.bias.shape[0]) == (rows, rows, rows)
    ids = torch.tensor([small.tokenizer.encode("the river and the mountain").ids])
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    assert seen == [(1, ids.shape[1], 32)]
    assert head.bias.grad.shape == (rows,)


def test_a_gradient_keeps_the_kept_rows(bert: Path) -> None:
    model = loaded(bert)
    ids = torch.tensor([tokenizer_of(bert).encode("the river").ids])
    model(input_ids=ids, labels=ids).loss.backward()
    grad = model.cls.predictions.bias.grad.clone()
    small = prunus.prune_model(model, tokenizer_of(bert), keep_of(bert))
    kept = torch.from_numpy(small.remap.old_ids.astype(np.int64))
    assert torch.equal(model.cls.predictions.bias.grad, grad[kept])


def test_a_tie_made_through_data_stays_one(bert: Path) -> None:
    model = loaded(bert)
    decoder = model.cls.predictions.decoder
    decoder.weight = torch.nn.Parameter(decoder.weight.detach().clone())
    decoder.weight.data = model.bert.embeddings.word_embeddings.weight.data
    prunus.prune_model(model, tokenizer_of(bert), keep_of(bert))
    assert decoder.weight is not model.bert.embeddings.word_embeddings.weight
    assert decoder.weight.data_ptr() == model.bert.embeddings.word_embeddings.weight.data_ptr()


def test_on_the_meta_device_the_shapes_are_those_of_memory(bert: Path) -> None:
    real = loaded(bert)
    with torch.device("meta"):
        model = transformers.BertForMaskedLM(copy.deepcopy(real.config))
    small = prunus.prune_model(model, tokenizer_of(bert), keep_of(bert))
    prunus.prune_model(real, tokenizer_of(bert), keep_of(bert), forward=False)
    shapes = [{name: tensor.shape for name, tensor in m.state_dict().items()} for m in (model, real)]
    assert shapes[0] == shapes[1]
    assert all(tensor.is_meta for tensor in model.state_dict().values())
    assert small.verification["forward"].status == "skipped"


def test_rows_of_eight_bits_are_moved_as_they_are(bert: Path) -> None:
    model = loaded(bert)
    table = model.bert.embeddings.word_embeddings
    eight = torch.nn.Parameter(table.weight.detach().to(torch.float8_e4m3fn), requires_grad=False)
    table.weight = model.cls.predictions.decoder.weight = eight
    before = eight.detach().clone()
    small = prunus.prune_model(model, tokenizer_of(bert), keep_of(bert), forward=False)
    kept = torch.from_numpy(small.remap.old_ids.astype(np.int64))
    assert table.weight.dtype == torch.float8_e4m3fn
    assert torch.equal(table.weight.view(torch.uint8), before.view(torch.uint8)[kept])


def test_a_tokenizer_of_transformers_comes_back_as_its_class(bert: Path) -> None:
    template = "{% for m in messages %}the {{ m.content }}{% endfor %}"
    names = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_of(bert), chat_template=template, padding_side="left", **names
    )
    before = tokenizer.backend_tokenizer.to_str()
    texts = ["the river and the mountain", "a silver lantern in the garden"]
    small = prunus.prune_model(loaded(bert), tokenizer, prunus.scan(texts, tokenizer=tokenizer), corpus=texts)
    assert type(small.tokenizer) is type(tokenizer)
    assert small.tokenizer.get_chat_template() == template
    assert (small.tokenizer.padding_side, small.tokenizer.mask_token) == ("left", "[MASK]")
    for text in texts:
        old, new = (t(text)["input_ids"] for t in (tokenizer, small.tokenizer))
        assert [small.remap.old_of(i) for i in new] == old
    assert tokenizer.backend_tokenizer.to_str() == before
    assert small.verification["tokenizer.rescan"].status == "passed"


def test_the_class_of_an_encoder_with_its_own_config_follows(tmp_path: Path) -> None:
    """T5's stacks hold copies of the config; an id that a module copied out of it moves too."""
    model = build_checkpoint(TinyCheckpoint("t5", "T5ForConditionalGeneration", TINY), tmp_path / "model")
    small = prunus.prune_model(model, tokenizer_of(tmp_path / "model"), keep_of(tmp_path / "model"))
    assert model.encoder.config is not model.config
    assert model.encoder.config.vocab_size == model.config.vocab_size == len(small.remap)
    assert model.encoder.config.eos_token_id == small.remap.new_of(TINY.special["eos"])


def unchanged(model, source: Path) -> bool:
    return differences(model, loaded(source)) == []


def test_an_error_leaves_the_model_as_it_was(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(bert)
    with pytest.raises(SelectionError):
        prunus.prune_model(
            model, tokenizer_of(bert), prunus.select(tokenizer=tokenizer_of(bert), keep_ids=KEEP, drop_tokens=["[PAD]"])
        )
    model.cls.predictions.decoder.out_features = 5
    with pytest.raises(LiveModelError, match="out_features"):
        prunus.prune_model(model, tokenizer_of(bert), keep_of(bert))
    model.cls.predictions.decoder.out_features = TINY.size
    assert unchanged(model, bert)

    from prunus.live import tables

    put = tables.put

    def shifted(undo, table, data, ids):
        put(undo, table, data.roll(1, 0), ids)

    monkeypatch.setattr("prunus.live.model.put", shifted)
    with pytest.raises(VerificationError, match="forward"):
        prunus.prune_model(model, tokenizer_of(bert), keep_of(bert))
    assert unchanged(model, bert)


def test_what_cannot_be_swapped_is_refused(bert: Path) -> None:
    keep, tokenizer = keep_of(bert), tokenizer_of(bert)
    with pytest.raises(LiveModelError, match="DataParallel"):
        prunus.prune_model(torch.nn.DataParallel(loaded(bert)), tokenizer, keep)
    with pytest.raises(LiveModelError, match="no plain model of transformers"):
        prunus.prune_model(torch.nn.Embedding(5, 2), tokenizer, keep)
    model = loaded(bert)
    model.register_buffer(
        "front", model.bert.embeddings.word_embeddings.weight.detach()[: TINY.size // 2], persistent=False
    )
    with pytest.raises(LiveModelError, match="front shows part"):
        prunus.prune_model(model, tokenizer, keep)
    model = loaded(bert)

    class Packed(torch.nn.Parameter):
        pass

    model.bert.embeddings.word_embeddings.weight = Packed(model.bert.embeddings.word_embeddings.weight.detach())
    with pytest.raises(LiveModelError, match="Packed"):
        prunus.prune_model(model, tokenizer, keep)
    assert model.config.vocab_size == TINY.size
