"""Every file of a tokenizer, rewritten so that all of them name the same tokens by the same ids."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from prunus.checkpoint.copying import write_new
from prunus.checkpoint.jsontext import read_bytes
from prunus.errors import TokenizerError
from prunus.tokenizer.chat import chat_template_texts
from prunus.tokenizer.hfconfig import rewrite_config
from prunus.tokenizer.rewrite import rewrite
from prunus.tokenizer.sentencepiece import rewrite_sentencepiece
from prunus.tokenizer.textfiles import (
    rewrite_added_tokens,
    rewrite_merges_txt,
    rewrite_vocab_json,
    rewrite_vocab_txt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from prunus.remap import IdRemap
    from prunus.tokenizer.document import TokenizerDocument

__all__ = ["UNSUPPORTED_TOKENIZER_FILES", "chat_template_texts", "sidecars_in", "write_tokenizer"]

LARGEST_FILE = 2**30

REWRITERS: Mapping[str, Callable[[bytes, str, TokenizerDocument, IdRemap], bytes]] = MappingProxyType(
    {
        "tokenizer_config.json": rewrite_config,
        "special_tokens_map.json": rewrite_config,
        "added_tokens.json": rewrite_added_tokens,
        "vocab.txt": rewrite_vocab_txt,
        "vocab.json": rewrite_vocab_json,
        "merges.txt": rewrite_merges_txt,
        "spiece.model": rewrite_sentencepiece,
        "sentencepiece.bpe.model": rewrite_sentencepiece,
        "sentencepiece.model": rewrite_sentencepiece,
        "spm.model": rewrite_sentencepiece,
        "tokenizer.model": rewrite_sentencepiece,
    }
)

UNSUPPORTED_TOKENIZER_FILES: Mapping[str, str] = MappingProxyType(
    {
        "tekken.json": "Mistral's own format; transformers reads tokenizer.json instead",
        "*.tiktoken": "a tiktoken vocabulary; transformers reads tokenizer.json instead",
        "tokenizer.model.v*": "Mistral's own format; transformers reads tokenizer.json instead",
        "bpe.codes": "merges of fastBPE",
        "vocab.bpe": "merges of the original GPT-2; transformers reads merges.txt instead",
        "encoder.json": "the vocabulary of the original GPT-2; transformers reads vocab.json instead",
        "dict.txt": "a fairseq dictionary",
        "source.spm": "one of Marian's two SentencePiece models over one vocabulary",
        "target.spm": "one of Marian's two SentencePiece models over one vocabulary",
        "vocab-src.json": "a vocabulary of the source language alone",
        "vocab-tgt.json": "a vocabulary of the target language alone",
        "emoji.json": "emoji that become tokens",
        "entity_vocab.json": "a vocabulary of entities",
        "vocab.tsv": "a vocabulary of words with their pronunciation",
        "vocab.pkl": "a pickled vocabulary",
    }
)
"""Files that depend on the vocabulary and are not rewritten, as patterns of their names, with what they are."""


def sidecars_in(directory: str | Path) -> tuple[str, ...]:
    """Names of the tokenizer files of a directory that `write_tokenizer` rewrites, `tokenizer.json` first.

    Example:
        >>> sidecars_in("gpt2")  # doctest: +SKIP
        ('tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'merges.txt')
    """
    return tuple(name for name in ("tokenizer.json", *REWRITERS) if (Path(directory) / name).is_file())


def write_tokenizer(
    source_dir: str | Path,
    out_dir: str | Path,
    document: TokenizerDocument,
    remap: IdRemap,
    drop: Collection[str] = (),
) -> tuple[str, ...]:
    """Writes `tokenizer.json` and every file beside it.

    Nothing is written before everything has been rewritten.

    Args:
        source_dir: The directory of the tokenizer.
        out_dir: An existing directory without these files.
        document: The tokenizer before pruning.
        remap: The ids that stay.
        drop: Names of files to leave out.

    Returns:
        The names of the files written.

    Raises:
        OutputError: A file exists or cannot be written.
        SelectionError: A dropped token is named by a file.
        TokenizerError: A file is damaged or disagrees with `tokenizer.json`.
        UnsupportedFileError: A file is not what its name says, or holds what cannot be rewritten.

    Example:
        >>> write_tokenizer("gpt2", "small", TokenizerDocument.load("gpt2"), remap)  # doctest: +SKIP
        ('tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'merges.txt')
    """
    source = Path(source_dir)
    files = {"tokenizer.json": rewrite(document, remap).to_bytes()}
    for name in sidecars_in(source):
        if name != "tokenizer.json" and name not in drop:
            data = read_bytes(source / name, TokenizerError, LARGEST_FILE)
            files[name] = REWRITERS[name](data, name, document, remap)
    for name, data in files.items():
        write_new(Path(out_dir) / name, data)
    return tuple(files)
