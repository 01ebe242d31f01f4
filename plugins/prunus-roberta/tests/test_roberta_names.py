"""Names that published checkpoints use, and MPNet's fixed position rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from prunus_roberta import prunus_protected_ids

from prunus import ProtectContext
from prunus.plugin.manager import family_for
from prunus.plugin.matching import match_tensors


@pytest.mark.parametrize("prefix", ["", "roberta.", "model."])
def test_prefixes_of_published_checkpoints(prefix):
    shapes = {
        f"{prefix}embeddings.word_embeddings.weight": (250002, 768),
        f"{prefix}embeddings.position_embeddings.weight": (514, 768),
        f"{prefix}embeddings.position_ids": (1, 514),
    }
    matched, rows = match_tensors(family_for("xlm-roberta"), shapes)
    assert rows == 250002
    assert [tensor.name for tensor in matched] == [f"{prefix}embeddings.word_embeddings.weight"]


def test_a_vocabulary_as_long_as_the_positions():
    shapes = {"roberta.embeddings.word_embeddings.weight": (514, 768), "lm_head.bias": (514,)}
    positions = {
        "roberta.embeddings.position_embeddings.weight": (514, 768),
        "roberta.embeddings.position_ids": (1, 514),
    }
    matched, _ = match_tensors(family_for("roberta"), {**shapes, **positions})
    assert {tensor.name for tensor in matched} == set(shapes)


def test_mpnet_keeps_the_id_from_which_it_counts():
    tokens = {0: "<s>", 1: "<pad>", 2: "</s>"}
    (zero, one) = prunus_protected_ids(ProtectContext(Path(), {"model_type": "mpnet"}, tokens))
    assert (zero.id, one.id) == (0, 1)
    assert "MPNet" in one.why
    assert prunus_protected_ids(ProtectContext(Path(), {"model_type": "roberta"}, tokens)) == ()
