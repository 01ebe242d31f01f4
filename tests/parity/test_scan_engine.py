"""The engine's own promises: fingerprint, special tokens, truncation, cancelling, Ctrl-C, forks, panics."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from prunus._engine import Engine, build_info, fingerprint, lines
from prunus.errors import TokenizerError, UsageError


def word_level(**special):
    tokenizer = Tokenizer(models.WordLevel({"?": 0, "to": 1, "be": 2, "[C]": 3, "[S]": 9}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_real_tokenizers_take_a_native_path(name, real):
    engine = real(name).engine()
    assert engine.path.startswith("native:"), engine.path_reason
    assert engine.fingerprint == fingerprint(real(name).json)
    oracle = real(name).oracle
    tokens = {identifier: token for token, identifier in oracle.get_vocab().items()}
    assert engine.tokens(list(range(engine.size))) == [tokens.get(i, "") for i in range(engine.size)]
    assert engine.size == max(oracle.get_vocab().values()) + 1


def test_fingerprint_ignores_truncation_and_padding_only():
    tokenizer = word_level()
    plain = fingerprint(tokenizer.to_str().encode())
    assert fingerprint(tokenizer.to_str(pretty=True).encode()) == plain
    tokenizer.enable_truncation(7)
    tokenizer.enable_padding()
    engine = Engine(tokenizer.to_str().encode())
    assert (engine.fingerprint, engine.has_truncation, engine.has_padding) == (plain, True, True)
    tokenizer.add_tokens(["new"])
    assert fingerprint(tokenizer.to_str().encode()) != plain


@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_on_request(side, run_scan, histogram_of):
    tokenizer = word_level()
    tokenizer.post_processor = processors.BertProcessing(("[S]", 9), ("[C]", 3))
    tokenizer.enable_truncation(5, direction=side)
    tokenizer.enable_padding(length=20)
    texts = ["to be " * n for n in range(6)]
    table = pa.table({"a": texts, "b": texts[::-1]})
    tokenizer_without_padding = Tokenizer.from_str(tokenizer.to_str())
    tokenizer_without_padding.no_padding()
    engine = Engine(tokenizer.to_str().encode(), truncation=True)
    assert (engine.path, engine.path_reason) == ("row", "truncation was asked for")
    for pair, rows in [(False, texts), (True, list(zip(texts, texts[::-1], strict=True)))]:
        flat = [i for e in tokenizer_without_padding.encode_batch(rows) for i in e.ids]
        raw = run_scan(engine, table, ("a", "b") if pair else ("a",), pair=pair)
        assert histogram_of(raw) == dict(zip(*map(np.ndarray.tolist, np.unique(flat, return_counts=True)), strict=True))
    with pytest.raises(UsageError, match="truncation was asked for"):
        Engine(tokenizer.to_str().encode(), truncation=True, path="generic")


def test_special_tokens_of_empty_rows_and_odd_templates(case_of):
    tokenizer = word_level()
    template = processors.TemplateProcessing(
        single="[C] $A [S] [C]", pair="$A [S] $B", special_tokens=[("[C]", 3), ("[S]", 9)]
    )
    tokenizer.post_processor = template
    case = case_of(tokenizer)
    assert case.counted(["", "to", ""]) == case.expected(["", "to", ""]) == {1: 1, 3: 6, 9: 3}
    assert case.engine().size == 10  # a hole in the ids
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[C] $A $A", pair="$A $B", special_tokens=[("[C]", 3)]
    )
    doubled = case_of(tokenizer)
    assert (doubled.engine().path, doubled.counted(["to be"])) == ("row", doubled.expected(["to be"]))


def test_dropout_takes_whole_rows():
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.5))
    engine = Engine(tokenizer.to_str().encode())
    assert engine.path == "row"
    assert "lots" in engine.path_reason


def test_added_tokens_with_strips_and_word_borders(case_of):
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(
        [AddedToken("<m>", lstrip=True), AddedToken("<r>", rstrip=True), AddedToken("<w>", single_word=True)]
    )
    tokenizer.add_tokens([AddedToken("covid"), AddedToken("co"), AddedToken("  ")])
    case = case_of(tokenizer)
    rows = ["a  <m> b", "a <r>  b", "a<w>b <w> c", "covid co cov", "a   b    c", "no tokens", "<m><m> <r> <r>"]
    for path in ("auto", "generic", "row"):
        assert case.counted(rows, path) == case.expected(rows)
    raw = case.engine().start(["text"])
    raw.push(pa.record_batch({"text": rows}))
    assert raw.finish().fallback_rows == 4


def test_refused():
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        Engine(b'{"model": {}}')
    with pytest.raises(UsageError, match="unknown path"):
        Engine(word_level().to_str().encode(), path="fast")
    with pytest.raises(UsageError, match="word-level"):
        Engine(word_level().to_str().encode(), path="native")
    for options in ({"threads": 0}, {"invalid_utf8": "drop"}):
        with pytest.raises(UsageError):
            Engine(word_level().to_str().encode()).start(["text"], **options)


@pytest.mark.parametrize("forced", ["auto", "row"])
def test_a_text_that_the_library_cannot_encode(forced, run_scan):
    broken = json.loads(word_level().to_str())
    broken["model"] |= {
        "type": "WordPiece",
        "unk_token": "[U]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 9,
    }
    engine = Engine(json.dumps(broken).encode(), path=forced)
    with pytest.raises(TokenizerError, match="unknownword" if forced == "auto" else "row 1"):
        run_scan(engine, ["to be", "unknownword"])


@pytest.mark.parametrize("forced", ["auto", "row"])
def test_a_text_on_which_the_library_panics(forced, run_scan):
    panicking = json.loads(word_level().to_str()) | {"pre_tokenizer": {"type": "FixedLength", "length": 0}}
    engine = Engine(json.dumps(panicking).encode(), path=forced)
    with pytest.raises(TokenizerError, match=r"memory: row 1 .* panicked"):
        run_scan(engine, ["", "to be"])


def test_cancel_returns_at_once(case_of):
    case = case_of(word_level())
    scan = case.engine("row").start(["text"], threads=2)
    big = pa.record_batch({"text": ["to be " * 200_000] * 8})
    scan.push(big)
    start = time.perf_counter()
    scan.cancel()
    with pytest.raises(Exception, match="cancelled"):
        scan.finish()
    assert time.perf_counter() - start < 1


def test_ctrl_c_is_answered_within_a_second():
    program = (
        "import prunus, itertools, sys\n"
        "from tokenizers import Tokenizer, models\n"
        "t = Tokenizer(models.WordLevel({'?': 0}, unk_token='?'))\n"
        "print('ready', flush=True)\n"
        "prunus.scan(itertools.repeat('to be ' * 9000), tokenizer=t, path='row', threads=2)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    start = time.perf_counter()
    _, errors = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert time.perf_counter() - start < 1.5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork(case_of):
    case = case_of(word_level())
    scan = case.engine().start(["text"], threads=2)
    scan.push(pa.record_batch({"text": ["to be"]}))
    child = os.fork()
    if child == 0:
        try:
            scan.push(pa.record_batch({"text": ["to be"]}))
        except UsageError:
            # A new scan in the child has threads of its own.
            os._exit(0 if case.counted(["to be"], threads=2) == {1: 1, 2: 1} else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert scan.finish().tokens == 2


def test_lines():
    assert pa.array(lines("a\r\nb\n\n\u00e9".encode())).to_pylist() == ["a", "b", "", "é"]
    assert build_info()["oracle"].startswith("tokenizers 0.23")


def test_added_tokens_that_the_library_confuses_by_chance_are_refused():
    tokenizer = word_level()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken("caf\u00e9", normalized=True), AddedToken("cafe\u0301", normalized=True)])
    with pytest.raises(TokenizerError, match="the same after normalisation"):
        Engine(tokenizer.to_str().encode())
