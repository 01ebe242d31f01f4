"""All that a family's tests need: a model type."""

from prunus.testing import FamilyContract


class TestBloom(FamilyContract):
    model_type = "bloom"
    tokenizer = "byte-bpe"
