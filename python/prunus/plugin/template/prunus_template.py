"""The smallest working plugin: BLOOM, one embedding table and a head that may be tied to it."""

from __future__ import annotations

from prunus import IdField, ModelFamily, Role, VocabTensor, hookimpl

BLOOM = ModelFamily(
    name="bloom",
    model_types=frozenset({"bloom"}),
    tensors=(
        VocabTensor("*word_embeddings.weight", 0, Role.INPUT),
        VocabTensor("lm_head.weight", 0, Role.OUTPUT, optional=True),
    ),
    id_fields=(IdField("bos_token_id", 1), IdField("eos_token_id", 2)),
)


@hookimpl
def prunus_families() -> list[ModelFamily]:
    """Tells Prunus what this plugin serves."""
    return [BLOOM]
