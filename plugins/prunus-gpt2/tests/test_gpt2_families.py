"""Every member of the GPT line against transformers: tensors, default ids, positions, and pruning on disk."""

from __future__ import annotations

from prunus_gpt2 import FAMILIES

from prunus.testing import FamilyContract


class TestGpt2(FamilyContract):
    model_type = "gpt2"
    tokenizer = "byte-bpe"


class TestGptSw3(FamilyContract):
    model_type = "gpt-sw3"
    tokenizer = "byte-bpe"
    pruned_classes = ("GPT2LMHeadModel",)


class TestGptNeo(FamilyContract):
    model_type = "gpt_neo"
    tokenizer = "byte-bpe"
    fields = {"attention_types": [[["global", "local"], 1]]}
    pruned_classes = ("GPTNeoForCausalLM", "GPTNeoForSequenceClassification")


class TestGptBigCode(FamilyContract):
    model_type = "gpt_bigcode"
    tokenizer = "byte-bpe"
    pruned_classes = ("GPTBigCodeForCausalLM",)


class TestGptJ(FamilyContract):
    model_type = "gptj"
    tokenizer = "byte-bpe"


class TestCodeGen(FamilyContract):
    model_type = "codegen"
    tokenizer = "byte-bpe"


class TestGptNeoX(FamilyContract):
    model_type = "gpt_neox"
    tokenizer = "byte-bpe"
    pruned_classes = ("GPTNeoXForCausalLM", "GPTNeoXForTokenClassification")


class TestOpenAIGpt(FamilyContract):
    model_type = "openai-gpt"
    tokenizer = "byte-bpe"


class TestCtrl(FamilyContract):
    model_type = "ctrl"
    tokenizer = "byte-bpe"
    pruned_classes = ("CTRLLMHeadModel",)


class TestBioGpt(FamilyContract):
    model_type = "biogpt"
    tokenizer = "byte-bpe"
    pruned_classes = ("BioGptForCausalLM",)


def test_every_claimed_model_type_is_checked() -> None:
    checked = {c.model_type for c in FamilyContract.__subclasses__() if c.__module__ == __name__}
    assert checked == {model_type for family in FAMILIES for model_type in family.model_types}
