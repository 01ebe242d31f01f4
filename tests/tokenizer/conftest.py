"""Texts of many scripts, and real tokenizers pruned to what these texts use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from prunus.remap import IdRemap
from prunus.tokenizer.closure import close
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.required import required
from prunus.tokenizer.sidecars import write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    "all-minilm-l6-v2",
    "bert-base-cased",
    "bert-base-chinese",
    "bert-base-uncased",
    "falcon-7b",
    "gpt-neox-20b",
    "gpt2",
    "mistral-7b-v0.1",
    "olmo-2-dolma2",
    "phi-2",
    "phi-3-mini",
    "qwen3",
    "roberta-base",
    "smollm2-135m",
    "t5-small",
    "whisper-tiny",
]
ROWS = 2000


def live(data: bytes | str) -> Tokenizer:
    """The tokenizer as the library loads it, truncation and padding off."""
    tokenizer = Tokenizer.from_str(data if isinstance(data, str) else data.decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def vocabulary(tokenizer: Tokenizer) -> dict[int, str]:
    return {identifier: token for token, identifier in tokenizer.get_vocab(with_added_tokens=True).items()}


def document_of(data: dict[str, Any]) -> TokenizerDocument:
    return TokenizerDocument.parse(json.dumps(data).encode())


def added(content: str, identifier: int, *, special: bool = True) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": identifier, "content": content, **flags, "special": special}


def closed(document: TokenizerDocument, used: set[int]) -> IdRemap:
    """What a pruning to `used` keeps."""
    kept = used | required(document).keys()
    return IdRemap.of(kept | close(document, kept).keys())


@dataclass(frozen=True)
class Pruned:
    source: Path
    out: Path
    document: TokenizerDocument
    remap: IdRemap
    before: Tokenizer
    after: Tokenizer
    rows: list[list[int]]
    written: tuple[str, ...]


@pytest.fixture(scope="session")
def texts(shared_corpora: Path) -> list[str]:
    found: list[str] = []
    for name, column in (("tatoeba", "text"), ("udhr", "text"), ("xquad", "question")):
        rows = pq.read_table(shared_corpora / f"{name}.parquet", columns=[column]).column(0).to_pylist()
        found += rows[:: len(rows) // (ROWS // 3)][: ROWS // 3 + 1]
    return found


@pytest.fixture(scope="session")
def pruned(shared_tokenizers: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory):
    """Prunes a real tokenizer to what the texts use; each one once a session."""
    made: dict[str, Pruned] = {}

    def prune(name: str) -> Pruned:
        if name not in made:
            source, out = shared_tokenizers / name, tmp_path_factory.mktemp(name)
            document = TokenizerDocument.load(source)
            before = live((source / "tokenizer.json").read_bytes())
            rows = [encoding.ids for encoding in before.encode_batch(texts)]
            remap = closed(document, {i for row in rows for i in row})
            written = write_tokenizer(source, out, document, remap)
            if (source / "chat_template.jinja").exists():
                (out / "chat_template.jinja").write_bytes((source / "chat_template.jinja").read_bytes())
            after = live((out / "tokenizer.json").read_bytes())
            made[name] = Pruned(source, out, document, remap, before, after, rows, written)
        return made[name]

    return prune
