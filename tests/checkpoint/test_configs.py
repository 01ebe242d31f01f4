"""Ids and sizes in configs. The oracles: Python's own `json`, and the naive renumbering of `renumbered`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunus import IdField, IdRemap, ModelFamily
from prunus.checkpoint.config import ConfigEdit, apply_config_edits, config_ids, plan_config_edits, read_config
from prunus.checkpoint.jsontext import replace_value
from prunus.checkpoint.schema import shape_of
from prunus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 100
KEPT = [i for i in range(ROWS) if i % 3 or i == 0]
REMAP = IdRemap.of(KEPT)
NEW = {old: new for new, old in enumerate(KEPT)}

# What transformers writes for Whisper, BART, LLaVA, Llama, MarianMT and their kin, cut down.
CONFIG = {
    "architectures": ["ToyForConditionalGeneration"],
    "vocab_size": ROWS,
    "pad_token_id": 0,
    "eos_token_id": [4, 5],
    "bos_token_id": None,
    "layer_norm_eps": 1e-05,
    "hidden_size": 64,
    "type_vocab_size": 2,
    "num_mel_bins": 80,
    "image_token_index": 31,
    "video_token_id": 32,
    "boi_token_index": 34,
    "mm_tokens_per_image": 256,
    "suppress_tokens": [1, 2, 97],
    "begin_suppress_tokens": [1, -1],
    "forced_decoder_ids": [[1, 50], [2, None]],
    "label2id": {"LABEL_0": 0},
    "task_specific_params": {"translation": {"decoder_start_token_id": 7, "prefix": "übersetze: "}},
    "text_config": {"pad_token_id": 8, "deeper": {"sep_token_id": 10}},
    "audio_config": {"vocab_size": 7, "pad_token_id": 99},
    "t2u_vocab_size": 12,
    "t2u_eos_token_id": 9,
    "unknown": {"start_of_turn_token_id": 11, "stop_token_ids": [[13], 14], "tokens.with.dot_token_id": 16},
}
GENERATION = {
    "bad_words_ids": [[17, 19], [20]],
    "force_words_ids": [[[22], [23, 25]]],
    "forced_bos_token_id": 26,
    "lang_to_id": {"<|de|>": 28, "<|en|>": 29},
    "task_to_id": {"transcribe": 35},
    "no_timestamps_token_id": 37,
    "prev_sot_token_id": 38,
    "alignment_heads": [[3, 1], [9, 12]],
    "sequence_bias": [[[40, 41], -0.6], [[43], 12]],
    "max_new_tokens": 20,
    "temperature": 0.3,
}
PROCESSOR = {"image_token_id": 44, "size": {"height": 224}, "image_token": "<image>"}


def renumbered(value: object) -> object:
    if isinstance(value, list):
        return [renumbered(item) for item in value]
    if isinstance(value, dict):
        return {name: renumbered(item) for name, item in value.items()}
    return NEW[value] if isinstance(value, int) and value >= 0 else value


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "generation_config.json").write_text(json.dumps(GENERATION, indent=4), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR), encoding="utf-8")
    return folder


def change(folder: Path, name: str = "config.json", **fields: object) -> None:
    values = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(values | fields, indent=2), encoding="utf-8")


def plan(folder: Path, family: ModelFamily, remap: IdRemap = REMAP, rows: int = ROWS) -> tuple[ConfigEdit, ...]:
    return plan_config_edits(folder, family, remap, rows, len(remap))


def test_every_field_is_renumbered_and_every_other_value_stays(
    model: Path, family: ModelFamily, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    apply_config_edits(model, plan(model, family), out)
    config = json.loads(json.dumps(CONFIG))
    config["vocab_size"] = len(KEPT)
    whole = (
        "pad_token_id",
        "eos_token_id",
        "image_token_index",
        "video_token_id",
        "boi_token_index",
        "suppress_tokens",
    )
    for name in (*whole, "begin_suppress_tokens", "unknown", "text_config"):
        config[name] = renumbered(config[name])
    config["forced_decoder_ids"] = [[1, NEW[50]], [2, None]]
    config["task_specific_params"]["translation"]["decoder_start_token_id"] = NEW[7]
    generation = json.loads(json.dumps(GENERATION))
    ids = ("bad_words_ids", "force_words_ids", "forced_bos_token_id", "lang_to_id", "task_to_id")
    for name in (*ids, "no_timestamps_token_id", "prev_sot_token_id"):
        generation[name] = renumbered(generation[name])
    generation["sequence_bias"] = [[[NEW[40], NEW[41]], -0.6], [[NEW[43]], 12]]
    texts = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}
    assert texts == {
        "config.json": json.dumps(config, indent=2, ensure_ascii=False) + "\n",
        "generation_config.json": json.dumps(generation, indent=4),
        "preprocessor_config.json": json.dumps({**PROCESSOR, "image_token_id": NEW[44]}),
    }


def test_ids_to_protect_are_those_that_the_plan_needs(model: Path, family: ModelFamily) -> None:
    found = {identifier for field in config_ids(model, family) for identifier in field.ids}
    assert found == {
        *(0, 4, 5, 31, 32, 34, 1, 2, 97, 50, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29),
        *(35, 37, 38, 40, 41, 43, 44),
    }
    paths = {(field.file, field.path) for field in config_ids(model, family)}
    assert ("config.json", "unknown.tokens\\.with\\.dot_token_id") in paths
    remap = IdRemap.of(found)
    assert plan_config_edits(model, family, remap, ROWS, len(remap))


@pytest.mark.parametrize("value", [True, "3", 3.0, [1, "2"], [[1.5]], {"a": "b"}])
@pytest.mark.parametrize("name", ["pad_token_id", "suppress_tokens"])
def test_what_is_no_id_is_refused_by_field(model: Path, family: ModelFamily, name: str, value: object) -> None:
    change(model, **{name: value})
    for action in (config_ids, plan):
        with pytest.raises(ConfigError, match=rf"config\.json: {name} is .*names no token id"):
            action(model, family)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forced_decoder_ids", [1, 2]),
        ("forced_decoder_ids", [[1, 2, 3]]),
        ("sequence_bias", {"(1, 2)": 0.5}),
        ("sequence_bias", [[1, 2]]),
    ],
)
def test_pairs_of_another_shape_are_refused(model: Path, family: ModelFamily, name: str, value: object) -> None:
    change(model, "generation_config.json", **{name: value})
    with pytest.raises(ConfigError, match=rf"generation_config\.json: {name} is"):
        config_ids(model, family)


def test_dropped_id_is_an_error_that_names_field_and_id(model: Path, family: ModelFamily) -> None:
    change(model, "generation_config.json", eos_token_id=[4, 3])
    with pytest.raises(ConfigError, match=r"generation_config\.json: eos_token_id names token id 3, which is not kept"):
        plan(model, family)


def test_dropped_id_deep_inside_is_an_error(model: Path, family: ModelFamily) -> None:
    change(model, "generation_config.json", bad_words_ids=[[1], [1, 6]])
    with pytest.raises(ConfigError, match="bad_words_ids names token id 6"):
        plan(model, family)


def test_id_beyond_the_rows_dangles_in_the_source(model: Path, family: ModelFamily) -> None:
    change(model, decoder_start_token_id=ROWS)
    with pytest.raises(ConfigError, match=r"decoder_start_token_id is 100, but the model has 100 rows.*in the source"):
        plan(model, family)


def test_size_that_is_not_the_checkpoints(model: Path, family: ModelFamily) -> None:
    with pytest.raises(ConfigError, match="vocab_size is 100, but the checkpoint has 99 rows"):
        plan(model, family, rows=99)


@pytest.mark.parametrize("size", ["100", 100.0, True])
def test_size_that_is_no_integer(model: Path, family: ModelFamily, size: object) -> None:
    change(model, vocab_size=size)
    with pytest.raises(ConfigError, match="vocab_size is"):
        plan(model, family)


@pytest.mark.parametrize("path", ["text_config.vocab_size", "vocab_size_per_layer_input", "decoder_vocab_size"])
def test_size_nobody_claims_is_refused_and_claimed_it_is_edited(model: Path, family: ModelFamily, path: str) -> None:
    *above, name = path.split(".")
    change(model, **({above[0]: {**CONFIG["text_config"], name: ROWS}} if above else {name: ROWS}))
    with pytest.raises(ConfigError, match=rf"config\.json: {path} is 100, the number of rows.*does not claim it"):
        plan(model, family)
    edits = plan(model, replace(family, size_fields=("vocab_size", path)))
    assert ConfigEdit("config.json", path, ROWS, len(KEPT), "size") in edits


def test_size_that_is_null_stays_and_one_that_is_absent_everywhere_is_written(model: Path, family: ModelFamily) -> None:
    change(model, decoder_vocab_size=None)
    claims = replace(family, size_fields=("vocab_size", "decoder_vocab_size"))
    assert [edit.path for edit in plan(model, claims) if edit.kind == "size"] == ["vocab_size"]
    values = {name: value for name, value in CONFIG.items() if name != "vocab_size"}
    (model / "config.json").write_text(json.dumps(values))
    assert ConfigEdit("config.json", "vocab_size", None, len(KEPT), "size") in plan(model, family)


def test_sub_config_with_a_vocabulary_of_its_own_is_left_alone(model: Path, family: ModelFamily) -> None:
    """MusicGen: the text encoder's tokens are pruned, the decoder's audio codes are numbered by themselves."""
    assert not [edit for edit in plan(model, family) if edit.path.startswith("audio_config")]


def test_field_of_a_prefixed_vocabulary_is_left_alone_unless_claimed(model: Path, family: ModelFamily) -> None:
    """SeamlessM4T: `t2u_eos_token_id` numbers speech units, `t2u_vocab_size` of them."""
    assert "t2u_eos_token_id" not in {field.path for field in config_ids(model, family)}
    claims = replace(family, size_fields=("vocab_size", "t2u_vocab_size"))
    assert "t2u_eos_token_id" in {field.path for field in config_ids(model, claims)}


def test_absent_field_whose_class_default_moves_is_written(model: Path, family: ModelFamily, tmp_path: Path) -> None:
    fields = (
        IdField("sep_token_id", default=40),
        IdField("cls_token_id", default=0),
        IdField("other.mask_token_id", 40),
    )
    family = replace(family, id_fields=fields)
    assert ("sep_token_id", (40,)) in {(field.path, field.ids) for field in config_ids(model, family)}
    edits = [edit for edit in plan(model, family) if edit.before is None]
    assert edits == [ConfigEdit("config.json", "sep_token_id", None, NEW[40], "id")]
    out = tmp_path / "out"
    out.mkdir()
    apply_config_edits(model, edits, out)
    assert (out / "config.json").read_text(encoding="utf-8") == (
        json.dumps({**CONFIG, "sep_token_id": NEW[40]}, indent=2, ensure_ascii=False) + "\n"
    )


def test_absent_field_whose_class_default_is_dropped_is_an_error(model: Path, family: ModelFamily) -> None:
    family = replace(family, id_fields=(IdField("sep_token_id", default=3),))
    with pytest.raises(ConfigError, match=r"sep_token_id names token id 3 \(the default of its class\)"):
        plan(model, family)


def test_class_default_beyond_the_rows_means_nothing(model: Path, family: ModelFamily) -> None:
    """A GPT-2 config with 100 rows and no `bos_token_id`: the default 50256 never was a token of this model."""
    family = replace(family, id_fields=(IdField("sep_token_id", default=50256),))
    assert "sep_token_id" not in {field.path for field in config_ids(model, family)}
    assert "sep_token_id" not in {edit.path for edit in plan(model, family)}


def test_field_with_an_unusual_name_comes_from_the_family(model: Path, family: ModelFamily) -> None:
    change(model, codec={"start": 46}, stop=47)
    assert not {"codec.start", "stop"} & {edit.path for edit in plan(model, family)}
    family = replace(family, id_fields=(IdField("codec.start"), IdField("stop")))
    after = {edit.path: edit.after for edit in plan(model, family)}
    assert (after["codec.start"], after["stop"]) == (NEW[46], NEW[47])


def test_pinned_field_may_not_move(model: Path, family: ModelFamily) -> None:
    """RoBERTa counts positions from `padding_idx`: trap 3.5."""
    change(model, pad_token_id=4)
    with pytest.raises(ConfigError, match="pad_token_id is 4 and may not move, but would become 3"):
        plan(model, replace(family, pinned_fields=("pad_token_id",)))
    change(model, pad_token_id=1)
    assert "pad_token_id" not in {edit.path for edit in plan(model, replace(family, pinned_fields=("pad_token_id",)))}


def test_ids_inside_a_list_of_objects_are_refused(model: Path, family: ModelFamily) -> None:
    change(model, experts=[{"name": "a"}, {"start_token_id": 4}])
    with pytest.raises(ConfigError, match="experts holds 'start_token_id' inside a list"):
        config_ids(model, family)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"a": 1, "a": 2}',
        '{"a": ' * 5000 + "1" + "}" * 5000,
        '{"a": %s}' % ("9" * 5000),
        "\ufeff{}",
    ],
    ids=["empty", "unclosed", "list", "number", "twice", "deep", "digits", "mark"],
)
def test_broken_config_is_an_error(model: Path, family: ModelFamily, text: str) -> None:
    (model / "config.json").write_text(text, encoding="utf-8")
    for action in (lambda: read_config(model), lambda: config_ids(model, family), lambda: plan(model, family)):
        with pytest.raises(ConfigError, match=r"config\.json"):
            action()


def test_integers_as_long_as_transformers_writes_them(model: Path) -> None:
    """`model_max_length` is `int(1e30)` where a tokenizer knows no length."""
    for value in (int(1e30), int(1e308), -int(1e30)):
        change(model, model_max_length=value)
        assert read_config(model)["model_max_length"] == value


def test_config_nested_to_a_depth_that_json_still_reads(model: Path, family: ModelFamily) -> None:
    (model / "config.json").write_text('{"a": ' * 200 + "1" + "}" * 200)
    with pytest.raises(ConfigError, match="nested more than"):
        config_ids(model, family)


def test_config_that_is_absent_or_huge(model: Path) -> None:
    (model / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"has no config\.json"):
        read_config(model)
    with (model / "config.json").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(ConfigError, match="10,000,000,000 bytes"):
        read_config(model)


def test_edit_of_a_source_that_changed_is_refused(model: Path, family: ModelFamily, tmp_path: Path) -> None:
    edits = plan(model, family)
    change(model, pad_token_id=1, eos_token_id=2)
    with pytest.raises(ConfigError, match=r"eos_token_id is 2, not \[4, 5\] as planned"):
        apply_config_edits(model, edits, tmp_path)


def test_without_edits_the_bytes_stay(model: Path, tmp_path: Path) -> None:
    text = b'{\r\n\t"a": 1.50e-05 , "b":[1,2],\r\n "c": "\\u00fc"}\r\n\r\n'
    (model / "config.json").write_bytes(text)
    out = tmp_path / "out"
    out.mkdir()
    apply_config_edits(model, (), out)
    assert (out / "config.json").read_bytes() == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cls_token_id", True), ("image_token_index", True), ("stop_token_ids", True), ("token_ids", True),
     ("image_tokens_index", True), ("pad_index", True), ("im_end_id", True),
     ("token_type_ids", False), ("mm_tokens_per_image", False), ("label2id", False),
     ("max_new_tokens", False), ("tokenizer_class", False), ("image_token", False), ("hidden_size", False)],
)  # fmt: skip
def test_names_that_hold_ids(name: str, expected: bool) -> None:
    assert (shape_of(name) is not None) is expected


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=4),
    value=VALUES,
    indent=st.sampled_from([None, 2, 4, "\t"]),
    ascii_only=st.booleans(),
    data=st.data(),
)
def test_value_replaced_in_the_text_is_value_replaced_in_the_document(
    document: dict, value: object, indent: object, ascii_only: bool, data: st.DataObject
) -> None:
    """The oracle is `json`: the changed text parses to the changed document."""
    path = [data.draw(st.sampled_from(sorted(document)) | st.text(max_size=4))]
    holder = document
    while isinstance(holder.get(path[-1]), dict) and data.draw(st.booleans()):
        holder = holder[path[-1]]
        path.append(data.draw(st.sampled_from(sorted(holder)) if holder else st.text(max_size=4)))
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    result = replace_value(text, path, value)
    holder[path[-1]] = value
    assert json.loads(result) == document
    assert list(json.loads(result)) == list(document)
