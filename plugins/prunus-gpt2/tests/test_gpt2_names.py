"""Names that published checkpoints use: without prefix, with masks, with the head's older name."""

from __future__ import annotations

from prunus.plugin.manager import family_for
from prunus.plugin.matching import match_tensors


def test_the_published_gpt2_has_no_prefix_and_carries_masks():
    shapes = {"wte.weight": (50257, 768), "wpe.weight": (1024, 768), "h.0.attn.bias": (1, 1, 1024, 1024)}
    matched, rows = match_tensors(family_for("gpt2"), shapes)
    assert [tensor.name for tensor in matched] == ["wte.weight"]
    assert rows == 50257


def test_a_vocabulary_as_long_as_positions_and_masks():
    shapes = {"transformer.wte.weight": (1024, 768), "transformer.wpe.weight": (1024, 768)}
    shapes["transformer.h.0.attn.bias"] = (1, 1, 1024, 1024)
    matched, _ = match_tensors(family_for("gpt2"), shapes)
    assert [tensor.name for tensor in matched] == ["transformer.wte.weight"]


def test_both_names_of_the_gpt_neox_head():
    for head in ("embed_out.weight", "lm_head.weight"):
        matched, _ = match_tensors(family_for("gpt_neox"), {"gpt_neox.embed_in.weight": (50432, 64), head: (50432, 64)})
        assert {tensor.name for tensor in matched} == {"gpt_neox.embed_in.weight", head}
