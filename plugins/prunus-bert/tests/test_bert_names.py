"""Names that published checkpoints use, and lengths that coincide."""

from __future__ import annotations

import pytest

from prunus.errors import FamilyError
from prunus.plugin.manager import family_for
from prunus.plugin.matching import match_tensors

BASE = {
    "bert.embeddings.word_embeddings.weight": (30522, 768),
    "bert.embeddings.position_embeddings.weight": (512, 768),
    "bert.embeddings.LayerNorm.gamma": (768,),
    "bert.encoder.layer.0.intermediate.dense.weight": (3072, 768),
    "bert.pooler.dense.weight": (768, 768),
}
HEAD = {
    "cls.predictions.bias": (30522,),
    "cls.predictions.decoder.weight": (30522, 768),
    "cls.predictions.transform.dense.weight": (768, 768),
    "cls.seq_relationship.weight": (2, 768),
}


def names(model_type, shapes):
    return {tensor.name for tensor in match_tensors(family_for(model_type), shapes)[0]}


def test_the_published_bert():
    expected = {"bert.embeddings.word_embeddings.weight", "cls.predictions.bias", "cls.predictions.decoder.weight"}
    assert names("bert", {**BASE, **HEAD}) == expected


def test_a_sentence_transformer_without_head_or_prefix():
    shapes = {name.removeprefix("bert."): shape for name, shape in BASE.items()}
    assert names("bert", shapes) == {"embeddings.word_embeddings.weight"}


@pytest.mark.parametrize("rows", [512, 768, 3072])
def test_a_vocabulary_as_long_as_something_else(rows):
    shapes = {**BASE, "bert.embeddings.word_embeddings.weight": (rows, 768)}
    assert names("bert", shapes) == {"bert.embeddings.word_embeddings.weight"}


def test_an_unknown_head_is_refused_by_name():
    with pytest.raises(FamilyError, match=r"splade\.bias"):
        names("bert", {**BASE, "splade.bias": (30522,)})


@pytest.mark.parametrize("stranger", ["encoder.cls.predictions.bias", "bert.encoder.token_bias.weight"])
def test_an_unknown_tensor_beside_the_layers_is_refused_by_name(stranger):
    with pytest.raises(FamilyError, match=stranger):
        names("bert", {**BASE, stranger: (30522,)})
