"""Every member of the T5 line against transformers: tensors, default ids, positions, and pruning on disk."""

from __future__ import annotations

from prunus_t5 import FAMILIES

from prunus.testing import FamilyContract


class TestT5(FamilyContract):
    model_type = "t5"
    tokenizer = "unigram"


class TestMT5(FamilyContract):
    model_type = "mt5"
    tokenizer = "unigram"


class TestUMT5(FamilyContract):
    model_type = "umt5"
    tokenizer = "unigram"
    pruned_classes = ("UMT5ForConditionalGeneration", "UMT5EncoderModel")


class TestLongT5(FamilyContract):
    model_type = "longt5"
    tokenizer = "unigram"


class TestSwitchTransformers(FamilyContract):
    model_type = "switch_transformers"
    tokenizer = "unigram"
    pruned_classes = ("SwitchTransformersForConditionalGeneration",)


def test_every_claimed_model_type_is_checked() -> None:
    checked = {c.model_type for c in FamilyContract.__subclasses__() if c.__module__ == __name__}
    assert checked == {model_type for family in FAMILIES for model_type in family.model_types}
