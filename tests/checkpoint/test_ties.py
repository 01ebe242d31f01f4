"""Ties as the bytes show them. The oracle is `torch.equal` on what the safetensors library reads."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from prunus import ModelFamily, Role, VocabTensor
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.ties import find_ties, observe_ties, same_bytes
from prunus.plugin.matching import match_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

torch = pytest.importorskip("torch")

T5 = ModelFamily(
    name="t5-like",
    model_types=frozenset({"t5-like"}),
    tensors=(
        VocabTensor("shared.weight", 0, Role.INPUT, optional=True),
        VocabTensor("*.embed_tokens.weight", 0, Role.INPUT, optional=True),
        VocabTensor("lm_head.weight", 0, Role.OUTPUT, optional=True),
        VocabTensor("*bias", 0, Role.OUTPUT_BIAS, optional=True),
    ),
)


def opened(folder: Path) -> tuple[Checkpoint, tuple]:
    checkpoint = Checkpoint.open(folder)
    return checkpoint, match_tensors(T5, {name: tensor.shape for name, tensor in checkpoint.tensors.items()})[0]


@pytest.mark.parametrize("shards", [1, 2])
def test_equal_groups_are_those_of_torch(
    save: Callable[..., Path], load: Callable[[Path], dict], tmp_path: Path, shards: int
) -> None:
    table, head, bias = torch.randn(3000, 1000), torch.randn(3000, 1000), torch.randn(3000)
    nearly = table.clone()
    nearly[-1, -1] += 1
    tensors = {
        "shared.weight": table, "encoder.embed_tokens.weight": table.clone(), "decoder.embed_tokens.weight": nearly,
        "lm_head.weight": head, "cls.bias": bias, "cls.decoder.bias": bias.clone(), "norm.weight": torch.ones(3),
    }  # fmt: skip
    folder = save(tmp_path / "m", tensors, shards)
    checkpoint, matches = opened(folder)
    ties = find_ties(checkpoint, matches)
    read = {name: tensor for name, tensor in load(folder).items() if name != "norm.weight"}
    pairs = {frozenset(pair) for pair in combinations(read, 2) if torch.equal(read[pair[0]], read[pair[1]])}
    assert pairs
    assert {frozenset(pair) for group in ties.equal for pair in combinations(group, 2)} == pairs
    assert ties.outputs == ("lm_head.weight",)
    assert ties.inputs == ("decoder.embed_tokens.weight", "encoder.embed_tokens.weight", "shared.weight")
    assert "lm_head.weight is a head of its own: untied" in ties.lines()


def test_head_absent_is_tied_by_absence_and_a_twin_by_value(save: Callable[..., Path], tmp_path: Path) -> None:
    table = torch.randn(30, 4)
    absent = observe_ties(*opened(save(tmp_path / "a", {"shared.weight": table})))
    assert absent == ("no output head is in the file: tied to the input table by absence, or a task without one",)
    twin = observe_ties(*opened(save(tmp_path / "b", {"shared.weight": table, "lm_head.weight": table.clone()})))
    assert twin[0] == "lm_head.weight equals shared.weight: tied by value"


def test_not_a_number_equals_itself_by_bytes_and_zeros_of_both_signs_differ(
    save: Callable[..., Path], tmp_path: Path
) -> None:
    values = {"shared.weight": torch.tensor([[float("nan")]]), "lm_head.weight": torch.tensor([[float("nan")]])}
    assert find_ties(*opened(save(tmp_path / "a", values))).equal == (("lm_head.weight", "shared.weight"),)
    values = {"shared.weight": torch.tensor([[0.0]]), "lm_head.weight": torch.tensor([[-0.0]])}
    assert find_ties(*opened(save(tmp_path / "b", values))).equal == ()


def test_tensors_of_other_length_are_not_the_same(save: Callable[..., Path], tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(save(tmp_path / "m", {"a": torch.zeros(3), "b": torch.zeros(4)}))
    assert not same_bytes(checkpoint, "a", checkpoint, "b")
    assert same_bytes(checkpoint, "a", checkpoint, "a")
