"""Corpora behind URLs: a real S3 server on loopback with faults put in, and fsspec."""

from __future__ import annotations

import gzip
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.fs as pf
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import prunus
from prunus.corpus.remote import is_url
from prunus.errors import CorpusError

TEXTS = [f"the cat {n} sat" for n in range(3000)]


class Faulty:
    """A WSGI application in front of the server's: counts what is sent, and fails on request."""

    def __init__(self, application):
        self.application = application
        self.reset()

    def reset(self):
        self.sent = 0
        self.requests = 0
        self.failures = 0
        self.fail = lambda number: None

    def __call__(self, environ, start_response):
        self.requests += 1
        kind = self.fail(self.requests)
        if kind == "unavailable":
            self.failures += 1
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        if kind == "slow":
            self.failures += 1
            time.sleep(0.2)
        parts = list(self.application(environ, start_response))
        if kind == "dropped" and environ["REQUEST_METHOD"] == "GET" and sum(map(len, parts)) > 100:
            self.failures += 1
            return [parts[0][:50]]  # fewer bytes than announced, then the connection closes
        self.sent += sum(map(len, parts))
        return parts


@pytest.fixture(scope="module")
def server():
    server_module = pytest.importorskip("moto.server")
    serving = pytest.importorskip("werkzeug.serving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        faulty = Faulty(server_module.DomainDispatcherApplication(server_module.create_backend_app))
        quiet = type("Quiet", (serving.WSGIRequestHandler,), {"log": lambda *_: None})
        made = serving.make_server("127.0.0.1", 0, faulty, threaded=True, request_handler=quiet)
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = pf.S3FileSystem(endpoint_override=f"127.0.0.1:{made.port}", scheme="http", allow_bucket_creation=True)
        store.create_dir("corpora")
        faulty.store = store
        yield faulty
        made.shutdown()
        thread.join()


@pytest.fixture
def bucket(server):
    server.reset()
    return server


@pytest.fixture(scope="module")
def tokenizer():
    made = Tokenizer(models.WordLevel({"the": 0, "cat": 1, "sat": 2, "?": 3}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def put(server, name, data):
    with server.store.open_output_stream(f"corpora/{name}", compression=None) as stream:
        stream.write(data)


def parquet(texts, **columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts, **columns}), sink, row_group_size=1000, compression="none")
    return sink.getvalue().to_pybytes()


def counted(source, tokenizer, **options):
    return prunus.scan(source, tokenizer=tokenizer, columns=["text"], **options)


def same(counts, tokenizer, texts=TEXTS):
    expected = prunus.scan(texts, tokenizer=tokenizer)
    return counts.ids.tolist() == expected.ids.tolist() and counts.counts.tolist() == expected.counts.tolist()


def test_a_directory_a_glob_and_files_of_each_format(bucket, tokenizer):
    lines = "".join(f"{text}\n" for text in TEXTS).encode()
    put(bucket, "dir/a.parquet", parquet(TEXTS[:1500]))
    put(bucket, "dir/deep/b.parquet", parquet(TEXTS[1500:]))
    put(bucket, "dir/_hidden/c.parquet", parquet(TEXTS))
    put(bucket, "dir/README.md", b"about")
    put(bucket, "one.txt.gz", gzip.compress(lines))
    put(bucket, "one.jsonl", "".join(f'{{"text": "{text}"}}\n' for text in TEXTS).encode())
    for source in ("s3://corpora/dir", "s3://corpora/dir/**/[ab].parquet", ["s3://corpora/dir/a.parquet", "s3://corpora/dir/deep/*"],
                   "s3://corpora/one.txt.gz", "s3://corpora/one.jsonl"):  # fmt: skip
        counts = counted(source, tokenizer)
        assert same(counts, tokenizer), source
    assert [s["path"] for s in counted("s3://corpora/dir", tokenizer).info.sources] == [
        "s3://corpora/dir/a.parquet",
        "s3://corpora/dir/deep/b.parquet",
    ]


def test_only_the_text_column_travels(bucket, tokenizer):
    noise = np.random.default_rng(0).bytes(4_000_000)
    filler = [noise[n * 1000 : (n + 1) * 1000] for n in range(len(TEXTS))]
    data = parquet(TEXTS, filler=filler)
    put(bucket, "wide.parquet", data)
    bucket.reset()
    assert same(counted("s3://corpora/wide.parquet", tokenizer), tokenizer)
    text_bytes = sum(map(len, TEXTS))
    assert text_bytes < bucket.sent < text_bytes + 300_000 < len(data) / 5


@pytest.mark.parametrize("kind", ["unavailable", "dropped", "slow"])
def test_transient_faults_change_nothing(bucket, tokenizer, kind):
    put(bucket, "faulty.parquet", parquet(TEXTS))
    bucket.reset()
    bucket.fail = lambda number: kind if number % 3 == 2 else None
    assert same(counted("s3://corpora/faulty.parquet", tokenizer), tokenizer)
    assert bucket.failures > 0


def test_a_file_that_changes_in_the_middle_is_an_error(bucket, tokenizer):
    put(bucket, "changing.parquet", parquet(TEXTS))
    corpus = prunus.open_corpus("s3://corpora/changing.parquet", ["text"])
    batches = corpus.batches()
    next(batches)
    put(bucket, "changing.parquet", parquet(list(reversed(TEXTS))))
    with pytest.raises(CorpusError, match="changed while it was read"):
        list(batches)


def test_what_is_not_there_is_an_error_that_names_it(bucket, tokenizer):
    for url in (
        "s3://corpora/none.parquet",
        "s3://corpora/*.none",
        "s3://no-such-bucket/x.parquet",
        "nonsense://x/y.txt",
    ):
        with pytest.raises(CorpusError) as caught:
            counted(url, tokenizer)
        assert url in str(caught.value)


def test_the_command_line_takes_urls(bucket, tokenizer, tmp_path, capsys):
    from prunus.cli import main

    put(bucket, "cli.parquet", parquet(TEXTS))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    out = tmp_path / "counts.parquet"
    assert main(["scan", "s3://corpora/cli.parquet", "--tokenizer", str(tmp_path), "-o", str(out)]) == 0
    assert same(prunus.TokenCounts.load(out), tokenizer)


def test_any_fsspec_file_system(tokenizer, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/corpus/a.txt", b"the cat\n")
    memory.pipe("/corpus/b.txt", b"sat\n")
    assert counted("memory://corpus", tokenizer).counts.tolist() == [1, 1, 1]
    assert counted("memory://corpus/*.txt", tokenizer).info.rows == 2
    (tmp_path / "c.txt").write_text("the\n")
    assert counted(f"file://{tmp_path}/c.txt", tokenizer).info.tokens == 1


def test_texts_with_urls_in_them_stay_texts(tokenizer):
    assert not is_url("see https://example.org/a.txt")
    assert prunus.scan(["see https://example.org/a.txt", "the cat"], tokenizer=tokenizer).info.rows == 2
