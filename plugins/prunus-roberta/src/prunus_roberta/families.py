"""Encoders of the RoBERTa line: word embeddings, a head with a twin bias, and positions counted from the pad id."""

from __future__ import annotations

from prunus import IdField, ModelFamily, Role, VocabTensor

TENSORS = (
    VocabTensor("*embeddings.word_embeddings.weight", 0, Role.INPUT),
    VocabTensor("lm_head.decoder.weight", 0, Role.OUTPUT, optional=True),
    VocabTensor("lm_head.decoder.bias", 0, Role.OUTPUT_BIAS, optional=True),
    VocabTensor("lm_head.bias", 0, Role.OUTPUT_BIAS, optional=True),
)

# Any of these may be as long as a small vocabulary by coincidence; none is indexed by token id.
NOT_VOCABULARY = (
    "*embeddings.position_embeddings.weight",
    "*embeddings.position_ids",
    "*embeddings.token_type_ids",
    "*embeddings.*_position_embeddings.weight",
    "*embeddings.token_type_embeddings.*",
    "*embeddings.LayerNorm.*",
    "*encoder.layer.[0-9]*",
    "*encoder.LayerNorm.*",
    "*encoder.relative_attention_bias.weight",
    "*layers.[0-9]*",
    "*pooler.*",
)


def _family(name: str, *model_types: str, pinned: bool = True, **ids: int) -> ModelFamily:
    """Positions start at `pad_token_id + 1`, so that id may not move where `pinned`."""
    return ModelFamily(
        name=name,
        model_types=frozenset(model_types),
        tensors=TENSORS,
        id_fields=tuple(IdField(f"{field}_token_id", default) for field, default in ids.items()),
        pinned_fields=("pad_token_id",) if pinned else (),
        not_vocabulary=NOT_VOCABULARY,
    )


FAMILIES = (
    _family(
        "roberta",
        "roberta",
        "xlm-roberta",
        "camembert",
        "xlm-roberta-xl",
        "roberta-prelayernorm",
        "xmod",
        "data2vec-text",
        "layoutlmv3",
        pad=1,
        bos=0,
        eos=2,
    ),
    _family("longformer", "longformer", pad=1, bos=0, eos=2, sep=2),
    _family("mpnet", "mpnet", pad=1, bos=0, eos=2),
    _family("markuplm", "markuplm", pad=0, bos=0, eos=2),
    _family("lilt", "lilt", pad=0),
    _family("jina_embeddings_v3", "jina_embeddings_v3", pinned=False, pad=1, bos=0, eos=2),
    _family("gte", "gte", pinned=False, pad=1),
)
