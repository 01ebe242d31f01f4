"""Which of its table's names a published T5 checkpoint holds differs; any of them is enough."""

from __future__ import annotations

import pytest

from prunus.errors import FamilyError
from prunus.plugin.family import Role
from prunus.plugin.manager import family_for
from prunus.plugin.matching import match_tensors

NAMES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
BLOCK = {"encoder.block.0.layer.0.SelfAttention.q.weight": (512, 512)}


@pytest.mark.parametrize("names", [NAMES, NAMES[:1], NAMES[1:2], NAMES[:2], NAMES[1:]])
@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_one_two_or_three_names(names, prefix):
    shapes = {**BLOCK, **{prefix + name: (32128, 512) for name in names}}
    matched, rows = match_tensors(family_for("t5"), shapes)
    assert rows == 32128
    assert [(tensor.name, tensor.role) for tensor in matched] == [(prefix + name, Role.INPUT) for name in names]


def test_names_of_different_length_are_refused():
    with pytest.raises(FamilyError, match="32128 rows"):
        match_tensors(family_for("t5"), {NAMES[0]: (32128, 512), NAMES[1]: (32100, 512)})


def test_an_untied_head_is_a_tensor_of_its_own():
    matched, _ = match_tensors(family_for("mt5"), {NAMES[0]: (250112, 512), "lm_head.weight": (250112, 512)})
    assert [tensor.role for tensor in matched] == [Role.INPUT, Role.OUTPUT]
