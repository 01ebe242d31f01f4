"""A family's patterns meet the tensors of a checkpoint: nothing is missed, nothing is guessed."""

from __future__ import annotations

import pytest

from prunus import ModelFamily, Role, VocabTensor
from prunus.errors import FamilyError
from prunus.plugin.matching import match_tensors

FAMILY = ModelFamily(
    name="toy",
    model_types=frozenset({"toy"}),
    tensors=(
        VocabTensor("*embed.weight", 0, Role.INPUT),
        VocabTensor("head.weight", 0, Role.OUTPUT, optional=True),
        VocabTensor("head.bias", 1, Role.OUTPUT_BIAS, optional=True),
    ),
    not_vocabulary=("*positions.weight",),
)
SHAPES = {"model.embed.weight": (100, 8), "model.norm.weight": (8,), "head.weight": (100, 8), "head.bias": (1, 100)}


def test_tensors_and_rows_are_found():
    matched, rows = match_tensors(FAMILY, SHAPES)
    assert rows == 100
    assert [(t.name, t.axis, t.role) for t in matched] == [
        ("model.embed.weight", 0, Role.INPUT),
        ("head.weight", 0, Role.OUTPUT),
        ("head.bias", 1, Role.OUTPUT_BIAS),
    ]


def test_optional_tensors_may_be_absent():
    matched, _ = match_tensors(FAMILY, {"model.embed.weight": (100, 8)})
    assert [t.name for t in matched] == ["model.embed.weight"]


def test_the_rows_of_a_table_that_bears_the_name_of_its_head():
    family = ModelFamily(
        name="toy",
        model_types=frozenset({"toy"}),
        tensors=(
            VocabTensor("embed", 0, Role.INPUT, optional=True),
            VocabTensor("head", 0, Role.OUTPUT, optional=True),
        ),
    )
    assert match_tensors(family, {"head": (100, 8)})[1] == 100
    with pytest.raises(FamilyError, match="no input embedding"):
        match_tensors(family, {"norm": (8,)})


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"model.embed.weight": None, "model.embeds.weight": (100, 8)}, ["'*embed.weight'", "model.embeds.weight"]),
        ({"head.weight": (101, 8)}, ["head.weight (101, 8) has 101 entries", "100 rows"]),
        ({"head.bias": (100,)}, ["head.bias (100,) has no axis 1"]),
        ({"model.stranger": (4, 100)}, ["model.stranger (4, 100)", "family 'toy' does not know it", "not_vocabulary"]),
        ({"other.embed.weight": (99, 8)}, ["model.embed.weight has 100 rows, other.embed.weight has 99 rows"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, parts):
    shapes = {name: shape for name, shape in {**SHAPES, **change}.items() if shape is not None}
    with pytest.raises(FamilyError) as caught:
        match_tensors(FAMILY, shapes)
    for part in parts:
        assert part in str(caught.value)


def test_what_is_as_long_by_coincidence_can_be_listed():
    matched, _ = match_tensors(FAMILY, {**SHAPES, "model.positions.weight": (100, 8)})
    assert "model.positions.weight" not in {t.name for t in matched}
