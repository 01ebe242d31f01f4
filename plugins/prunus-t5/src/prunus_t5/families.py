"""Encoder-decoders of the T5 line: one table under up to three names, and a head that is tied or its own."""

from __future__ import annotations

from prunus import IdField, ModelFamily, Role, VocabTensor

# A checkpoint holds one, two or all of the three names; `shared` is absent in some encoder-only files.
TENSORS = (
    VocabTensor("*shared.weight", 0, Role.INPUT, optional=True),
    VocabTensor("*encoder.embed_tokens.weight", 0, Role.INPUT, optional=True),
    VocabTensor("*decoder.embed_tokens.weight", 0, Role.INPUT, optional=True),
    VocabTensor("lm_head.weight", 0, Role.OUTPUT, optional=True),
)

# Layers may be as wide as a small vocabulary is long; none of their tensors is indexed by token id.
NOT_VOCABULARY = ("*encoder.block.[0-9]*", "*decoder.block.[0-9]*", "*final_layer_norm.weight")


def _family(name: str, *model_types: str, **ids: int) -> ModelFamily:
    return ModelFamily(
        name=name,
        model_types=frozenset(model_types),
        tensors=TENSORS,
        id_fields=tuple(IdField(f"{field}_token_id", default) for field, default in ids.items()),
        not_vocabulary=NOT_VOCABULARY,
    )


FAMILIES = (
    _family("t5", "t5", "longt5", "switch_transformers", pad=0, eos=1),
    _family("mt5", "mt5", "umt5", pad=0, eos=1, decoder_start=0),
)
