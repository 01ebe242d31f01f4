"""What is known of an architecture's output head, where the checkpoint does not name it: a tied head is not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.plugin.auto import architecture_of
from prunus.plugin.facts import shipped_facts
from prunus.plugin.family import Role

if TYPE_CHECKING:
    from collections.abc import Mapping


def known_heads(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Names of the output heads that the architecture has, tied or not; None where nothing is known of it.

    Args:
        config: A parsed `config.json`.

    Example:
        >>> known_heads({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
        ('lm_head.weight',)
        >>> known_heads({"model_type": "bert", "architectures": ["BertModel"]})
        ()
    """
    facts = shipped_facts(str(config.get("model_type")))
    known = facts.tensors.get(architecture_of(config)) if facts else None
    return None if known is None else tuple(name for name, tensor in known.items() if tensor.role is Role.OUTPUT)
