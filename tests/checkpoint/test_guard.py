"""Fields that may hold token ids and that no rule knows are said (traps.md section 3, item 7)."""

from __future__ import annotations

import json

import pytest

from prunus.checkpoint.guard import unclear_fields
from prunus.errors import ConfigError

CONFIG = {
    "model_type": "toy",
    "vocab_size": 60_000,
    "pad_token_id": 50_256,
    "hidden_size": 50_256,
    "out_indices": [1, 2],
    "num_layers": 2,
    "lang_id": 3,
}


def unclear(folder, name="config.json", **fields):
    (folder / "config.json").write_text(json.dumps(CONFIG | (fields if name == "config.json" else {})))
    if name != "config.json":
        (folder / name).write_text(json.dumps(fields))
    return unclear_fields(folder, ["mine_id"], {50_256, 0})


def test_known_fields_numbers_and_named_ones_are_not_mentioned(tmp_path):
    assert unclear(tmp_path, mine_id=7, text={"eos_token_id": 9, "width": 50_256}) == ()


def test_a_name_that_ends_like_an_id_and_a_value_that_is_one(tmp_path):
    assert unclear(tmp_path, text={"stop_id": 12}) == (
        "config.json: text.stop_id is 12, whose name ends like that of a token id",
    )
    found = unclear(tmp_path, "generation_config.json", stop=[50_256])
    assert found == ("generation_config.json: stop is [50256], which other fields use as a token id",)


def test_a_range_that_codes_are_added_to_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="image_token_offset is 131272"):
        unclear(tmp_path, image_token_offset=131_272)
