"""Every format and compression gives the rows that were written."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sys

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from prunus.corpus import open_corpus
from prunus.errors import CorpusError, UsageError

TEXTS = [f"row {i} {'é' * (i % 5)} 한국어" for i in range(20_000)] + ["", " ", "\t", "x\u2028y"]
TABLE = pa.table({"text": TEXTS, "label": range(len(TEXTS))})


def compressed(data, codec):
    if codec == "gzip":
        return gzip.compress(data)
    if codec == "bz2":
        return bz2.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=7000)
    return sink.getvalue()


def arrow_file(table):
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=6000)
    return sink.getvalue()


def arrow_stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=6000)
    return sink.getvalue()


def feather(table):
    sink = io.BytesIO()
    pa.feather.write_feather(table, sink, compression="lz4")
    return sink.getvalue()


def jsonl(table):
    return "".join(json.dumps(row, ensure_ascii=row["label"] % 2 == 0) + "\n" for row in table.to_pylist()).encode()


def text(table):
    return "".join(row + "\n" for row in table["text"].to_pylist()).encode()


WRITERS = {
    ".parquet": parquet, ".arrow": arrow_file, ".ipc": arrow_stream, ".feather": feather,
    ".jsonl": jsonl, ".ndjson": jsonl, ".json": jsonl, ".txt": text, ".text": text, ".md": text,
}  # fmt: skip
CODECS = {"": None, ".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}


@pytest.fixture(scope="module")
def content():
    return {suffix: write(TABLE) for suffix, write in WRITERS.items()}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_in_every_compression(tmp_path, content, read, suffix, codec):
    path = tmp_path / f"corpus{suffix}{codec}"
    data = content[suffix]
    path.write_bytes(compressed(data, CODECS[codec]) if codec else data)
    corpus = open_corpus(path)
    assert corpus.columns == ("text",)
    assert corpus.total_bytes == path.stat().st_size
    assert corpus.sources[0]["path"] == str(path)
    assert read(corpus) == TEXTS
    assert corpus.bytes_read() == corpus.total_bytes
    assert read(corpus) == TEXTS, "files can be read again"


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ipc", ".jsonl", ".txt"])
def test_progress_grows_while_reading(tmp_path, content, suffix):
    path = tmp_path / f"corpus{suffix}"
    path.write_bytes(content[suffix])
    corpus = open_corpus(path)
    seen = [corpus.bytes_read() for _ in corpus.batches()]
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= corpus.total_bytes


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".jsonl", ".txt"])
def test_an_explicit_format_overrides_the_name(tmp_path, content, read, suffix):
    format_ = {".parquet": "parquet", ".arrow": "arrow", ".jsonl": "jsonl", ".txt": "text"}[suffix]
    for name in ("corpus", "corpus.bin", "corpus.csv", "other.parquet" if suffix != ".parquet" else "other.txt"):
        (tmp_path / name).write_bytes(content[suffix])
        assert read(tmp_path / name, format=format_) == TEXTS
    (tmp_path / "packed.dat.gz").write_bytes(gzip.compress(content[suffix]))
    assert read(tmp_path / "packed.dat.gz", format=format_) == TEXTS


def test_extension_in_capitals(tmp_path, content, read):
    (tmp_path / "A.JSONL.GZ").write_bytes(gzip.compress(content[".jsonl"]))
    assert read(tmp_path / "A.JSONL.GZ") == TEXTS


def test_gzip_of_several_members(tmp_path, read):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree"))
    assert read(tmp_path / "a.txt.gz") == ["one", "two", "three"]


def test_a_page_that_its_checksum_contradicts_is_damaged(tmp_path, read):
    """Text that was changed is still text: only the sum that the file's writer left tells."""
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": TEXTS[:300]}),
        path,
        row_group_size=100,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    assert read(path) == TEXTS[:300]
    content = bytearray(path.read_bytes())
    content[content.index(b"row 150")] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.parquet, row group 1: cannot be read: .*CRC") as caught:
        read(path)
    assert "complete" in caught.value.hint


class Standard:
    def __init__(self, data):
        self.buffer = io.BufferedReader(io.BytesIO(data))


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ipc", ".txt"])
@pytest.mark.parametrize("source", ["-", ["-"]])
def test_standard_input_is_recognised(monkeypatch, content, read, suffix, source):
    monkeypatch.setattr(sys, "stdin", Standard(content[suffix]))
    corpus = open_corpus(source)
    assert corpus.total_bytes is None
    assert corpus.sources[0]["path"] == "-"
    assert read(corpus) == TEXTS
    assert corpus.bytes_read() == len(content[suffix])
    with pytest.raises(CorpusError, match="read only once"):
        read(corpus)


@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2", "lz4"])
@pytest.mark.parametrize(("suffix", "format_"), [(".jsonl", "jsonl"), (".ipc", "arrow"), (".parquet", "parquet")])
def test_standard_input_with_a_format(monkeypatch, content, read, codec, suffix, format_):
    monkeypatch.setattr(sys, "stdin", Standard(content[suffix]))
    assert read("-", format=format_) == TEXTS
    packed = compressed(content[suffix], codec)
    monkeypatch.setattr(sys, "stdin", Standard(packed))
    assert read("-", format=format_) == TEXTS
    monkeypatch.setattr(sys, "stdin", Standard(packed))
    with pytest.raises(UsageError, match="compressed"):
        read("-")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \n"])
def test_standard_input_that_may_be_jsonl_is_asked_for(monkeypatch, read, start):
    monkeypatch.setattr(sys, "stdin", Standard(start + b'{"text": "x"}\n'))
    with pytest.raises(UsageError, match="--format jsonl or --format text"):
        read("-")
    monkeypatch.setattr(sys, "stdin", Standard(start + b'{"text": "x"}\n'))
    assert read("-", format="jsonl") == ["x"]
    monkeypatch.setattr(sys, "stdin", Standard(start + b'{"text": "x"}\n'))
    assert read("-", format="text")[-1] == '{"text": "x"}'


def test_standard_input_empty_or_beside_files(monkeypatch, tmp_path, read):
    monkeypatch.setattr(sys, "stdin", Standard(b""))
    assert read("-") == []
    (tmp_path / "a.txt").write_text("a\n")
    with pytest.raises(UsageError, match="cannot be mixed"):
        read(["-", str(tmp_path / "a.txt")])


def test_whole_files_as_rows(tmp_path, read):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfthree"))
    (tmp_path / "c.txt").write_bytes(b"")
    assert read(tmp_path, text_rows="file") == ["one\r\ntwo\n", "three", ""]
    assert read(tmp_path, text_rows="line") == ["one", "two", "three"]


def test_what_is_a_row_of_text_is_not_asked_where_there_is_none(tmp_path, content, read):
    for name in ("a.jsonl", "b.parquet"):
        (tmp_path / name).write_bytes(content[f".{name.rpartition('.')[2]}"])
    with pytest.raises(UsageError, match=r"--text-rows.*no file is text"):
        read(tmp_path, "text", text_rows="file")
    (tmp_path / "c.txt").write_text("one\ntwo\n")
    assert read(tmp_path, "text", text_rows="file") == [*TEXTS, *TEXTS, "one\ntwo\n"]


def test_unknown_options(tmp_path, read):
    with pytest.raises(UsageError, match="text_rows 'page'"):
        read(tmp_path, text_rows="page")
    with pytest.raises(UsageError, match="parquet, arrow, jsonl, text"):
        read(tmp_path, format="csv")
    with pytest.raises(UsageError, match="Leave it out"):
        read(iter(["a"]), format="text")
