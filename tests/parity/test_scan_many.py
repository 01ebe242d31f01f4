"""Several tokenizers in one pass: each result is that of a scan alone, tallies and all, whoever shares a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from prunus._engine import Engine
from prunus.errors import InvalidTextError, TokenizerError, UsageError
from prunus.scanning import TALLIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunus._engine import RawCounts, Scan

REAL = (
    "gpt2 bert-base-uncased roberta-base t5-small phi-2 all-minilm-l6-v2 whisper-tiny smollm2-135m mistral-7b-v0.1 "
    "gpt-neox-20b bert-base-cased qwen3 phi-3-mini"
)
CORPORA = {
    "xquad": ("context", 60),
    "pawsx-en-zh": ("sentence2", 200),
    "kornli": ("sentence1", 200),
    "udhr": ("text", 600),
    "jsts": ("sentence1", 40),
}
ODD = [
    "a  b\t\tc   <|endoftext|> d",
    "<s>one</s> [MASK] <|im_start|>two<|0.02|>",
    "cafe\u0301 \u1112\u1161\u11ab \u212b nai\u0308ve",
    "हिन्दी में नमस्ते",
    "漢字かな交じり文は区切りのない長い文であり、同じ文が二度と来ない。" * 3,
    "Donaudampfschifffahrtsgesellschaftskapitän " * 4,
    "",
    None,
    " ",
    "a" * 3000,
]


def histogram(raw: RawCounts) -> dict[int, int]:
    return dict(zip(np.frombuffer(raw.ids, "<u4").tolist(), np.frombuffer(raw.counts, "<u8").tolist(), strict=True))


def each_alone_and_all(
    engines: Sequence[Engine], table: pa.Table, columns: Sequence[str] = ("text",), **options: Any
) -> list[tuple[Any, Any]]:
    """Histogram and tallies of each tokenizer, alone with one thread and together with all others."""

    def counted(first: Engine, *others: Engine, **options: Any) -> list[Any]:
        scan = first.start(list(columns), others=list(others), **options)
        for number, batch in enumerate(table.to_batches(max_chunksize=23)):
            scan.push(batch, "memory", 23 * number)
        return [(histogram(raw), {name: getattr(raw, name) for name in TALLIES}) for raw in scan.finish_each()]

    alone = {name: value for name, value in options.items() if name not in {"threads", "memory"}}
    return list(zip([counted(engine, **alone)[0] for engine in engines], counted(*engines, **options), strict=True))


def push_and_finish(scan: Scan, batch: pa.RecordBatch) -> None:
    """Either of them meets the error of a worker."""
    scan.push(batch)
    scan.finish_each()


def agree(*arguments: Any, **options: Any) -> None:
    for number, (alone, together) in enumerate(each_alone_and_all(*arguments, **options)):
        assert together == alone, number


@pytest.fixture(scope="module")
def real(shared_tokenizers: Path) -> list[Engine]:
    return [Engine((shared_tokenizers / name / "tokenizer.json").read_bytes()) for name in REAL.split()]


@pytest.mark.parametrize("memory", [None, 1 << 20, 1 << 10])
@pytest.mark.parametrize("threads", [1, 3])
def test_real_tokenizers(real: list[Engine], shared_corpora: Path, threads: int, memory: int | None) -> None:
    texts: list[str | None] = list(ODD)
    for corpus, (column, step) in CORPORA.items():
        texts += pq.read_table(shared_corpora / f"{corpus}.parquet", columns=[column]).column(0).to_pylist()[::step]
    agree(real, pa.table({"text": texts}), threads=threads, memory=memory)


def test_pairs_dictionaries_samples_and_bytes(real: list[Engine]) -> None:
    texts = pa.array(ODD * 3)
    pairs = pa.table({"a": texts, "b": texts.take(pa.array(range(len(texts)))[::-1])})
    agree(real, pairs, ("a", "b"), pair=True, threads=2)
    agree(real, pa.table({"text": texts.dictionary_encode()}), threads=2)
    agree(real, pa.table({"text": texts}), sample=1 << 63)
    spoilt = pa.table({"text": [b"ab\xff c", *(text.encode() for text in ODD if text is not None)]})
    for policy in ("skip", "replace"):
        agree(real, spoilt, invalid_utf8=policy)
    with pytest.raises(InvalidTextError, match="row 0"):
        agree(real, spoilt)


def byte_level(merges: Sequence[str], added: Sequence[str] = (), *, nfc: bool = False, whole: str = "") -> bytes:
    """GPT-2's pipeline over all bytes, these merges and added tokens; `whole` is looked up before merging."""
    alphabet = {character: number for number, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    spelled = ["".join(merge.split()) for merge in merges] + [whole] * bool(whole)
    vocabulary = alphabet | {token: len(alphabet) + number for number, token in enumerate(dict.fromkeys(spelled))}
    pairs = [(left, right) for left, right in map(str.split, merges)]
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=bool(whole)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens(list(added))
    return tokenizer.to_str().encode()


def long_piece(left: str, right: str) -> str:
    return "x" * 9 + left + right + "y" * 9


TINY = {
    "an added token of one of them": ([byte_level([]), byte_level([], ["the"])], ["in the end", "the", "an end"]),
    "sets": (
        [byte_level(["a b"], [token]) for token in "abcdef"],
        ["bcdef" * 2, "cdef", "def", "adef", "abef", "abcf", "a", "g", "abcdef", "aabbccddeeff"],
    ),
    "NFC": ([byte_level([]), byte_level([], nfc=True)], ["e\u0301", "\u00e9", "\u0915\u094d\u0937", "e"]),
    "merges across a border of one only": (
        [byte_level(["x x"]), byte_level(["p q"]), byte_level(["q y", "y y"])],
        [long_piece("p", "q"), long_piece("x", "p"), long_piece("q", "y")],
    ),
    "whole pieces of one only": (
        [byte_level([]), byte_level(["x x"], whole=long_piece("p", "q"))],
        [long_piece("p", "q"), long_piece("p", "q") + "z", long_piece("p", "q") + "."],
    ),
}


@pytest.mark.parametrize("case", TINY)
@pytest.mark.parametrize("memory", [None, 1 << 12])
def test_tiny_tokenizers(case: str, memory: int | None) -> None:
    documents, rows = TINY[case]
    engines = [Engine(document) for document in documents]
    assert {engine.path for engine in engines} == {"native:gpt2"}
    agree(engines, pa.table({"text": rows * 3}), threads=2, memory=memory)
    counted = each_alone_and_all(engines, pa.table({"text": rows}), memory=memory)
    for document, (_, (together, _)) in zip(documents, counted, strict=True):
        oracle = Tokenizer.from_str(document.decode())
        ids = [id_ for row in rows for id_ in oracle.encode(row).ids]
        assert together == {id_: ids.count(id_) for id_ in ids}


def test_scanners_that_differ_do_not_share() -> None:
    def with_digits(individual: bool) -> bytes:
        tokenizer = Tokenizer.from_str(byte_level(["1 2", "Ġ 1"]).decode())
        apart = pre_tokenizers.Digits(individual_digits=individual)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([apart, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        return tokenizer.to_str().encode()

    def marked(scheme: str) -> bytes:
        tokenizer = Tokenizer(models.BPE({"?": 0, "▁": 1, "a": 2, "▁a": 3}, [("▁", "a")], unk_token="?"))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
        return tokenizer.to_str().encode()

    def split(digits: str) -> bytes:
        pattern = (
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"
        )
        tokenizer = Tokenizer.from_str(byte_level(["1 2"]).decode())
        parts = [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
        return tokenizer.to_str().encode()

    documents = [with_digits(True), with_digits(False), *map(marked, ("always", "first", "never"))]
    documents += [split(""), split("{1,3}"), byte_level(["1 2", "Ġ 1"])]
    engines = [Engine(document) for document in documents]
    assert all(engine.path.startswith("native") for engine in engines)
    agree(engines, pa.table({"text": ["a 1212 a12", "aa", " a", "12 12345"]}))


def test_the_model_of_one_fails(shared_tokenizers: Path) -> None:
    sound = (shared_tokenizers / "bert-base-uncased" / "tokenizer.json").read_bytes()
    broken = json.loads(sound)
    broken["model"]["unk_token"] = "[absent]"
    engines = [Engine(document) for document in (sound, sound, json.dumps(broken).encode())]
    agree(engines, pa.table({"text": ["the cat", "sat"]}), threads=2)
    for memory in (None, 1 << 10):
        scan = engines[0].start(["text"], others=engines[1:], threads=2, memory=memory)
        with pytest.raises(TokenizerError, match="☃"):
            push_and_finish(scan, pa.record_batch({"text": ["the cat", "☃"]}))


def test_ready_ids_belong_to_one_tokenizer() -> None:
    scan = Engine(byte_level([])).start(["ids"], others=[Engine(byte_level(["a b"]))])
    with pytest.raises(UsageError, match="belong to one tokenizer"):
        push_and_finish(scan, pa.record_batch({"ids": [[1, 2]]}))
