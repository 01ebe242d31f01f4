"""A plugin that works."""

from prunus import ModelFamily, Role, VocabTensor, hookimpl


@hookimpl
def prunus_families():
    embedding = VocabTensor("*embed.weight", 0, Role.INPUT)
    return [ModelFamily(name="toy", model_types=frozenset({"toy", "toy-large"}), tensors=(embedding,))]
