"""Texts that the speed of a scan is measured on: five kinds, without a repeated paragraph, built once each.

A set is a Parquet file with one column, `text`, in rows of about 1,500 characters, shuffled with a fixed seed and cut
at 100 MB where there is that much:

- `english`: manuals and books of Debian's documentation packages, fetched by `apt-get download` and the recipe in
  `shared/data`; nothing is installed
- `multilingual`: the help of LibreOffice, GNOME and Debian in every language but English
- `cjk`: those of them in Chinese, Japanese and Korean (about 13 MB)
- `code`: Python of this interpreter's library and packages, and Rust of cargo's registry, half and half; it depends
  on what is installed
- `distinct`: random words of 8 to 14 letters, of which hardly any comes twice
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SHARED = Path(os.environ.get("PRUNUS_SHARED") or HERE.parents[1] / "shared")
ENGLISH = (
    *("linux-doc-6.1", "python3.11-doc", "anarchism", "libreoffice-help-en-us", "debian-handbook", "gimp-help-en"),
    *("postgresql-doc-15", "sqlite3-doc", "python-django-doc", "libboost1.81-doc", "cppreference-doc-en-html"),
    *("qtbase5-doc-html", "erlang-doc", "nodejs-doc", "python-scipy-doc", "python-sympy-doc", "octave-doc"),
    *("gap-doc", "grass-doc"),
)
LANGUAGES = "ca cs da de dz el es et eu fi fr gl hi hu id it ja km ko nl om pl pt pt-br ru sl sv tr vi zh-cn zh-tw"
HELP = (*(f"libreoffice-help-{language}" for language in LANGUAGES.split()), "debian-handbook", "gnome-user-docs")
ROW_CHARACTERS = 1500
SET_BYTES = 100_000_000
GENERATED = 200_000
"""Source files above this size are tables, mostly written by programs."""


def packages(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Language and text of each paragraph of Debian packages; those that are not there yet are fetched."""
    parts = RESULTS / "packages"
    absent = [name for name in sorted(names) if not (parts / f"{name}.parquet").exists()]
    if absent:
        recipe = SHARED / "data" / "recipes" / "build_corpus.py"
        subprocess.run([sys.executable, recipe, parts, "--packages", ",".join(absent)], check=True)
    for name in sorted(names):
        table = pq.read_table(parts / f"{name}.parquet", columns=["lang", "text"])
        yield from zip(*(column.to_pylist() for column in table.columns), strict=True)


def english() -> list[str]:
    return rows(text for language, text in packages(ENGLISH) if language in {"en", "en-us"})


def multilingual() -> list[str]:
    return rows(text for language, text in packages(HELP) if not language.startswith("en"))


def cjk() -> list[str]:
    wanted = ("zh", "ja", "ko")
    return rows(text for language, text in packages(HELP) if language.replace("_", "-").split("-")[0] in wanted)


def code() -> list[str]:
    python = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")}
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "registry" / "src"
    return rows(paragraphs(python, "*.py")) + rows(paragraphs({cargo}, "*.rs"))


def paragraphs(folders: set[Path], pattern: str) -> Iterator[str]:
    """Paragraphs of source files in an order by chance, half a set of them."""
    files = sorted({path for folder in folders for path in folder.rglob(pattern) if path.is_file()})
    random.Random(0).shuffle(files)
    size = 0
    for path in files:
        if size < SET_BYTES // 2 and path.stat().st_size < GENERATED:
            text = path.read_text(encoding="utf-8", errors="replace")
            size += len(text)
            yield from (part + "\n" for part in text.split("\n\n"))


def distinct() -> list[str]:
    rng = np.random.default_rng(0)
    letters = rng.integers(ord("a"), ord("z") + 1, SET_BYTES, dtype=np.uint8)
    ends = np.cumsum(rng.integers(9, 16, SET_BYTES // 9))
    ends = ends[ends < SET_BYTES]
    letters[ends] = ord(" ")
    text = letters.tobytes().decode("ascii")
    borders = ends[:: ROW_CHARACTERS // 12].tolist()
    return [text[start + 1 : end] for start, end in pairwise(borders)]


def rows(texts: Iterable[str]) -> list[str]:
    """Distinct paragraphs, one after the other in rows."""
    seen: set[str] = set()
    held: list[str] = []
    found, size = [], 0
    for text in texts:
        if text not in seen:
            seen.add(text)
            held.append(text)
            size += len(text)
        if size > ROW_CHARACTERS:
            found.append("\n".join(held))
            held, size = [], 0
    return found


SETS = {set_.__name__: set_ for set_ in (english, multilingual, cjk, code, distinct)}


def built(name: str) -> Path:
    """The file of a set, written if it is not there yet."""
    out = RESULTS / f"{name}.parquet"
    if not out.exists():
        RESULTS.mkdir(exist_ok=True)
        texts = SETS[name]()
        random.Random(0).shuffle(texts)
        kept = np.cumsum([len(text.encode()) for text in texts]) <= SET_BYTES
        table = pa.table({"text": texts[: int(kept.sum())]})
        pq.write_table(table, out, compression="zstd", row_group_size=5000)
    return out


def first_rows(corpus: Path, megabytes: float) -> tuple[pa.Table, int]:
    """The first `megabytes` MB of the text column, and their size in bytes."""
    batches, size = [], 0
    for batch in pq.ParquetFile(corpus).iter_batches(4096, columns=["text"]):
        batches.append(batch)
        size += pc.sum(pc.binary_length(batch.column(0))).as_py() or 0
        if size >= megabytes * 1e6:
            break
    return pa.Table.from_batches(batches), size
