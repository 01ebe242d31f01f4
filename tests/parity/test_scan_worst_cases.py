"""Texts made to hurt: time grows with their length, not with its square; Ctrl-C is answered in the middle of one."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import pytest

SMALL, LARGE = 50_000, 400_000
RANDOM = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=LARGE))
CASES = {
    "no space": lambda size, added: RANDOM[:size],
    "one letter": lambda size, added: "a" * size,
    "spaces": lambda size, added: " " * size,
    "added tokens": lambda size, added: added * (size // len(added)),
    "distinct words": lambda size, added: " ".join(RANDOM[i : i + 9] for i in range(0, size, 10)),
}


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("tokenizer", ["gpt2", "bert-base-uncased", "t5-small", "mistral-7b-v0.1"])
def test_time_is_linear(text, tokenizer, real):
    """Eight times the text takes eight times as long; three times that is allowed for noise, a square would be 64."""
    try:
        case = real(tokenizer)
    except FileNotFoundError:
        pytest.skip("no real tokenizers here")
    added = json.loads(case.json)["added_tokens"][0]["content"]
    case.counted(["warm up"])

    def seconds(size: int) -> float:
        row = [CASES[text](size, added)]
        times = []
        for _ in range(3):
            start = time.process_time()
            case.counted(row)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(LARGE) < 24 * max(seconds(SMALL), 2e-3)


@pytest.mark.parametrize("row", ["'a' * 10_000_000", "'abcdefgh' * 1_250_000"])
def test_ctrl_c_inside_one_long_row(row):
    """The worker is at a piece of 10 MB that it cannot leave; the scan does not wait for it."""
    program = (
        "import prunus\n"
        "from tokenizers import Tokenizer, models, pre_tokenizers\n"
        "a = sorted(pre_tokenizers.ByteLevel.alphabet())\n"
        "merges = [(x, y) for x in 'abcdefgh' for y in 'abcdefgh']\n"
        "tokens = [*a, *map(''.join, merges)]\n"
        "t = Tokenizer(models.BPE({k: i for i, k in enumerate(tokens)}, merges))\n"
        "t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)\n"
        f"rows = [{row}] * 20\n"
        "print('ready', flush=True)\n"
        "prunus.scan(rows, tokenizer=t, threads=1)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    start = time.perf_counter()
    _, errors = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert time.perf_counter() - start < 1.5
