"""Tiny tokenizers built in code, one of each kind, so that tests need no downloads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

KINDS = ("wordpiece", "byte-bpe", "unigram")
# fmt: off
WORDS = (
    "the", "of", "and", "to", "in", "a", "is", "that", "it", "was",
    "for", "on", "with", "as", "his", "they", "at", "be", "this", "from",
    "have", "or", "by", "one", "had", "not", "but", "what", "all", "were",
    "when", "we", "there", "can", "an", "your", "which", "their", "said", "if",
    "do", "will", "each", "about", "how", "up", "out", "them", "then", "she",
    "many", "some", "so", "these", "would", "other", "into", "has", "more", "her",
    "two", "like", "him", "see", "time", "could", "no", "make", "than", "first",
    "been", "its", "who", "now", "people", "my", "made", "over", "did", "down",
    "only", "way", "find", "use", "may", "water", "long", "little", "very", "after",
    "words", "called", "just", "where", "most", "know", "river", "mountain", "stone", "harbour",
    "lantern", "copper", "window", "garden", "winter", "summer", "bridge", "letter", "music", "silver",
    "forest", "island",
)
# fmt: on
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-")


@dataclass(frozen=True)
class TinyTokenizer:
    """A tokenizer as the text of its `tokenizer.json`, with what a model's config needs to know of it.

    Attributes:
        kind: `wordpiece`, `byte-bpe` or `unigram`.
        json: Contents of `tokenizer.json`.
        special: Ids of `pad`, `unk`, `bos`, `eos`, `cls`, `sep`, `mask`.
    """

    kind: str
    json: str
    special: dict[str, int]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id by token, added tokens included."""
        document: dict[str, Any] = json.loads(self.json)
        vocabulary = document["model"]["vocab"]
        pairs = vocabulary.items() if isinstance(vocabulary, dict) else ((t, i) for i, (t, _) in enumerate(vocabulary))
        return {**dict(pairs), **{token["content"]: token["id"] for token in document["added_tokens"]}}

    @property
    def size(self) -> int:
        """Number of tokens, added tokens included; ids run from 0 to one less."""
        return len(self.ids)

    def save(self, directory: Path) -> None:
        """Writes `tokenizer.json` and `tokenizer_config.json`."""
        tokens = {i: token for token, i in self.ids.items()}
        names = {f"{role}_token": tokens[i] for role, i in self.special.items()}
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **names}
        (directory / "tokenizer.json").write_text(self.json, encoding="utf-8")
        (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def tiny_tokenizer(kind: str = "wordpiece") -> TinyTokenizer:
    """A tokenizer of about 300 tokens, special ones included.

    Args:
        kind: `wordpiece`, `byte-bpe` (GPT-2, RoBERTa) or `unigram` (T5, with its sentinels at the end).

    Raises:
        UsageError: There is no such kind.

    Example:
        >>> tokenizer = tiny_tokenizer("byte-bpe")
        >>> tokenizer.special["pad"], tokenizer.ids["<pad>"]
        (1, 1)
    """
    builders = {"wordpiece": _wordpiece, "byte-bpe": _byte_bpe, "unigram": _unigram}
    if kind not in builders:
        raise UsageError(f"no tiny tokenizer of kind {kind!r}", hint=f"There are {', '.join(KINDS)}.")
    return builders[kind]()


def _wordpiece() -> TinyTokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", *(f"[unused{i}]" for i in range(5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *LETTERS, *(f"##{letter}" for letter in LETTERS), *(w for w in WORDS if len(w) > 1)]
    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    named = {
        "pad": "[PAD]",
        "unk": "[UNK]",
        "bos": "[CLS]",
        "eos": "[SEP]",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    }
    return _finish("wordpiece", tokenizer, named)


def _byte_bpe() -> TinyTokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in (f"Ġ{word}" for word in WORDS[:40]):
        left = word[0]
        for right in word[1:]:
            if (left, right) not in merges:
                merges.append((left, right))
                tokens.append(left + right)
            left += right
    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    named = {"pad": "<pad>", "unk": "<unk>", "bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
    return _finish("byte-bpe", tokenizer, named)


def _unigram() -> TinyTokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -3.0 - i / 16) for i, word in enumerate(WORDS)]
    pieces += [(letter, -12.0 - i / 16) for i, letter in enumerate(LETTERS)]
    pieces += [(word, -11.0 - i / 16) for i, word in enumerate(WORDS) if len(word) > 1]
    tokenizer = Tokenizer(models.Unigram(pieces, 2, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    sentinels = [f"<extra_id_{i}>" for i in reversed(range(10))]
    named = {
        "pad": "<pad>",
        "unk": "<unk>",
        "bos": "<pad>",
        "eos": "</s>",
        "cls": "<pad>",
        "sep": "</s>",
        "mask": "<extra_id_0>",
    }
    return _finish("unigram", tokenizer, named, sentinels)


def _finish(kind: str, tokenizer: Tokenizer, named: dict[str, str], more: list[str] | None = None) -> TinyTokenizer:
    from tokenizers import decoders

    decoder = {"wordpiece": decoders.WordPiece, "byte-bpe": decoders.ByteLevel, "unigram": decoders.Metaspace}[kind]
    tokenizer.decoder = decoder()
    tokenizer.add_special_tokens(list(dict.fromkeys([*named.values(), *(more or [])])))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    return TinyTokenizer(kind, tokenizer.to_str(), {role: vocabulary[token] for role, token in named.items()})
