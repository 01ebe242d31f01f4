"""A plugin that claims what another one claims."""

from prunus import ModelFamily, Role, VocabTensor, hookimpl


@hookimpl
def prunus_families():
    embedding = VocabTensor("*embed.weight", 0, Role.INPUT)
    return [ModelFamily(name="rival", model_types=frozenset({"toy", "rival"}), tensors=(embedding,))]
