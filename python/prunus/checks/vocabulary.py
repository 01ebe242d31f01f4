"""Which token an id names, read from `tokenizer.json` by the few keys that say so and by nothing else of Prunus."""

from __future__ import annotations

import json
from typing import Any


def tokens_by_id(data: bytes) -> dict[int, str]:
    """Content by id, added tokens included; where two contents share an id, the added one.

    Example:
        >>> tokens_by_id(b'{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 1, "content": "<s>"}]}')
        {0: 'a', 1: '<s>'}
    """
    document = json.loads(data)
    vocabulary = document["model"]["vocab"]
    found = {int(i): token for token, i in vocabulary.items()} if isinstance(vocabulary, dict) else _listed(vocabulary)
    return found | {int(record["id"]): record["content"] for record in document.get("added_tokens") or ()}


def _listed(vocabulary: list[Any]) -> dict[int, str]:
    return {i: entry[0] for i, entry in enumerate(vocabulary)}
