"""Files that were damaged anywhere are read as what they were, or refused by an error of ours; nothing else escapes.

Hypothesis finds the damage: bytes changed, cut out, doubled, put in; for JSON also values of another type anywhere in
the tree. `HYPOTHESIS_PROFILE=slow` runs a thousand examples each; docs/reliability.md has the figures of a longer run.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import prunus
from prunus._engine import Engine, fingerprint
from prunus.checkpoint.index import Checkpoint
from prunus.counts import TokenCounts
from prunus.errors import PrunusError
from prunus.kept import KeptTokens
from prunus.planned import PrunePlan
from prunus.tokenizer.document import TokenizerDocument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELAXED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
TEXTS = ["the cat sat on the mat", "a cat", "the mat"]


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A function that damages bytes at a place that is drawn as a share, so that it fits any file."""
    share, kind = draw(st.floats(0, 1)), draw(st.sampled_from(["change", "cut", "double", "insert", "end"]))
    length, put = draw(st.integers(1, 64)), draw(st.binary(min_size=1, max_size=16))

    def apply(data: bytes) -> bytes:
        at = int(share * max(len(data) - 1, 0))
        if kind == "change":
            return data[:at] + put + data[at + len(put) :]
        if kind == "cut":
            return data[:at] + data[at + length :]
        if kind == "double":
            return data[: at + length] + data[at:]
        return data[:at] + put + data[at:] if kind == "insert" else data[:at]

    return apply


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2**65), st.floats(), st.text(max_size=8),
    st.just([]), st.just({}), st.just([[]]), st.just({"type": "Unknown"}),
)  # fmt: skip


@st.composite
def twisted(draw: st.DrawFn) -> Callable[[Any], Any]:
    """A function that puts a value of any type somewhere into a JSON tree, or takes one out."""
    steps, value, drop = draw(st.lists(st.floats(0, 0.999), min_size=1, max_size=6)), draw(VALUES), draw(st.booleans())

    def apply(tree: Any, at: int = 0) -> Any:
        if not isinstance(tree, (dict, list)) or not tree or at == len(steps):
            return value
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        key = keys[int(steps[at] * len(keys))]
        last = at + 1 == len(steps)
        if isinstance(tree, dict):
            if last and drop:
                return {k: v for k, v in tree.items() if k != key}
            return {**tree, key: apply(tree[key], at + 1)}
        return tree[:key] + ([] if last and drop else [apply(tree[key], at + 1)]) + tree[key + 1 :]

    return apply


def refuses(act: Callable[[], object]) -> None:
    """Runs something that may only succeed or raise an error of ours."""
    with suppress(PrunusError):
        act()


@pytest.fixture(scope="module")
def made(shared_tiny_bert: Path) -> Path:
    """A model, a corpus, counts, a plan and a list of kept tokens, all sound."""
    pq.write_table(pa.table({"text": TEXTS}), shared_tiny_bert / "corpus.parquet")
    counts = prunus.scan(shared_tiny_bert / "corpus.parquet", tokenizer=shared_tiny_bert / "model")
    counts.save(shared_tiny_bert / "counts.parquet")
    planned = prunus.plan(shared_tiny_bert / "model", counts, tokenizer_from="file")
    planned.save(shared_tiny_bert / "plan.json")
    planned.kept.save(shared_tiny_bert / "keep.parquet")
    return shared_tiny_bert


def read_tokenizer(data: bytes) -> None:
    refuses(lambda: TokenizerDocument.parse(data).tokens)
    refuses(lambda: fingerprint(data))
    refuses(lambda: Engine(data).encode(TEXTS[0]))


@RELAXED
@given(damage())
def test_tokenizer_json_damaged(made: Path, damage: Callable[[bytes], bytes]) -> None:
    read_tokenizer(damage((made / "model" / "tokenizer.json").read_bytes()))


@RELAXED
@given(twisted())
def test_tokenizer_json_twisted(made: Path, twisted: Callable[[Any], Any]) -> None:
    read_tokenizer(json.dumps(twisted(json.loads((made / "model" / "tokenizer.json").read_bytes()))).encode())


@RELAXED
@given(damage())
def test_safetensors_damaged(made: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = damage((made / "model" / "model.safetensors").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(data)
    refuses(lambda: Checkpoint.open(tmp_path))


@RELAXED
@given(twisted())
def test_safetensors_header_twisted(made: Path, tmp_path: Path, twisted: Callable[[Any], Any]) -> None:
    data = (made / "model" / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(twisted(json.loads(data[8 : 8 + size]))).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])
    refuses(lambda: Checkpoint.open(tmp_path))


@RELAXED
@given(damage())
def test_counts_and_kept_tokens_damaged(made: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    for name, load in (("counts.parquet", TokenCounts.load), ("keep.parquet", KeptTokens.load)):
        (tmp_path / name).write_bytes(damage((made / name).read_bytes()))
        refuses(lambda load=load, name=name: load(tmp_path / name))  # type: ignore[misc]


@RELAXED
@given(twisted())
def test_counts_metadata_twisted(made: Path, twisted: Callable[[Any], Any]) -> None:
    table = pq.read_table(made / "counts.parquet")
    record = json.dumps(twisted(json.loads(table.schema.metadata[b"prunus"])))
    refuses(lambda: TokenCounts.from_arrow(table.replace_schema_metadata({"prunus": record})).summary())


@RELAXED
@given(twisted())
def test_plan_twisted(made: Path, tmp_path: Path, twisted: Callable[[Any], Any]) -> None:
    plan = twisted(json.loads((made / "plan.json").read_bytes()))
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    refuses(lambda: str(PrunePlan.load(tmp_path / "plan.json")))


@RELAXED
@given(damage(), st.sampled_from(["parquet", "arrow"]))
def test_corpora_damaged(made: Path, tmp_path: Path, damage: Callable[[bytes], bytes], kind: str) -> None:
    sink = pa.BufferOutputStream()
    table = pq.read_table(made / "corpus.parquet")
    if kind == "parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    file = tmp_path / f"corpus.{kind}"
    file.write_bytes(damage(sink.getvalue().to_pybytes()))
    refuses(lambda: list(prunus.open_corpus(file).batches()))
