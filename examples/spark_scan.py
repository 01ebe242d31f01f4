"""Counts a corpus on a Spark cluster: `spark-submit examples/spark_scan.py CORPUS COLUMN MODEL counts.parquet`.

The executors need Python with prunus (`--archives environment.tar.gz#environment`, or an image that has it); the model
directory and the result are the driver's. Tried with `--master local[2]`.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

from prunus.engine import spark as engine


def main() -> None:
    corpus, column, model, out = sys.argv[1:]
    session = SparkSession.builder.appName("prunus scan").getOrCreate()
    frame = session.read.parquet(corpus)
    # Text may be cleaned here first: what is counted is what the frame holds.
    counts = engine.scan(frame, column, model)
    counts.save(out)
    print(counts.summary())
    session.stop()


if __name__ == "__main__":
    main()
