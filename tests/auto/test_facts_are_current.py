"""The shipped facts are what the installed transformers says, for a sample; and what a live probe says."""

from __future__ import annotations

import pytest

from prunus.plugin import facts
from prunus.plugin.auto import describe
from prunus.plugin.probing import probe

transformers = pytest.importorskip("transformers")
pytest.importorskip("torch")

SAMPLE = (
    "bart",
    "deepseek_v4",
    "fsmt",
    "gemma3n_text",
    "gpt_neox",
    "ibert",
    "llava",
    "luke",
    "mobilebert",
    "vit",
    "whisper",
)


@pytest.mark.parametrize("model_type", SAMPLE)
def test_generated_again_they_are_the_same(model_type):
    from prunus.testing.architectures import entry_of

    data = facts._data()
    if data["transformers"].rsplit(".", 1)[0] != transformers.__version__.rsplit(".", 1)[0]:
        pytest.skip(f"the facts are of transformers {data['transformers']}, installed is {transformers.__version__}")
    shipped = data["types"][model_type]
    assert entry_of(model_type) == shipped | {"rest": [data["tails"][index] for index in shipped["rest"]]}


def test_a_live_probe_agrees_and_is_remembered(tmp_path, monkeypatch):
    """The class is built with this very config, in a process of its own."""
    monkeypatch.setenv("PRUNUS_CACHE", str(tmp_path))
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 500, "n_layer": 1}
    shapes = {"transformer.wte.weight": (500, 768), "transformer.wpe.weight": (1024, 768)}
    asked = probe(config, "GPT2LMHeadModel")
    assert isinstance(asked, facts.Facts)
    shipped = facts.shipped_facts("gpt2")
    assert shipped is not None
    assert describe(asked, config, shapes, 500) == describe(shipped, config, shapes, 500)
    assert len(list(tmp_path.rglob("*.json"))) == 1
    monkeypatch.setattr("prunus.plugin.probing._ask", lambda _: pytest.fail("asked twice"))
    assert probe(config, "GPT2LMHeadModel") == asked


def test_what_cannot_be_built_is_a_sentence(monkeypatch):
    monkeypatch.setattr("prunus.plugin.probing._ask", lambda _: {"error": "KeyError: 'nobody'"})
    assert probe({"model_type": "nobody"}, "NobodyModel") == "KeyError: 'nobody'"
