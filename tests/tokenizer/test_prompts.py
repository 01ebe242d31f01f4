"""Texts that a model's own files put before its inputs stay spelled as they are."""

from __future__ import annotations

import json

import prunus


def test_prompts_stay_as_they_are(tiny_bert):
    (tiny_bert / "model" / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "mat: "}}))
    plan = prunus.plan(tiny_bert / "model", prunus.scan(["the cat"], tokenizer=tiny_bert / "model"))
    why = dict(zip(plan.kept.tokens, plan.kept.why, strict=True))
    assert why["mat"] == "prompt"
    assert "sat" not in why
