"""Every member of the RoBERTa line against transformers: tensors, default ids, positions, and pruning on disk."""

from __future__ import annotations

from importlib.metadata import version

from prunus_roberta import FAMILIES

from prunus.testing import FamilyContract

# Model types that transformers 4.x does not know.
IN_FIVE = int(version("transformers").split(".")[0]) >= 5


class TestRoberta(FamilyContract):
    model_type = "roberta"
    tokenizer = "byte-bpe"


class TestXlmRoberta(FamilyContract):
    model_type = "xlm-roberta"
    tokenizer = "byte-bpe"


class TestCamembert(FamilyContract):
    model_type = "camembert"
    tokenizer = "byte-bpe"
    pruned_classes = ("CamembertForMaskedLM", "CamembertForCausalLM", "CamembertForTokenClassification")


class TestXlmRobertaXl(FamilyContract):
    model_type = "xlm-roberta-xl"
    tokenizer = "byte-bpe"
    pruned_classes = ("XLMRobertaXLForMaskedLM",)


class TestRobertaPreLayerNorm(FamilyContract):
    model_type = "roberta-prelayernorm"
    tokenizer = "byte-bpe"
    pruned_classes = ("RobertaPreLayerNormForMaskedLM",)


class TestXmod(FamilyContract):
    model_type = "xmod"
    tokenizer = "byte-bpe"
    fields = {"languages": ["en_XX"], "default_language": "en_XX"}
    pruned_classes = ("XmodForMaskedLM",)


class TestData2VecText(FamilyContract):
    model_type = "data2vec-text"
    tokenizer = "byte-bpe"
    pruned_classes = ("Data2VecTextForMaskedLM",)


class TestLongformer(FamilyContract):
    model_type = "longformer"
    tokenizer = "byte-bpe"
    fields = {"attention_window": [4, 4]}
    pruned_classes = ("LongformerForMaskedLM", "LongformerForQuestionAnswering")


class TestMpnet(FamilyContract):
    model_type = "mpnet"
    tokenizer = "byte-bpe"


class TestLayoutLMv3(FamilyContract):
    model_type = "layoutlmv3"
    tokenizer = "byte-bpe"
    fields = {"visual_embed": False, "coordinate_size": 4, "shape_size": 8}
    pruned_classes = ("LayoutLMv3ForTokenClassification",)


class TestMarkupLM(FamilyContract):
    model_type = "markuplm"
    tokenizer = "byte-bpe"
    pruned_classes = ("MarkupLMForTokenClassification",)


class TestLilt(FamilyContract):
    model_type = "lilt"
    tokenizer = "byte-bpe"
    fields = {"hidden_size": 48}
    pruned_classes = ("LiltForTokenClassification",)


class TestJinaEmbeddingsV3(FamilyContract):
    __test__ = IN_FIVE
    model_type = "jina_embeddings_v3"
    tokenizer = "byte-bpe"
    pruned_classes = ("JinaEmbeddingsV3ForMaskedLM",)


class TestGte(FamilyContract):
    __test__ = IN_FIVE
    model_type = "gte"
    tokenizer = "byte-bpe"
    pruned_classes = ("GteForMaskedLM",)


def test_every_claimed_model_type_is_checked() -> None:
    checked = {c.model_type for c in FamilyContract.__subclasses__() if c.__module__ == __name__}
    assert checked == {model_type for family in FAMILIES for model_type in family.model_types}
