"""What `auto` says of checkpoints, by shipped facts: names, axes, roles, several vocabularies, and every refusal."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from prunus.errors import FamilyError
from prunus.plugin.auto import auto_family
from prunus.plugin.family import ModelFamily, Role, VocabTensor
from prunus.plugin.matching import match_tensors
from prunus.plugin.serving import cross_check, family_of

ROWS = 4000
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": ROWS}
SHAPES = {
    "model.embed_tokens.weight": (ROWS, 8),
    "model.layers.0.mlp.up_proj.weight": (16, 8),
    "model.norm.weight": (8,),
    "lm_head.weight": (ROWS, 8),
}


@pytest.fixture(autouse=True)
def no_probe(monkeypatch):
    """Shipped facts must be enough here: asking transformers takes seconds."""
    monkeypatch.setattr("prunus.plugin.auto.probe", lambda *_: None)


def axes(config, shapes, tokens=ROWS):
    return {t.name: t.axis for t in match_tensors(auto_family(config, shapes, tokens), shapes)[0]}


def test_names_axes_and_roles():
    family = auto_family(LLAMA, SHAPES, ROWS - 10)
    assert family.name == "auto"
    assert {t.pattern: t.role for t in family.tensors} == {
        "model.embed_tokens.weight": Role.INPUT,
        "lm_head.weight": Role.OUTPUT,
    }
    assert family.size_fields == ("vocab_size",)
    assert ("bos_token_id", 1) in {(field.path, field.default) for field in family.id_fields}


def test_a_tied_head_may_be_absent_and_the_prefix_may_be_another():
    """A checkpoint saved by a wrapper carries the wrapper's prefix."""
    shapes = {f"wrapped.{name}": shape for name, shape in SHAPES.items() if name != "lm_head.weight"}
    assert axes(LLAMA, shapes) == {"wrapped.model.embed_tokens.weight": 0}


def test_vocabulary_on_another_axis_and_an_integer_copy():
    """traps.md section 3, item 8: MobileBERT's dense matrix; peers.md section 2.3: I-BERT's integer copy."""
    mobile = {"model_type": "mobilebert", "architectures": ["MobileBertForMaskedLM"], "vocab_size": ROWS}
    shapes = {
        "mobilebert.embeddings.word_embeddings.weight": (ROWS, 8),
        "cls.predictions.dense.weight": (16, ROWS),
        "cls.predictions.bias": (ROWS,),
    }
    assert axes(mobile, shapes)["cls.predictions.dense.weight"] == 1
    ibert = {"model_type": "ibert", "architectures": ["IBertModel"], "vocab_size": ROWS}
    shapes = {
        "embeddings.word_embeddings.weight": (ROWS, 8),
        "embeddings.word_embeddings.weight_integer": (ROWS, 8),
    }
    assert axes(ibert, shapes) == dict.fromkeys(shapes, 0)
    assert auto_family(ibert, shapes, ROWS).pinned_fields == ("pad_token_id",)


def test_final_logits_bias_and_hash_routing():
    """traps.md section 3, items 3 and 8: a bias `(1, rows)`; a table from token id to expert, one for each layer."""
    bart = {"model_type": "bart", "architectures": ["BartForConditionalGeneration"], "vocab_size": ROWS}
    assert axes(bart, {"model.shared.weight": (ROWS, 8), "final_logits_bias": (1, ROWS)}) == {
        "model.shared.weight": 0,
        "final_logits_bias": 1,
    }
    deepseek = {"model_type": "deepseek_v4", "architectures": ["DeepseekV4ForCausalLM"], "vocab_size": ROWS}
    shapes = {"model.embed_tokens.weight": (ROWS, 8), "model.layers.2.mlp.gate.tid2eid": (ROWS, 6)}
    assert axes(deepseek, shapes) == dict.fromkeys(shapes, 0)


def test_per_layer_tables_have_their_own_size():
    """traps.md section 3, item 6: Gemma 3n's `vocab_size_per_layer_input`."""
    config = {"model_type": "gemma3n_text", "architectures": ["Gemma3nForCausalLM"], "vocab_size": ROWS}
    config["vocab_size_per_layer_input"] = ROWS - 256
    shapes = {"model.embed_tokens.weight": (ROWS, 8), "model.embed_tokens_per_layer.weight": (ROWS - 256, 16)}
    family = auto_family(config, shapes, ROWS)
    assert family.partial_size_fields == ("vocab_size_per_layer_input",)
    assert {t.name: t.partial for t in match_tensors(family, shapes)[0]} == dict(
        zip(shapes, (False, True), strict=True)
    )


def test_a_second_vocabulary_stays_whole():
    """peers.md section 2.3: LUKE's entities are no tokens."""
    config = {"model_type": "luke", "architectures": ["LukeModel"], "vocab_size": ROWS, "entity_vocab_size": 5000}
    shapes = {
        "embeddings.word_embeddings.weight": (ROWS, 8),
        "entity_embeddings.entity_embeddings.weight": (5000, 8),
    }
    assert axes(config, shapes) == {"embeddings.word_embeddings.weight": 0}


def test_a_text_model_inside_another():
    config = {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "image_token_index": 32}
    config["text_config"] = {"model_type": "llama", "vocab_size": ROWS}
    shapes = {"model.language_model.embed_tokens.weight": (ROWS, 8), "lm_head.weight": (ROWS, 8)}
    family = auto_family(config, shapes, ROWS)
    assert family.size_fields == ("text_config.vocab_size",)
    older = {"language_model.model.embed_tokens.weight": (ROWS, 8), "language_model.lm_head.weight": (ROWS, 8)}
    assert axes(config, older) == dict.fromkeys(older, 0)


def test_what_is_as_long_by_coincidence_is_no_stranger_if_the_architecture_knows_it():
    shapes = SHAPES | {"model.layers.1.mlp.up_proj.weight": (ROWS, 8)}
    assert set(axes(LLAMA, shapes)) == {"model.embed_tokens.weight", "lm_head.weight"}


MANY = {"model_type": "marian", "architectures": ["MarianMTModel"], "vocab_size": 90, "decoder_vocab_size": 80}
REFUSED = [
    (LLAMA, SHAPES | {"model.mtp.shared_head.head.weight": (ROWS, 8)}, "model.mtp.shared_head.head.weight"),
    (LLAMA, SHAPES | {"model.embed_tokens.weight_scale": (ROWS, 1)}, "model.embed_tokens is quantised"),
    (LLAMA, SHAPES | {"lm_head.weight.absmax": (10,)}, "lm_head is quantised"),
    (LLAMA, {"model.embed_tokens.qweight": (ROWS, 1), "model.norm.weight": (8,)}, "is quantised"),
    (LLAMA, SHAPES | {"d2t": (100,)}, "d2t belongs to a draft head"),
    (LLAMA, {"model.norm.weight": (8,)}, "none of the tensors"),
    (LLAMA, SHAPES | {"lm_head.weight": (ROWS + 1, 8)}, "both have the rows of vocab_size"),
    ({"model_type": "nobody", "architectures": ["NobodyModel"]}, SHAPES, "NobodyModel of model type 'nobody'"),
    ({"model_type": "vit", "architectures": ["ViTModel"]}, {"pooler.weight": (8, 8)}, "nothing in ViTModel"),
    ({"model_type": "canine", "architectures": ["CanineModel"]}, {"pooler.weight": (8, 8)}, "nothing in CanineModel"),
    ({"model_type": "blt", "architectures": ["BltModel"]}, {}, "in a way of its own"),
    (
        {"model_type": "cpmant", "architectures": ["CpmAntModel"], "vocab_size": ROWS},
        {"input_embedding.weight": (ROWS + 1024, 8)},
        "+1024 rows beside vocab_size",
    ),
    (
        {"model_type": "musicgen", "architectures": ["MusicgenForConditionalGeneration"]},
        {"text_encoder.shared.weight": (ROWS, 8), "decoder.model.decoder.embed_tokens.0.weight": (2049, 8)},
        "2049|generates tokens of another vocabulary",
    ),
    (
        {"model_type": "fsmt", "architectures": ["FSMTModel"], "src_vocab_size": 4000, "tgt_vocab_size": 5000},
        {"encoder.embed_tokens.weight": (4000, 8), "decoder.embed_tokens.weight": (5000, 8)},
        "several vocabularies",
    ),
]


@pytest.mark.parametrize(("config", "shapes", "said"), REFUSED, ids=[case[2][:30] for case in REFUSED])
def test_refusals_name_what_is_wrong(config, shapes, said):
    """traps.md section 3, items 8 and 9; peers.md section 2.3: a wrong guess corrupts a model without an error."""
    with pytest.raises(FamilyError) as caught:
        auto_family(config, shapes, ROWS)
    assert any(part in str(caught.value) for part in said.split("|")), str(caught.value)


def test_a_family_that_contradicts_the_architecture_is_refused():
    good = ModelFamily(
        name="mine",
        model_types=frozenset({"mobilebert"}),
        tensors=(
            VocabTensor("*word_embeddings.weight", 0, Role.INPUT),
            VocabTensor("cls.predictions.dense.weight", 1, Role.AUXILIARY, optional=True),
        ),
    )
    config = {"model_type": "mobilebert", "architectures": ["MobileBertForMaskedLM"], "vocab_size": ROWS}
    shapes = {"mobilebert.embeddings.word_embeddings.weight": (ROWS, 8), "cls.predictions.dense.weight": (ROWS, ROWS)}
    cross_check(good, config, shapes)
    blind = ModelFamily(name="mine", model_types=good.model_types, tensors=good.tensors[:1], not_vocabulary=("cls.*",))
    with pytest.raises(FamilyError, match=r"tensor cls\.predictions\.dense\.weight .* family 'mine'"):
        cross_check(blind, config, shapes)


def test_a_plugin_wins_over_auto():
    config = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": ROWS}
    shapes = {"embeddings.word_embeddings.weight": (ROWS, 8)}
    assert family_of(config, shapes, ROWS).name == "bert"
    assert auto_family(config, shapes, ROWS).name == "auto"


def test_neither_torch_nor_transformers_is_imported():
    code = (
        "import json, sys; from prunus.plugin.serving import family_of\n"
        "config, shapes = json.loads(sys.argv[1]); family_of(config, shapes, 4000)\n"
        "print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([LLAMA, SHAPES])], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_plugin_agrees_with_auto_on_every_class():
    from prunus.plugin.facts import shipped_facts
    from prunus.plugin.manager import families

    looked = 0
    for family in families():
        for model_type in sorted(family.model_types):
            facts = shipped_facts(model_type)
            for architecture, tensors in facts.tensors.items() if facts else ():
                own = {name: i for name, i in tensors.items() if i.field == "vocab_size"}
                shapes = {n.replace("*", "0"): (1,) * i.axis + (ROWS,) + (8,) * (1 - i.axis) for n, i in own.items()}
                if shapes:
                    cross_check(family, {"model_type": model_type, "architectures": [architecture]}, shapes)
                    looked += 1
    assert looked > 100
