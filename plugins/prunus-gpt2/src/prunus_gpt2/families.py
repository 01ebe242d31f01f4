"""Decoders of the GPT line: one embedding, and a head that is tied, its own, or its own with a bias."""

from __future__ import annotations

from prunus import IdField, ModelFamily, Role, VocabTensor

WTE = VocabTensor("*wte.weight", 0, Role.INPUT)
HEAD = VocabTensor("lm_head.weight", 0, Role.OUTPUT, optional=True)
HEAD_BIAS = VocabTensor("lm_head.bias", 0, Role.OUTPUT_BIAS, optional=True)
# Published GPT-NeoX checkpoints say `embed_out`; transformers 5 calls the same tensor `lm_head`.
EMBED_OUT = VocabTensor("embed_out.weight", 0, Role.OUTPUT, optional=True)
PROJECTION = VocabTensor("output_projection.weight", 0, Role.OUTPUT, optional=True)

# Layers, positions and causal masks may be as long as a small vocabulary; none is indexed by token id.
NOT_VOCABULARY = (
    "*wpe.weight",
    "*positions_embed.weight",
    "*positions_ids",
    "*embed_positions.weight",
    "h.[0-9]*",
    "*.h.[0-9]*",
    "layers.[0-9]*",
    "*.layers.[0-9]*",
    "*ln_f.*",
    "*layer_norm.*",
    "*layernorm.*",
)


def _family(name: str, *model_types: str, tensors: tuple[VocabTensor, ...], **ids: int) -> ModelFamily:
    return ModelFamily(
        name=name,
        model_types=frozenset(model_types),
        tensors=tensors,
        id_fields=tuple(IdField(f"{field}_token_id", default) for field, default in ids.items()),
        not_vocabulary=NOT_VOCABULARY,
    )


FAMILIES = (
    _family("gpt2", "gpt2", "gpt-sw3", "gpt_neo", "gpt_bigcode", tensors=(WTE, HEAD), bos=50256, eos=50256),
    _family("gptj", "gptj", "codegen", tensors=(WTE, HEAD, HEAD_BIAS), bos=50256, eos=50256),
    _family(
        "gpt_neox", "gpt_neox", tensors=(VocabTensor("*embed_in.weight", 0, Role.INPUT), HEAD, EMBED_OUT), bos=0, eos=2
    ),
    # The double-heads class stores its tied table as `lm_head.weight` only.
    _family(
        "openai-gpt",
        "openai-gpt",
        tensors=(VocabTensor("*tokens_embed.weight", 0, Role.INPUT, optional=True), HEAD),
    ),
    _family(
        "ctrl",
        "ctrl",
        tensors=(
            VocabTensor("transformer.w.weight", 0, Role.INPUT, optional=True),
            VocabTensor("w.weight", 0, Role.INPUT, optional=True),
            HEAD,
            HEAD_BIAS,
        ),
    ),
    _family(
        "biogpt",
        "biogpt",
        tensors=(VocabTensor("*embed_tokens.weight", 0, Role.INPUT), PROJECTION),
        pad=1,
        bos=0,
        eos=2,
    ),
)
