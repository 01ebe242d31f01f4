"""The pieces of the parity tests: real tokenizers beside their oracle, and text that troubles tokenizers."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tokenizers import Tokenizer

from prunus._engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRAGMENTS = [
    *(
        "a",
        "A",
        "the",
        " The",
        "Hello",
        "naïve",
        "e\u0301",
        "\u0301",
        "o\u0308\u0323",
        "İ",
        "ſ",
        "ß",
        "Σας",
        "ς",
        "\u212a",
    ),
    *(
        "한국어",
        "\u1112\u1161\u11ab",
        "\u1100",
        "\u11a8",
        "中文",
        "日本語です",
        "\uf900",
        "\u3400",
        "𠀀",
        "ไทย",
        "हिन्दी",
        "\u093f",
    ),
    *("1", "12", "123", "1234", "1.5", "²", "½", "٣", "Ⅷ", "१२"),
    *(
        " ",
        "  ",
        "   ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        " \n ",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\xa0",
        "\u1680",
        "\u2003",
    ),
    *("\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\u200c", "\u200d", "\u180e", "\ufeff", "\xad"),
    *("\x00", "\ufffd", "\x01", "\x7f", "\x9f", "\u0378", "\ue000", "\U0010ffff", "\ufffe", "\U000e0001"),
    *("'s", "'S", "'ſ", "'ll", "'LL", "'t", "'re", "'vE", "'d", "'m", "'", "''", "’s", "don't"),
    *(
        ".",
        "...",
        ",",
        "!?",
        "--",
        "—",
        "_",
        "#",
        "@user",
        "http://a.b/c?d=e",
        "(x)",
        "[",
        "]",
        "<",
        ">",
        "«»",
        "。",
        "、",
        "€",
    ),
    *(
        "▁",
        "▁▁",
        "a▁b",
        " ▁",
        "▁ ",
        "##s",
        "Ġ",
        "Ċ",
        "<0x0A>",
        "</s>",
        "<s>",
        "<unk>",
        "<pad>",
        "<mask>",
        "[MASK]",
        "[mask]",
    ),
    *(
        "[PAD]",
        "[Pad]",
        "[ PAD ]",
        "[PÁD]",
        "[P\x00AD]",
        "<|endoftext|>",
        "<|endoftext",
        "<extra_id_0>",
        "<extra_id_1>x",
    ),
    *("😀", "👩\u200d💻", "🇩🇪", "🇩", "👍🏽", "\u0600", "\u0600 ", "ﬁ", "㋀", "Å", "\u212b", "\u0f71\u0f72"),
    *("x" * 101, "é" * 60, "0" * 40),
]
PATHS = ("auto", "generic", "row")


class Case:
    """One tokenizer: its engines by path, and the library as the oracle."""

    def __init__(self, json_bytes: bytes) -> None:
        self.json = json_bytes
        self.oracle = Tokenizer.from_str(json_bytes.decode())
        self.oracle.no_padding()
        self.oracle.no_truncation()
        self.added_tokens = cache(self._added_tokens)
        self.engine = cache(lambda path="auto", special=True: Engine(json_bytes, path=path, add_special_tokens=special))

    def expected(self, texts: Sequence[str], special: bool = True) -> dict[int, int]:
        """Histogram of the library, text by text."""
        ids = [e.ids for e in self.oracle.encode_batch_fast(list(texts), add_special_tokens=special)]
        flat = np.concatenate([np.zeros(0, np.int64), *[np.asarray(i, np.int64) for i in ids]])
        values, counts = np.unique(flat, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    def counted(
        self, data: Any, path: str = "auto", threads: int = 1, special: bool = True, **options: Any
    ) -> dict[int, int]:
        """Histogram of a scan over texts or an Arrow object."""
        raw = scanned(self.engine(path, special), data, threads=threads, **options)
        return histogram(raw)

    def _added_tokens(self) -> list[str]:
        """Contents of added tokens: those that strip or are normalised, and some at both ends."""
        added: list[dict[str, Any]] = json.loads(self.json).get("added_tokens") or []
        odd = [t["content"] for t in added if t["lstrip"] or t["rstrip"] or t["normalized"]]
        contents = [t["content"] for t in added]
        return list(dict.fromkeys([*odd[:12], *contents[:20], *contents[-6:]]))


def histogram(raw: Any) -> dict[int, int]:
    """Counts by id of a finished scan."""
    return dict(zip(np.frombuffer(raw.ids, "<u4").tolist(), np.frombuffer(raw.counts, "<u8").tolist(), strict=True))


def scanned(
    engine: Engine, data: Any, columns: Sequence[str] = ("text",), batch_rows: int = 1000, **options: Any
) -> Any:
    """A finished scan over texts, a table, or a record batch."""
    if isinstance(data, (list, tuple)):
        data = pa.table({"text": pa.array(data, pa.string())})
    batches = [data] if isinstance(data, pa.RecordBatch) else data.to_batches(max_chunksize=batch_rows)
    scan = engine.start(list(columns), **options)
    row = 0
    for batch in batches:
        scan.push(batch, "memory", row)
        row += batch.num_rows
    return scan.finish()


def adversarial(extra: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Rows of up to twenty fragments, `extra` among them."""
    fragments = st.sampled_from([*FRAGMENTS, *extra])
    piece = st.one_of(fragments, fragments, fragments, st.text(max_size=3))
    return st.lists(piece, max_size=20).map("".join)


@cache
def _case(path: Path) -> Case:
    return Case(path.read_bytes())


def _shared() -> Path:
    root = os.environ.get("PRUNUS_SHARED") or Path(__file__).resolve().parents[3] / "shared"
    return Path(root) / "data" / "tokenizers"


NAMES = sorted(path.parent.name for path in _shared().glob("*/tokenizer.json"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrises `name` over the real tokenizers, `path` over the paths."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", NAMES or [pytest.param("", marks=pytest.mark.skip("no real tokenizers here"))])
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", PATHS)


@pytest.fixture(scope="session")
def real() -> Callable[[str], Case]:
    """A real tokenizer by name, loaded once."""
    return lambda name: _case(_shared() / name / "tokenizer.json")


@pytest.fixture(scope="session")
def case_of() -> Callable[[Tokenizer], Case]:
    """A tokenizer made in a test."""
    return lambda tokenizer: Case(tokenizer.to_str().encode())


@pytest.fixture(scope="session")
def run_scan() -> Callable[..., Any]:
    """`scanned`, for tests that look at more than the histogram."""
    return scanned


@pytest.fixture(scope="session")
def histogram_of() -> Callable[[Any], dict[int, int]]:
    """`histogram`, for scans that a test ends itself."""
    return histogram


@pytest.fixture(scope="session")
def fragments() -> list[str]:
    """`FRAGMENTS`."""
    return FRAGMENTS


@pytest.fixture(scope="session")
def charsmap() -> Callable[[], str]:
    """The table of a real `Precompiled` normaliser (T5's; XLM-R's is the same rules)."""

    def read() -> str:
        path = _shared() / "t5-small" / "tokenizer.json"
        if not path.exists():
            pytest.skip("no real tokenizers here")
        table: str = json.loads(path.read_bytes())["normalizer"]["precompiled_charsmap"]
        return table

    return cache(read)


@pytest.fixture(scope="session")
def rows_like() -> Callable[..., st.SearchStrategy[str]]:
    """`adversarial`."""
    return adversarial
