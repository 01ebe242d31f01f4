"""Spark: PySpark `local[2]` gives the counts of a plain scan, whatever the partitions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunus
from prunus.errors import ColumnError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator

sql: Any = pytest.importorskip("pyspark.sql", reason="PySpark is not installed (pip install --group engines)")
pyspark: Any = pytest.importorskip("pyspark")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java, which is not installed", allow_module_level=True)

from prunus.engine.spark import scan  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        # Workers would otherwise be the first `python3` of the PATH, which need not be this environment.
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        yield from sessions()


def sessions() -> Iterator[Any]:
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    # Short jobs: the second compiler of Java costs more than it gives.
    builder = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1").config(
        "spark.driver.memory", "1g"
    )
    builder = builder.config("spark.sql.adaptive.enabled", "false").config("spark.sql.shuffle.partitions", "1")
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("spark") / "corpus.parquet"
    texts = [None if i % 29 == 7 else "the cat sat on a mat 1 x " * (i % 7) + str(i % 5) for i in range(3000)]
    inner = pa.array([{"body": text} for text in texts], pa.struct([("body", pa.string())]))
    table = pa.table({"text": texts, "other": texts[::-1], "nested": inner, "n": range(3000)})
    pq.write_table(table, file, row_group_size=500)
    return file


def same(found: prunus.TokenCounts, want: prunus.TokenCounts) -> None:
    assert found.info.sources == ({"object": "pyspark.sql.DataFrame"},)
    assert replace(found.info, sources=()) == replace(want.info, sources=())
    assert (found.ids.tolist(), found.counts.tolist()) == (want.ids.tolist(), want.counts.tolist())
    assert found.tokens == want.tokens


def test_the_counts_are_those_of_a_plain_scan(spark: Any, corpus: Path, words: Path) -> None:
    want = prunus.scan(str(corpus), tokenizer=words, columns=["text", "nested.body"])
    frame = spark.read.parquet(str(corpus)).repartition(5)
    same(scan(frame, ["text", "nested.body"], words), want)


def test_pairs_options_and_partitions_without_rows(spark: Any, corpus: Path, words: Path) -> None:
    table = pq.read_table(corpus).slice(0, 3)
    want = prunus.scan(table, tokenizer=words, columns=["text", "other"], pair=True, add_special_tokens=False)
    frame = spark.read.parquet(str(corpus)).filter("n < 3").repartition(4)
    same(scan(frame, ["text", "other"], words, pair=True, add_special_tokens=False), want)


def test_what_cannot_be_counted_is_said(spark: Any, corpus: Path, words: Path) -> None:
    frame = spark.read.parquet(str(corpus))
    with pytest.raises(ColumnError, match="txt") as caught:
        scan(frame, "txt", words)
    assert "text" in caught.value.hint
    with pytest.raises(CorpusError, match="nothing to count"):
        scan(frame.filter("n < 0"), "text", words)
    with pytest.raises(Exception, match="ColumnError"):
        scan(frame.select(frame.n.cast("double").alias("n")), "n", words)


def test_the_example_runs_under_spark_submit(spark: Any, corpus: Path, words: Path, tmp_path: Path) -> None:
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    if not submit.is_file():
        pytest.skip("this PySpark has no spark-submit")
    example = Path(__file__).resolve().parents[2] / "examples" / "spark_scan.py"
    master = ["--master", "local[2]", "--driver-java-options", "-XX:TieredStopAtLevel=1"]
    command = [submit, *master, "--conf", "spark.ui.enabled=false", example, corpus, "text", words, tmp_path / "out"]
    where = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, env=os.environ | where
    )
    assert run.returncode == 0, run.stderr[-3000:]
    same(prunus.TokenCounts.load(tmp_path / "out"), prunus.scan(str(corpus), tokenizer=words, columns=["text"]))
