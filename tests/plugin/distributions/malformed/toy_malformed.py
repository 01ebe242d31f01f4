"""A plugin whose family has a negative axis."""

from prunus import ModelFamily, Role, VocabTensor, hookimpl


@hookimpl
def prunus_families():
    embedding = VocabTensor("*embed.weight", -1, Role.INPUT)
    return [ModelFamily(name="malformed", model_types=frozenset({"malformed"}), tensors=(embedding,))]
