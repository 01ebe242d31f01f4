"""A corpus of every format in one folder, and a small tokenizer."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["the", "cat", "sat", "on", "a", "mat", "naïve", "中文", "x"]


def rows(number: int, start: int = 0) -> list[str | None]:
    """Texts of many lengths, some empty, some null; deterministic."""
    texts: list[str | None] = []
    for i in range(start, start + number):
        text = " ".join(WORDS[(i * k) % len(WORDS)] for k in range(1, 1 + i % 17))
        texts.append(None if i % 23 == 5 else text)
    return texts


def plain(number: int, start: int = 0) -> list[str]:
    return [text or "" for text in rows(number, start)]


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vocabulary = {
        token: i for i, token in enumerate(["[UNK]", *WORDS, *"abcdehimnostvï", *(f"##{c}" for c in "abestvï")])
    }
    model = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    model.normalizer = normalizers.BertNormalizer()
    model.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    model.save(str(file))
    return file


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder `corpus/` with files of every format, small row groups, empty files, a file without a last line feed."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    pq.write_table(pa.table({"text": rows(400), "n": range(400)}), folder / "a.parquet", row_group_size=70)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "b.parquet")
    table = pa.table({"text": rows(200, 1000)})
    with pa.ipc.new_file(str(folder / "c.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=50)
    lines = "\n".join(json.dumps({"n": 1, "text": text}) for text in rows(120, 2000))
    (folder / "d.jsonl").write_text(lines)
    with gzip.open(folder / "e.jsonl.gz", "wt") as file:
        file.write(lines[: lines.rindex("\n")])
    (folder / "f.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(plain(150, 3000)).encode() + b"\nend\n\xef\xbb\xbfx\n")
    (folder / "g.txt").write_bytes(b"")
    (folder / "h.txt").write_text("the cat " * 1000 + "\nthe mat\n" + "\n" * 50 + "sat")
    return folder
