"""Tiny random checkpoints of any model class, written as `save_pretrained` writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunus.testing.differential import Config, Model, config_class

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunus.testing.tokenizers import TinyTokenizer

# What the config classes call the same few sizes.
TINY: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "dim", "d_model", "n_embd", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "n_layer", "num_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "ffn_dim", "d_inner", "dff"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 64),
    **dict.fromkeys(("d_kv", "d_head"), 8),
    "num_key_value_heads": 2,
    "embedding_size": 16,
    "rotary_dim": 4,
    "num_experts": 2,
}


@dataclass(frozen=True)
class TinyCheckpoint:
    """Which tiny checkpoint to build.

    Attributes:
        model_type: Model type of transformers.
        class_name: Model class of transformers.
        tokenizer: Its tokenizer; the table gets `padding_rows` more rows.
        fields: Config fields over the derived tiny ones.
        tied: False unties the head from the embedding.
        shards: False writes one file, true several with an index.
        dtype: Name of a torch dtype.
        padding_rows: Rows beyond the tokenizer's ids.
    """

    model_type: str
    class_name: str
    tokenizer: TinyTokenizer
    fields: Mapping[str, Any] = field(default_factory=dict)
    tied: bool = True
    shards: bool = False
    dtype: str = "float32"
    padding_rows: int = 0


def tiny_config(model_type: str, tokenizer: TinyTokenizer, fields: Mapping[str, Any] | None = None) -> Config:
    """A config of a few thousand parameters whose token ids are those of the tokenizer.

    Raises:
        FamilyError: transformers does not know the type.
    """
    kind = config_class(model_type)
    default = kind().to_dict()
    chosen = {name: value for name, value in TINY.items() if isinstance(default.get(name), int)}
    if "pad_token_id" in default:
        chosen["pad_token_id"] = tokenizer.special["pad"]
    for name, value in default.items():
        if name.endswith("_token_id") and isinstance(value, int):
            role = name.removesuffix("_token_id")
            chosen[name] = tokenizer.special.get("pad" if role == "decoder_start" else role, tokenizer.size // 2)
    return kind(**{"vocab_size": tokenizer.size, **chosen, **(fields or {})})


def build_checkpoint(wanted: TinyCheckpoint, directory: Path) -> Model:
    """Writes the checkpoint directory and returns the model: weights random, biases too, so that a lost one shows.

    Raises:
        FamilyError: transformers does not know the type.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    fields = dict(wanted.fields)
    if wanted.padding_rows:
        fields["vocab_size"] = wanted.tokenizer.size + wanted.padding_rows
    if not wanted.tied:
        fields["tie_word_embeddings"] = False
    config = tiny_config(wanted.model_type, wanted.tokenizer, fields)
    model = getattr(transformers, wanted.class_name)(config).eval()
    with torch.no_grad():
        if not wanted.tied:
            untie(model)
        randomise(model, config.vocab_size)
    model = model.to(getattr(torch, wanted.dtype))
    directory.mkdir(parents=True)
    model.save_pretrained(directory, **({"max_shard_size": "24KB"} if wanted.shards else {}))
    wanted.tokenizer.save(directory)
    return model


def has_tied_head(model: Model) -> bool:
    """Whether the model's head is its input embedding; not if the model does not say which they are."""
    try:
        head, table = model.get_output_embeddings(), model.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return False
    return hasattr(head, "weight") and hasattr(table, "weight") and head.weight.data_ptr() == table.weight.data_ptr()


def untie(model: Model) -> None:
    """Gives the head a table of its own, with the same values."""
    import torch

    if has_tied_head(model):
        head = model.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone())


def randomise(model: Model, rows: int) -> None:
    """Random biases and vocabulary tensors, so that a lost one shows in the outputs."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or rows in parameter.shape:
            parameter.normal_(0, 0.4)
