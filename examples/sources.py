"""One corpus, many sources: pyarrow, polars, duckdb, pandas, `datasets`, an iterator. All give the same counts."""

from __future__ import annotations

from pathlib import Path

import datasets
import duckdb
import polars as pl
import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import prunus

CORPUS = Path(__file__).parent / "data" / "shakespeare.parquet"


def small_tokenizer(texts: list[str]) -> Tokenizer:
    """A byte-level BPE trained on the spot; a path to a model directory would do as well."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def main() -> None:
    table = pq.read_table(CORPUS).slice(0, 500)
    (column,) = table.column_names
    texts = table.column(column).to_pylist()
    scanner = prunus.Scanner(small_tokenizer(texts))
    sources = {
        "pyarrow": table,
        "polars": pl.from_arrow(table),
        "duckdb": duckdb.from_arrow(table),
        "pandas": table.to_pandas(),
        "datasets": datasets.Dataset(table),
        "iterator": iter(texts),
    }
    found = {name: scanner.scan(source) for name, source in sources.items()}
    for name, counts in found.items():
        same = counts.counts.tolist() == found["pyarrow"].counts.tolist()
        print(f"{name:9} {counts.info.tokens:,} tokens, {len(counts)} ids: {'same' if same else 'DIFFERENT'}")
        if not same:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
