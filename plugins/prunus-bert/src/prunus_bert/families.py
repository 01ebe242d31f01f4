"""Encoders of the BERT line: which tensors are indexed by token id, and which ids their config classes assume."""

from __future__ import annotations

from prunus import IdField, ModelFamily, Role, VocabTensor

EMBEDDING = VocabTensor("*embeddings.word_embeddings.weight", 0, Role.INPUT)


def _head(prefix: str) -> tuple[VocabTensor, ...]:
    """A head whose bias `(rows,)` is stored once or, under the decoder's name, twice."""
    return (
        VocabTensor(f"{prefix}.decoder.weight", 0, Role.OUTPUT, optional=True),
        VocabTensor(f"{prefix}.decoder.bias", 0, Role.OUTPUT_BIAS, optional=True),
        VocabTensor(f"{prefix}.bias", 0, Role.OUTPUT_BIAS, optional=True),
    )


def _linear(name: str) -> tuple[VocabTensor, ...]:
    """A head that is one linear layer, `(rows, hidden)` and `(rows,)`."""
    return (
        VocabTensor(f"{name}.weight", 0, Role.OUTPUT, optional=True),
        VocabTensor(f"{name}.bias", 0, Role.OUTPUT_BIAS, optional=True),
    )


PREDICTIONS = _head("cls.predictions")
# `(hidden - embedding, rows)`: MobileBERT multiplies with its own embedding beside this one, transposed.
MOBILE = VocabTensor("cls.predictions.dense.weight", 1, Role.AUXILIARY, optional=True)
DEBERTA = VocabTensor("lm_predictions.lm_head.bias", 0, Role.OUTPUT_BIAS, optional=True)
MODERN = VocabTensor("*embeddings.tok_embeddings.weight", 0, Role.INPUT)

# Any of these may be as long as a small vocabulary by coincidence; none is indexed by token id.
NOT_VOCABULARY = (
    "*embeddings.position_embeddings.weight",
    "*embeddings.position_ids",
    "*embeddings.token_type_ids",
    "*embeddings.*_position_embeddings.weight",
    "*embeddings.token_type_embeddings.*",
    "*embeddings.LayerNorm.*",
    "*encoder.layer.[0-9]*",
    "*encoder.embed_positions.weight",
    "*transformer.layer.[0-9]*",
    "*layers.[0-9]*",
    "*pooler.*",
)


def _family(name: str, *model_types: str, head: tuple[VocabTensor, ...] = (), **ids: int) -> ModelFamily:
    return ModelFamily(
        name=name,
        model_types=frozenset(model_types),
        tensors=(EMBEDDING, *head),
        id_fields=tuple(IdField(f"{field}_token_id", default) for field, default in ids.items()),
        not_vocabulary=NOT_VOCABULARY,
    )


FAMILIES = (
    _family(
        "bert",
        "bert",
        "ernie",
        "megatron-bert",
        "roformer",
        "squeezebert",
        "layoutlm",
        "nomic_bert",
        "tapas",
        head=PREDICTIONS,
        pad=0,
    ),
    _family("mobilebert", "mobilebert", head=(*PREDICTIONS, MOBILE), pad=0),
    _family("distilbert", "distilbert", head=_linear("vocab_projector"), pad=0),
    _family("electra", "electra", head=_linear("generator_lm_head"), pad=0),
    _family("convbert", "convbert", head=_linear("generator_lm_head"), pad=1, bos=0, eos=2),
    _family("albert", "albert", head=_head("predictions"), pad=0, bos=2, eos=3),
    _family("funnel", "funnel", head=_linear("lm_head")),
    _family("deberta", "deberta", "deberta-v2", head=(*PREDICTIONS, DEBERTA), pad=0),
    _family("rembert", "rembert", head=PREDICTIONS, pad=0, bos=312, eos=313),
    _family("big_bird", "big_bird", head=PREDICTIONS, pad=0, bos=1, eos=2, sep=66),
    _family("fnet", "fnet", head=PREDICTIONS, pad=3, bos=1, eos=2),
    _family("nystromformer", "nystromformer", "yoso", "mra", "visual_bert", head=PREDICTIONS, pad=1, bos=0, eos=2),
    _family("bert-generation", "bert-generation", head=_head("lm_head"), pad=0, bos=2, eos=1),
    _family("splinter", "splinter", pad=0, question=104),
    _family("lxmert", "lxmert", head=PREDICTIONS),
    _family("bros", "bros", pad=0),
    ModelFamily(
        name="modernbert",
        model_types=frozenset({"modernbert"}),
        tensors=(MODERN, *_linear("decoder")),
        id_fields=tuple(
            IdField(f"{field}_token_id", default)
            for field, default in {"pad": 50283, "eos": 50282, "bos": 50281, "cls": 50281, "sep": 50282}.items()
        ),
        not_vocabulary=NOT_VOCABULARY,
    ),
)
