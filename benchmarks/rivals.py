"""Tokenizers of others beside which `scan.py` measures: how each reads rows of text and gives ids, and how fast.

Each runs in an interpreter of its own, which needs numpy and pyarrow too. The versions that this was written for:

    for each in tokenizers==1.0.0rc3 fastokens==0.3.5 gigatoken==0.10.0 nanotoken==0.1.0 tokie==0.1.4; do
        python -m venv /tmp/rivals/${each%%=*} && /tmp/rivals/${each%%=*}/bin/pip install $each numpy pyarrow
    done

What is timed is the fastest documented way from text to the ids of every row, special tokens left out: for three of
them that is a file, written before the clock starts (so that it lies in memory) and read by their own Rust code. Rows
to strings, and ids to counts, happen while the clock stands. Truncation and padding are taken out of `tokenizer.json`,
which lies in a folder of its own, since some read what lies beside it.

Be fair to them: what an added token asks for counts. Where one wants word borders or strips spaces (as in some files of
GPT-2 and BERT) nanotoken leaves its fast path, so measure with one whose added tokens are ordinary (MiniLM, Phi-2) too.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sets import first_rows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

SEPARATOR = "\x00\x1e\x00"
"""Between the rows of a file; no row holds it, and every rival takes it."""


class Rival(NamedTuple):
    """A tokenizer that is loaded: parts of the text as it wants them, a part to its result, a result to ids."""

    parts: Callable[[list[str]], Iterable[Any]]
    encode: Callable[[Any], Any]
    ids: Callable[[Any], np.ndarray]


def batches(texts: list[str]) -> Iterable[list[str]]:
    return (texts[start : start + 2000] for start in range(0, len(texts), 2000))


def one_file(texts: list[str]) -> Iterable[str]:
    """The path of a file with all rows, there until the next part is asked for."""
    whole = SEPARATOR.join(texts)
    if whole.count(SEPARATOR) != len(texts) - 1:
        raise ValueError("a row holds the separator")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".txt") as file:
        file.write(whole)
        file.flush()
        yield file.name


def tokenizers(file: Path) -> Rival:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(file))
    encode = getattr(loaded, "encode_batch_fast", None) or loaded.encode_batch
    return Rival(
        batches,
        partial(encode, add_special_tokens=False),
        lambda rows: np.fromiter(itertools.chain.from_iterable(row.ids for row in rows), np.int64),
    )


def fastokens(file: Path) -> Rival:
    from fastokens import Tokenizer

    encode = Tokenizer.from_file(str(file)).encode_batch_flat  # special tokens are off by default
    return Rival(batches, encode, lambda flat: np.frombuffer(flat[0], np.uint32))


def gigatoken(file: Path) -> Rival:
    import awkward
    from gigatoken import TextFileSource, Tokenizer

    loaded = Tokenizer(str(file))  # its own interface adds no special tokens
    return Rival(
        one_file,
        lambda path: loaded.encode_files(TextFileSource([path], separator=SEPARATOR)),
        lambda rows: np.asarray(awkward.flatten(rows)),
    )


def nanotoken(file: Path) -> Rival:
    from nanotoken import TextFileSource, Tokenizer

    loaded = Tokenizer(str(file))
    return Rival(
        one_file,
        lambda path: loaded.encode_files(TextFileSource(path, separator=SEPARATOR), add_special_tokens=False),
        lambda rows: rows.ids,
    )


def tokie(file: Path) -> Rival:
    from tokie import Tokenizer

    loaded = Tokenizer.from_json(str(file))
    return Rival(
        one_file,
        lambda path: loaded.encode_files([path], separator=SEPARATOR.encode(), add_special_tokens=False),
        lambda flat: flat[0],
    )


ADAPTERS = {adapter.__name__: adapter for adapter in (tokenizers, fastokens, gigatoken, nanotoken, tokie)}


def digest(ids: np.ndarray, counts: np.ndarray) -> str:
    return hashlib.sha256(ids.astype("<u4").tobytes() + counts.astype("<u8").tobytes()).hexdigest()


def encoded(rival: Rival, texts: list[str]) -> tuple[float, float, str]:
    """Wall and CPU seconds for the ids of these rows, and the digest of how often each came."""
    histogram = np.zeros(1 << 19, np.int64)
    wall = cpu = 0.0
    for part in rival.parts(texts):
        before = time.perf_counter(), time.process_time()
        result = rival.encode(part)
        wall, cpu = wall + time.perf_counter() - before[0], cpu + time.process_time() - before[1]
        histogram += np.bincount(rival.ids(result), minlength=len(histogram))
    ids = np.flatnonzero(histogram)
    return wall, cpu, digest(ids, histogram[ids])


def threads_of(number: int) -> None:
    """At most so many threads, in every way that one of them knows (tokie: only the processors it may run on)."""
    os.environ |= {name: str(number) for name in ("RAYON_NUM_THREADS", "FASTOKENS_BPE_THREADS")}
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])


def loaded(name: str, tokenizer: Path) -> Rival:
    """The rival with this tokenizer, truncation and padding off; it may raise anything."""
    described = json.loads(tokenizer.read_text(encoding="utf-8")) | {"truncation": None, "padding": None}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tokenizer.json")
        file.write_text(json.dumps(described), encoding="utf-8")
        return ADAPTERS[name](file)


def measure(name: str, tokenizer: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One measurement in this process; `error` where the rival does not take the tokenizer."""
    threads_of(arguments.threads)
    try:
        rival = loaded(name, tokenizer)
    except Exception as error:  # noqa: BLE001 - a rival may raise anything
        return {"error": " ".join(str(error).split())[:200]}
    table, size = first_rows(arguments.corpus, arguments.mb)
    part, part_size = first_rows(arguments.corpus, arguments.baseline_mb)
    wall, cpu, found = encoded(rival, table.column(0).to_pylist())
    if part_size < size:
        found = encoded(rival, part.column(0).to_pylist())[2]
    version = importlib.metadata.version(name)
    return {"mb": size / 1e6, "wall": wall, "cpu": cpu, "path": "", "digest": found, "version": version}
