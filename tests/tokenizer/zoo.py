"""Tokenizers as the checkpoints of many architectures carry them, trained here on real text of many languages."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK = (r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s+")
BLOOM = (r" ?[^(\s|[.,!?…。，、।۔،])]+",)
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

SPM: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram"},
    "llama": {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity", "split_digits": True},
    "nllb": {"model_type": "bpe"},
    "gemma": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
        **{"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3},
        "user_defined_symbols": ["<mask>", "<unused0>", "<unused1>", "\n", "▁▁", "▁▁▁", "\t"],
    },
    "albert": {
        "model_type": "unigram",
        **{"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1},
        "control_symbols": ["[CLS]", "[SEP]"],
        "user_defined_symbols": ["[MASK]", "(", ")", "-", "."],
    },
    "xlnet": {
        "model_type": "unigram",
        **{"unk_id": 0, "bos_id": 1, "eos_id": 2},
        "control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"],
        "user_defined_symbols": [".", "(", ")"],
    },
    "deberta": {
        "model_type": "unigram",
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
        **{"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"},
    },
    "t5": {"model_type": "unigram", "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
}


@dataclass(frozen=True)
class SentencePieceKind:
    """A tokenizer of transformers that is made from a SentencePiece model."""

    spm: str
    file: str
    slow: str
    fields: dict[str, Any] = field(default_factory=dict)


SENTENCEPIECE = {
    "xlm-roberta": SentencePieceKind("unigram", "sentencepiece.bpe.model", "XLMRobertaTokenizer"),
    "camembert": SentencePieceKind("unigram", "sentencepiece.bpe.model", "CamembertTokenizer"),
    "mbart": SentencePieceKind("unigram", "sentencepiece.bpe.model", "MBartTokenizer"),
    "nllb": SentencePieceKind("nllb", "sentencepiece.bpe.model", "NllbTokenizer"),
    "albert": SentencePieceKind("albert", "spiece.model", "AlbertTokenizer"),
    "xlnet": SentencePieceKind("xlnet", "spiece.model", "XLNetTokenizer"),
    "deberta-v3": SentencePieceKind("deberta", "spm.model", "DebertaV2Tokenizer"),
    "t5": SentencePieceKind("t5", "spiece.model", "T5Tokenizer", {"extra_ids": 20}),
    "pegasus": SentencePieceKind("t5", "spiece.model", "PegasusTokenizer"),
    "llama": SentencePieceKind("llama", "tokenizer.model", "LlamaTokenizer"),
    "gemma": SentencePieceKind("gemma", "tokenizer.model", "GemmaTokenizer"),
}


class Zoo:
    """Builds the tokenizers, each once, into `root`."""

    def __init__(self, root: Path, texts: list[str]) -> None:
        self.root, self.texts = root, texts

    def directory(self, name: str) -> Path:
        """The directory of a tokenizer, made when it is first asked for."""
        path = self.root / name
        if not path.is_dir():
            path.mkdir(parents=True)
            if name in SENTENCEPIECE:
                self._sentencepiece(SENTENCEPIECE[name], path)
            else:
                OTHERS[name](self, path)
        return path

    def trained(self, model: Any, trainer: Any, **parts: Any) -> Tokenizer:
        tokenizer = Tokenizer(model)
        for name, part in parts.items():
            setattr(tokenizer, name, part)
        tokenizer.train_from_iterator(self.texts, trainer)
        return tokenizer

    def _model(self, name: str) -> Path:
        from sentencepiece import SentencePieceTrainer

        model = self.root / f"{name}.model"
        if not model.exists():
            corpus = self.root / "corpus.txt"
            corpus.write_text("\n".join(text.replace("\n", " ") for text in self.texts), encoding="utf-8")
            common = {"vocab_size": 1500, "character_coverage": 0.99, "hard_vocab_limit": False, "minloglevel": 2}
            SentencePieceTrainer.train(
                input=str(corpus), model_prefix=str(model.with_suffix("")), num_threads=2, **common, **SPM[name]
            )
        return model

    def _sentencepiece(self, kind: SentencePieceKind, path: Path) -> None:
        """As transformers converts it: the model beside the `tokenizer.json` that `save_pretrained` writes."""
        from transformers import AutoTokenizer

        raw = path / "raw"
        raw.mkdir()
        shutil.copy(self._model(kind.spm), raw / kind.file)
        (raw / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind.slow, **kind.fields}))
        AutoTokenizer.from_pretrained(str(raw)).save_pretrained(str(path))
        shutil.copy(raw / kind.file, path / kind.file)
        shutil.rmtree(raw)


def _byte_level(patterns: tuple[str, ...] = (), special: tuple[str, ...] = ("<|endoftext|>",), **more: Any):
    def make(zoo: Zoo, path: Path) -> Tokenizer:
        splits = [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in patterns]
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not patterns)
        options = {"vocab_size": 2500, "special_tokens": list(special), "initial_alphabet": BYTES}
        tokenizer = zoo.trained(
            models.BPE(),
            trainers.BpeTrainer(show_progress=False, **options),
            pre_tokenizer=pre_tokenizers.Sequence([*splits, last]) if splits else last,
            decoder=decoders.ByteLevel(),
            **({"post_processor": processors.ByteLevel(trim_offsets=False)} | more),
        )
        _save(tokenizer, path, {"eos_token": special[-1]})
        return tokenizer

    return make


def _save(tokenizer: Tokenizer, path: Path, config: dict[str, str], kind: str = "PreTrainedTokenizerFast") -> None:
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **config}))


def _slow_files(make: Callable[[Zoo, Path], Tokenizer]) -> Callable[[Zoo, Path], None]:
    def build(zoo: Zoo, path: Path) -> None:
        make(zoo, path).model.save(str(path))

    return build


def _llama3(zoo: Zoo, path: Path) -> None:
    """Whole words that only `ignore_merges` reaches, and merges written as text."""
    _byte_level((LLAMA3,), ("<|begin_of_text|>", "<|eot_id|>"))(zoo, path)
    data = json.loads((path / "tokenizer.json").read_text())
    model, words = data["model"], {}
    for text in zoo.texts:
        for word in text.split():
            words[word] = words.get(word, 0) + 1
    table = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    for word in sorted(words, key=lambda w: (-words[w], w))[100:400]:
        token = table.pre_tokenize_str(word)[0][0]
        model["vocab"].setdefault(token, len(model["vocab"]))
    merges = [" ".join(merge) for merge in model["merges"]]
    data["model"] = {**model, "ignore_merges": True, "merges": merges}
    (path / "tokenizer.json").write_text(json.dumps(data))


def _clip(zoo: Zoo, path: Path) -> None:
    end = "<|endoftext|>"
    options = {"special_tokens": ["<|startoftext|>", end], "end_of_word_suffix": "</w>", "initial_alphabet": BYTES}
    tokenizer = zoo.trained(
        models.BPE(end_of_word_suffix="</w>", unk_token=end),
        trainers.BpeTrainer(vocab_size=2500, show_progress=False, **options),
        normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
        pre_tokenizer=pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(CLIP), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        ),
        post_processor=processors.RobertaProcessing((end, 1), ("<|startoftext|>", 0), trim_offsets=False),
        decoder=decoders.ByteLevel(),
    )
    _save(tokenizer, path, {"unk_token": end, "eos_token": end, "bos_token": "<|startoftext|>"})
    tokenizer.model.save(str(path))


def _openai_gpt(zoo: Zoo, path: Path) -> None:
    options = {"special_tokens": ["<unk>"], "end_of_word_suffix": "</w>", "limit_alphabet": 300}
    tokenizer = zoo.trained(
        models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"),
        trainers.BpeTrainer(vocab_size=2500, show_progress=False, **options),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.BPEDecoder("</w>"),
    )
    _save(tokenizer, path, {"unk_token": "<unk>"})
    tokenizer.model.save(str(path))


def _continuing(zoo: Zoo, path: Path) -> None:
    """BPE with `##`, unknown characters fused, dropout written as 0, and no `type`, as in files of 2020."""
    options = {"special_tokens": ["[UNK]"], "continuing_subword_prefix": "##", "limit_alphabet": 300}
    model = models.BPE(continuing_subword_prefix="##", unk_token="[UNK]", fuse_unk=True)
    trainer = trainers.BpeTrainer(vocab_size=2500, show_progress=False, **options)
    _save(zoo.trained(model, trainer, pre_tokenizer=pre_tokenizers.Whitespace()), path, {"unk_token": "[UNK]"})
    data = json.loads((path / "tokenizer.json").read_text())
    del data["model"]["type"]
    (path / "tokenizer.json").write_text(json.dumps(data))


def _wordlevel(zoo: Zoo, path: Path) -> None:
    trainer = trainers.WordLevelTrainer(vocab_size=2500, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    parts = {"pre_tokenizer": pre_tokenizers.Whitespace(), "normalizer": normalizers.Lowercase()}
    _save(zoo.trained(models.WordLevel(unk_token="[UNK]"), trainer, **parts), path, {"unk_token": "[UNK]"})


def _bert(zoo: Zoo, path: Path) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=2500, special_tokens=special, limit_alphabet=800, show_progress=False
    )
    tokenizer = zoo.trained(
        models.WordPiece(unk_token="[UNK]"),
        trainer,
        normalizer=normalizers.BertNormalizer(lowercase=False),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        post_processor=processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
        decoder=decoders.WordPiece(),
    )
    _save(tokenizer, path, {"do_lower_case": False}, "BertTokenizer")
    tokenizer.model.save(str(path))


OTHERS: dict[str, Callable[[Zoo, Path], Any]] = {
    "gpt2": _slow_files(_byte_level()),
    "bart": _slow_files(
        _byte_level(
            special=("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
            post_processor=processors.RobertaProcessing(("</s>", 2), ("<s>", 0)),
        )
    ),
    "llama3": _llama3,
    "o200k": _byte_level((O200K,)),
    "deepseek": _byte_level(DEEPSEEK, ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")),
    "bloom": _byte_level(BLOOM, ("<unk>", "<s>", "</s>", "<pad>")),
    "qwen": _slow_files(_byte_level((LLAMA3.replace("{1,3}", ""),), normalizer=normalizers.NFC())),
    "clip": _clip,
    "openai-gpt": _openai_gpt,
    "continuing-prefix": _continuing,
    "wordlevel": _wordlevel,
    "bert-cased": _bert,
}
NAMES = (*SENTENCEPIECE, *OTHERS)
