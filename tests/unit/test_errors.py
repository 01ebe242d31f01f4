"""Every error has its own slug, an exit code and a docstring."""

from __future__ import annotations

import inspect

from prunus import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.PrunusError)]


def test_slugs_are_unique_and_documented() -> None:
    assert len(CLASSES) > 10
    assert len({c.slug for c in CLASSES}) == len(CLASSES)
    for error in CLASSES:
        assert error.__doc__
        assert error.exit_code in {1, 2, 3}


def test_an_error_shows_its_hint_and_carries_its_details() -> None:
    error = errors.CheckpointError("model.safetensors: truncated", hint="Copy it again.", file="model.safetensors")
    assert str(error) == "model.safetensors: truncated\n  Copy it again."
    assert error.details == {"file": "model.safetensors"}
    assert isinstance(error, ValueError)
