"""Are the rivals exact? Their ids beside the library's, row by row, and the shortest text on which they part.

    python benchmarks/exact.py --rival NAME=PYTHON... [--tokenizers DIR...] [--mb 2] [--examples 3]

Rivals are those of `scan.py`, set up as `rivals.py` says. The texts are some MB of each set, every code point below
U+20000 in three contexts, and rows put together by chance from what tokenizers stumble over, the added tokens among it.
A group of rows that gives other ids is halved down to a row, and the row is cut down to a text that cannot be shorter.
Writes `benchmarks/results/exact.md` and prints it: what each rival takes, and up to three such texts for each kind.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rivals import ADAPTERS, loaded, threads_of
from scan import adapter, interpreters
from sets import RESULTS, SETS, SHARED, built, first_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOKENIZERS = ("gpt2", "phi-2", "qwen3", "bert-base-uncased", "all-minilm-l6-v2", "t5-small", "mistral-7b-v0.1")
STRANGE = [
    *" \n\t_/é▁Ġß\u00a0\u3000\u200d\x00\ufffd\u2028\u0085\u0600",
    "  ",
    "\r\n",
    "'s",
    "'LL",
    "don't",
    "e\u0301",
    "İ",
]
STRANGE += ["１２", "1234", "中文", "日本", "한국", "हिन्दी", "🏳️‍🌈", "...", "--", "the", "WORLD", "#include", "x" * 150]


class Engine:
    """A tokenizer in a process of its own, asked for the ids of rows."""

    def __init__(self, python: str, name: str, tokenizer: Path) -> None:
        command = [python, __file__, "--engine", name, "--tokenizers", str(tokenizer)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __call__(self, rows: list[str]) -> Any:
        """All ids of these rows, or the error as text."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.write(json.dumps(rows) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '"it ended"')

    def close(self) -> None:
        """The process ends."""
        self.process.kill()
        self.process.wait()


def serve(name: str, tokenizer: Path) -> None:
    """Answers `Engine` from here on."""
    threads_of(1)
    rival = None
    for line in sys.stdin:
        try:
            rival = rival or loaded(name, tokenizer)
            answer: Any = np.concatenate([rival.ids(rival.encode(part)) for part in rival.parts(json.loads(line))])
            answer = answer.tolist()
        except BaseException as error:  # noqa: BLE001 - a rival may raise anything, and panics of Rust are no Exception
            answer = " ".join(str(error).split())[:100]
        print(json.dumps(answer), flush=True)


def groups(tokenizer: Path, megabytes: float) -> Iterable[tuple[str, list[str]]]:
    """The rows that are compared, by kind."""
    for name in SETS:
        yield name, first_rows(built(name), megabytes)[0].column(0).to_pylist()
    characters = [chr(point) for point in range(0x20000) if not 0xD800 <= point < 0xE000]
    yield "code points", [f"a{c}b {c} 1{c}{c}" for c in characters]
    rng = random.Random(1)
    added = [token["content"] for token in json.loads(tokenizer.read_bytes())["added_tokens"][:6]]
    yield "by chance", ["".join(rng.choices([*STRANGE, *added], k=rng.randint(1, 14))) for _ in range(20_000)]


def parted(rows: list[str], differs: Callable[[list[str]], bool]) -> int | None:
    """The first row that gives other ids; None if none does by itself."""
    start, end = 0, len(rows)
    if not differs(rows):
        return None
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (start, middle) if differs(rows[start:middle]) else (middle, end)
    return start if differs(rows[start:end]) else None


def shortest(text: str, differs: Callable[[list[str]], bool]) -> str:
    """The text without all that it can lose and still give other ids."""
    size = len(text)
    while size := size // 2:
        at = 0
        while at < len(text):
            shorter = text[:at] + text[at + size :]
            if shorter and differs([shorter]):
                text = shorter
            else:
                at += size
    return text


def examples(rows: list[str], number: int, differs: Callable[[list[str]], bool]) -> list[str]:
    found: list[str] = []
    while len(found) < number and (at := parted(rows, differs)) is not None:
        found.append(shortest(rows[at], differs))
        # Rows that hold the same text would show the same thing once more.
        rows = [row for row in rows[at + 1 :] if found[-1] not in row]
    return found


def report(name: str, python: str, tokenizer: Path, arguments: argparse.Namespace) -> Iterable[str]:
    """Lines of the table for one rival and tokenizer."""
    oracle, rival = Engine(sys.executable, "tokenizers", tokenizer), Engine(python, adapter(name), tokenizer)

    def differs(rows: list[str]) -> bool:
        return bool(oracle(rows) != rival(rows))

    subject = f"| {name} | {tokenizer.parent.name} |"
    if isinstance(error := rival(["a"]), str):
        yield f"{subject} does not take it | {error} |"
    else:
        exact = []
        for kind, rows in groups(tokenizer, arguments.mb):
            texts = examples(rows, arguments.examples, differs)
            exact += [] if texts else [kind]
            shown = "; ".join(f"`{t!a}` {str(rival([t]))[:60]} for {str(oracle([t]))[:60]}" for t in texts)
            yield from [f"{subject} {kind} differs | {shown} |"] if texts else []
        yield f"{subject} equal | {', '.join(exact)} |"
    oracle.close()
    rival.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rival", nargs="+", default=[], metavar="NAME=PYTHON")
    tokenizers = [SHARED / "data" / "tokenizers" / name for name in TOKENIZERS]
    parser.add_argument("--tokenizers", nargs="+", type=Path, default=tokenizers)
    parser.add_argument("--mb", type=float, default=2)
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("--engine", choices=ADAPTERS)
    arguments = parser.parse_args()
    files = [path / "tokenizer.json" if path.is_dir() else path for path in arguments.tokenizers]
    if arguments.engine:
        serve(arguments.engine, files[0])
        return 0
    lines = ["| rival | tokenizer | ids | texts |", "|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name, python in interpreters(arguments.rival).items():
        for file in files:
            for line in report(name, python, file, arguments):
                print(line, flush=True)
                lines.append(line)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "exact.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
