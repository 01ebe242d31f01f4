"""Every member of the BERT line against transformers: tensors, default ids, positions, and pruning on disk."""

from __future__ import annotations

from importlib.metadata import version

from prunus_bert import FAMILIES

from prunus.testing import FamilyContract, check_declared

# Model types that transformers 4.x does not know.
IN_FIVE = int(version("transformers").split(".")[0]) >= 5


class TestBert(FamilyContract):
    model_type = "bert"


class TestDistilBert(FamilyContract):
    model_type = "distilbert"


class TestElectra(FamilyContract):
    model_type = "electra"


class TestMobileBert(FamilyContract):
    model_type = "mobilebert"
    fields = {"true_hidden_size": 32, "intra_bottleneck_size": 32}


class TestAlbert(FamilyContract):
    model_type = "albert"
    pruned_classes = ("AlbertForMaskedLM", "AlbertForQuestionAnswering")


class TestBertGeneration(FamilyContract):
    model_type = "bert-generation"


class TestBigBird(FamilyContract):
    model_type = "big_bird"
    pruned_classes = ("BigBirdForMaskedLM", "BigBirdForQuestionAnswering")


class TestBros(FamilyContract):
    model_type = "bros"
    fields = {"hidden_size": 64}
    pruned_classes = ("BrosModel",)


class TestConvBert(FamilyContract):
    model_type = "convbert"
    pruned_classes = ("ConvBertForMaskedLM",)


class TestDeberta(FamilyContract):
    model_type = "deberta"
    pruned_classes = ("DebertaForMaskedLM",)


class TestDebertaV2(FamilyContract):
    model_type = "deberta-v2"
    pruned_classes = ("DebertaV2ForMaskedLM", "DebertaV2ForSequenceClassification")


class TestErnie(FamilyContract):
    model_type = "ernie"
    pruned_classes = ("ErnieForMaskedLM",)


class TestFNet(FamilyContract):
    model_type = "fnet"
    pruned_classes = ("FNetForMaskedLM",)


class TestFunnel(FamilyContract):
    model_type = "funnel"
    fields = {"block_sizes": [1, 1], "d_inner": 64}
    pruned_classes = ("FunnelForMaskedLM", "FunnelBaseModel")


class TestLayoutLM(FamilyContract):
    model_type = "layoutlm"
    pruned_classes = ("LayoutLMForMaskedLM",)


class TestLxmert(FamilyContract):
    model_type = "lxmert"
    fields = {"l_layers": 1, "x_layers": 1, "r_layers": 1, "visual_feat_dim": 16}
    pruned_classes = ("LxmertForPreTraining",)


class TestMegatronBert(FamilyContract):
    model_type = "megatron-bert"
    pruned_classes = ("MegatronBertForMaskedLM",)


class TestModernBert(FamilyContract):
    model_type = "modernbert"
    pruned_classes = ("ModernBertForMaskedLM", "ModernBertForSequenceClassification")


class TestMra(FamilyContract):
    model_type = "mra"
    pruned_classes = ("MraForMaskedLM",)


class TestNomicBert(FamilyContract):
    __test__ = IN_FIVE
    model_type = "nomic_bert"
    pruned_classes = ("NomicBertForMaskedLM",)


class TestNystromformer(FamilyContract):
    model_type = "nystromformer"
    fields = {"num_landmarks": 4, "segment_means_seq_len": 4}
    pruned_classes = ("NystromformerForMaskedLM",)


class TestRemBert(FamilyContract):
    model_type = "rembert"
    fields = {"input_embedding_size": 16, "output_embedding_size": 24}
    pruned_classes = ("RemBertForMaskedLM",)


class TestRoFormer(FamilyContract):
    model_type = "roformer"
    pruned_classes = ("RoFormerForMaskedLM",)


class TestSplinter(FamilyContract):
    model_type = "splinter"
    pruned_classes = ("SplinterForQuestionAnswering",)


class TestSqueezeBert(FamilyContract):
    model_type = "squeezebert"
    fields = {"embedding_size": 32}
    pruned_classes = ("SqueezeBertForMaskedLM",)


class TestTapas(FamilyContract):
    model_type = "tapas"
    pruned_classes = ("TapasForMaskedLM",)


class TestVisualBert(FamilyContract):
    model_type = "visual_bert"
    pruned_classes = ("VisualBertForPreTraining",)


class TestYoso(FamilyContract):
    model_type = "yoso"
    pruned_classes = ("YosoForMaskedLM",)


def test_every_claimed_model_type_is_checked() -> None:
    checked = {c.model_type for c in FamilyContract.__subclasses__() if c.__module__ == __name__}
    assert checked == {model_type for family in FAMILIES for model_type in family.model_types}


def test_deberta_head_without_its_legacy_form() -> None:
    (family,) = (family for family in FAMILIES if "deberta-v2" in family.model_types)
    for name in ("deberta", "deberta-v2"):
        class_name = {"deberta": "DebertaForMaskedLM", "deberta-v2": "DebertaV2ForMaskedLM"}[name]
        assert not check_declared(family, name, class_name, {"legacy": False})
