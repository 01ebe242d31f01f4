"""The testing kit: its sweep and its comparison notice every kind of mistake; importing it pulls in nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from prunus import ModelFamily, Role, VocabTensor
from prunus.errors import FamilyError, UsageError
from prunus.remap import IdRemap
from prunus.testing import (
    TinyCheckpoint,
    build_checkpoint,
    check_declared,
    compare_models,
    reference_counts,
    task_classes,
    tiny_tokenizer,
    vocabulary_axes,
)

EMBEDDING = VocabTensor("*word_embeddings.weight", 0, Role.INPUT)
DECODER = VocabTensor("*decoder.weight", 0, Role.OUTPUT, optional=True)
BIASES = (
    VocabTensor("cls.predictions.bias", 0, Role.OUTPUT_BIAS, optional=True),
    VocabTensor("cls.predictions.decoder.bias", 0, Role.OUTPUT_BIAS, optional=True),
)
MOBILE = VocabTensor("cls.predictions.dense.weight", 1, Role.AUXILIARY, optional=True)
GOOD = ModelFamily(
    name="mobilebert", model_types=frozenset({"mobilebert"}), tensors=(EMBEDDING, DECODER, *BIASES, MOBILE)
)


def sweep(*tensors):
    return check_declared(replace(GOOD, tensors=tensors), "mobilebert", "MobileBertForMaskedLM")


def test_the_sweep_accepts_what_is_right():
    assert sweep(*GOOD.tensors) == ()


def test_the_sweep_sees_a_tensor_too_many():
    family = ModelFamily(
        name="gpt2",
        model_types=frozenset({"gpt2"}),
        tensors=(VocabTensor("*wte.weight", 0, Role.INPUT), VocabTensor("*wpe.weight", 0, Role.AUXILIARY)),
    )
    with pytest.raises(FamilyError, match=r"wpe\.weight"):
        check_declared(family, "gpt2", "GPT2Model")


@pytest.mark.parametrize("left_out", [DECODER, *BIASES, MOBILE], ids=lambda tensor: tensor.pattern)
def test_the_sweep_sees_a_missing_tensor(left_out):
    with pytest.raises(FamilyError, match="does not know it"):
        sweep(*(tensor for tensor in GOOD.tensors if tensor is not left_out))


def test_the_sweep_sees_a_wrong_axis():
    with pytest.raises(FamilyError, match=r"cls\.predictions\.dense\.weight"):
        sweep(EMBEDDING, DECODER, *BIASES, replace(MOBILE, axis=0))


def test_the_sweep_sees_what_a_family_hides():
    hiding = replace(GOOD, tensors=(EMBEDDING, DECODER, *BIASES), not_vocabulary=("*dense.weight",))
    wrong = check_declared(hiding, "mobilebert", "MobileBertForMaskedLM")
    assert "axis 1 depends on the vocabulary, the family says None" in wrong[0]


def test_task_classes_hold_more_than_the_auto_classes_know():
    assert {"GPT2Model", "GPT2LMHeadModel", "GPT2DoubleHeadsModel"} <= set(task_classes("gpt2"))
    with pytest.raises(FamilyError, match="knows no model type"):
        task_classes("no-such-type")


def test_axes_that_are_not_the_first():
    assert vocabulary_axes("MobileBertForMaskedLM", "mobilebert")["cls.predictions.dense.weight"] == 1


@pytest.mark.parametrize("kind", ["wordpiece", "byte-bpe", "unigram"])
def test_tiny_tokenizers_are_sound(kind):
    from tokenizers import Tokenizer

    tiny = tiny_tokenizer(kind)
    assert sorted(tiny.ids.values()) == list(range(tiny.size))
    assert 200 < tiny.size < 600
    tokenizer = Tokenizer.from_str(tiny.json)
    text = "the river of stone, and 3 bridges?"
    encoded = tokenizer.encode(text)
    assert tiny.special["unk"] not in encoded.ids
    assert len(encoded.ids) > 8
    assert tokenizer.decode(encoded.ids).replace(" ", "").strip() == text.replace(" ", "")


def test_there_are_three_kinds():
    with pytest.raises(UsageError, match="wordpiece, byte-bpe, unigram"):
        tiny_tokenizer("wordlevel")


def test_reference_counts_by_hand():
    tiny = tiny_tokenizer("unigram")
    counts = reference_counts(["the the", None, ("of", "the")], tiny.json)
    assert counts == {tiny.special["eos"]: 3, tiny.ids["▁the"]: 3, tiny.ids["▁of"]: 1}
    bare = reference_counts(["the the"], tiny.json.encode(), add_special_tokens=False)
    assert bare == {tiny.ids["▁the"]: 2}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A tiny BERT, and a function that prunes it the plain way and lets a test spoil the result."""
    import json
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("pair")
    tokenizer = tiny_tokenizer("wordpiece")
    build_checkpoint(TinyCheckpoint("bert", "BertForMaskedLM", tokenizer, tied=False), folder / "model")
    remap = IdRemap.of([*tokenizer.special.values(), *range(0, tokenizer.size, 3)])

    def prune(spoil):
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        config = json.loads((folder / "model" / "config.json").read_text())
        weights = load_file(folder / "model" / "model.safetensors")
        for name, tensor in weights.items():
            if tokenizer.size in tensor.shape:
                weights[name] = tensor[torch.tensor(remap.old_ids.tolist())]
        config.update(vocab_size=len(remap), pad_token_id=remap.new_of(config["pad_token_id"]))
        spoil(weights, config)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, out / "model.safetensors")
        (out / "config.json").write_text(json.dumps(config))
        return compare_models(folder / "model", out, "BertForMaskedLM", remap)

    return prune


def test_the_comparison_accepts_what_is_right(pair):
    found = pair(lambda weights, config: None)
    assert found.wrong == []
    assert found.looked > 40


HEAD = "cls.predictions.decoder.weight"
BIAS = "cls.predictions.decoder.bias"
TABLE = "bert.embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda w, c: w.update({TABLE: w[TABLE].roll(1, 0)}), f"{TABLE} is not the kept rows"),
        (lambda w, c: w.update({HEAD: w[TABLE].clone()}), f"{HEAD} is not the kept rows"),
        (lambda w, c: (w.pop(HEAD), c.update(tie_word_embeddings=True)), "head tied: False became True"),
        (
            lambda w, c: w.update({"bert.embeddings.LayerNorm.bias": w["bert.embeddings.LayerNorm.bias"] + 1e-7}),
            "is not",
        ),
        (
            lambda w, c: w.update({BIAS: w[BIAS].flip(0)}),
            "output.logits differs by",
        ),
        (lambda w, c: c.update(layer_norm_eps=1e-3), "output.hidden_states.0 differs by"),
        (lambda w, c: c.update(pad_token_id=3), "pad_token_id 0 became 3"),
        (lambda w, c: c.update(pad_token_id=3), "padding_idx 0 became 3"),
        (lambda w, c: w.update(extra=w[HEAD][:1].clone()), "tensor names differ"),
    ],
)
def test_the_comparison_sees_what_is_wrong(pair, spoil, said):
    assert said in "\n".join(pair(spoil).wrong)


def test_importing_the_kit_needs_neither_torch_nor_pytest():
    code = """
import sys
import prunus.testing
prunus.testing.reference_counts, prunus.testing.tiny_tokenizer, prunus.testing.FamilyContract
print(sorted({"torch", "transformers", "pytest", "tokenizers"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
