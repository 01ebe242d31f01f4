#!/usr/bin/env python3
"""Unused vocabulary for each task and tokenizer, and what it is worth in training: the table of arXiv 2309.08708.

    benchmarks/paper/table.py [--data DIR] [--out PAGE.md] [--plot PICTURE.svg]

Counts every corpus with every tokenizer, all splits together, as the paper does. Writes one page in Markdown
and one picture. Models are taken as classifiers, so that the input table is all of the vocabulary; weights, gradients
and the moments of AdamW in fp32 take 16 bytes a parameter.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from shapes import SHAPES, Shape, parameters

import prunus
from prunus.reports.markup import tag

ROOT = Path(__file__).resolve().parents[2]
BYTES = 16
TASKS = {
    "WNLI": ("glue-wnli", ("sentence1", "sentence2")),
    "QNLI (dev, test)": ("glue-qnli", ("question", "sentence")),
    "PAWS-X en zh": ("pawsx-en-zh", ("sentence1", "sentence2")),
    "KorSTS": ("korsts", ("sentence1", "sentence2")),
    "KorNLI (dev, test)": ("kornli", ("sentence1", "sentence2")),
    "JSTS": ("jsts", ("sentence1", "sentence2")),
    "XQuAD, 8 languages": ("xquad", ("question", "context")),
    "PUD, 13 languages": ("ud-pud", ("text",)),
    "Tatoeba, 76 languages": ("tatoeba", ("text",)),
    "UDHR, 387 languages": ("udhr", ("text",)),
    "WikiText-2 (valid, test)": ("wikitext2", ("text",)),
    "Tiny Shakespeare": ("tinyshakespeare", ("text",)),
}
# Unused vocabulary in %, as the README of transformer-smaller-training-vocab 0.4.2 lists it.
PUBLISHED = {
    "CoLA": (77.67, 86.08, 97.79), "SST-2": (62.39, 68.60, 96.25), "MRPC": (49.93, 64.02, 94.88),
    "STS-B": (51.35, 64.37, 94.88), "RTE": (34.68, 50.49, 93.10), "MNLI": (10.94, 14.78, 88.83),
    "QNLI": (8.62, 17.64, 87.57), "QQP": (7.69, 5.91, 85.40), "WNLI": (93.66, 96.03, 99.25),
}  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """Ids that a task uses, of the tokens of a tokenizer."""

    used: int
    tokens: int

    @property
    def unused(self) -> float:
        """Share of the tokens that no text uses."""
        return 1 - self.used / self.tokens


Table = dict[str, dict[str, Counted]]


def count(data: Path) -> Table:
    """Tokenizer → task → what is used."""
    table: Table = {}
    for path in sorted(path for path in (data / "tokenizers").iterdir() if path.is_dir()):
        started = time.perf_counter()
        table[path.name] = count_with(path, data / "corpora")
        print(f"{path.name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return table


def count_with(tokenizer: Path, corpora: Path) -> dict[str, Counted]:
    """Task → what one tokenizer uses."""
    scanner = prunus.Scanner(tokenizer)
    found = {}
    for task, (file, columns) in TASKS.items():
        counts = scanner.scan(corpora / f"{file}.parquet", columns=list(columns), pair=len(columns) == 2)
        found[task] = Counted(len(counts.ids), counts.info.size)
    return found


def unused_table(table: Table) -> str:
    lines = [f"| tokenizer | tokens | {' | '.join(TASKS)} |", f"|---|---:|{'---:|' * len(TASKS)}"]
    for name, tasks in table.items():
        cells = " | ".join(f"{100 * tasks[task].unused:.1f}" for task in TASKS)
        lines.append(f"| {name} | {next(iter(tasks.values())).tokens:,} | {cells} |")
    return "\n".join(lines)


def savings_row(shape: Shape, kept: dict[str, float]) -> str:
    """One model: its size, and the parameters and bytes that the tasks let go: mean, least, most."""
    total, rows, hidden = parameters(shape)
    gone = {task: rows * hidden - used * hidden for task, used in kept.items()}
    least, most = min(gone, key=lambda t: gone[t]), max(gone, key=lambda t: gone[t])
    shown = mean(gone.values())
    ends = (f"{task}: {100 * gone[task] / total:.1f} %" for task in (least, most))
    return (
        f"| {shape.name} | {total / 1e6:,.0f} M | {100 * rows * hidden / total:.1f} % | {shown / 1e6:,.1f} M "
        f"| {100 * shown / total:.1f} % | {BYTES * total / 1e9:,.2f} GB | {BYTES * shown / 1e9:,.2f} GB "
        f"| {' | '.join(ends)} |"
    )


def savings_table(table: Table) -> str:
    lines = [
        "| model | parameters | of them in the table | saved, mean of the tasks | of the model | training | saved "
        "| least | most |",
        "|---|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for shape in SHAPES:
        if shape.tokenizer is not None:
            kept = {task: float(counted.used) for task, counted in table[shape.tokenizer].items()}
        else:
            rows = shape.fields["vocab_size"]
            kept = {task: rows * (1 - shares[2] / 100) for task, shares in PUBLISHED.items()}
        lines.append(savings_row(shape, kept))
    return "\n".join(lines)


def published_table(table: Table) -> str:
    lines = ["| | BERT-base-cased | RoBERTa-base | XLM-R-base |", "|---|---:|---:|---:|"]
    lines += [f"| {task} | {' | '.join(f'{share:.2f}' for share in shares)} |" for task, shares in PUBLISHED.items()]
    own = [f"{100 * table[name]['WNLI'].unused:.2f}" for name in ("bert-base-cased", "roberta-base")]
    return "\n".join([*lines, f"| WNLI, counted here | {own[0]} | {own[1]} | – |"])


def picture(table: Table) -> str:
    """A heat map that is readable without its colours: every cell has its number."""
    left, top, width, height = 150, 120, 58, 24
    parts = [tag("title", "Unused vocabulary for each tokenizer and task, in per cent")]
    style = "text{font:12px sans-serif;fill:#222}rect{stroke:#fff}"
    parts.append(tag("style", style))
    size = (left + width * len(TASKS) + 70, top + height * len(table) + 10)
    parts.append(tag("rect", x=0, y=0, width=size[0], height=size[1], fill="#fff"))
    for column, task in enumerate(TASKS):
        x = left + width * column + width / 2
        parts.append(tag("text", task, transform=f"translate({x},{top - 8}) rotate(-40)"))
    for row, (name, tasks) in enumerate(table.items()):
        y = top + height * row
        parts.append(tag("text", name, x=left - 8, y=y + 16, text_anchor="end"))
        for column, task in enumerate(TASKS):
            share, x = tasks[task].unused, left + width * column
            shade = f"hsl(172 55% {96 - 50 * share:.0f}%)"
            parts.append(tag("rect", x=x, y=y, width=width, height=height, fill=shade))
            parts.append(tag("text", f"{100 * share:.0f}", x=x + width / 2, y=y + 16, text_anchor="middle"))
    attributes = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "viewBox": f"0 0 {size[0]} {size[1]}"}
    return str(tag("svg", *parts, **attributes)) + "\n"


def page(table: Table, plot: str) -> str:
    cells = [counted.unused for tasks in table.values() for counted in tasks.values()]
    return f"""# Unused vocabulary, by task and tokenizer

The table of [Williams & Aletras](https://arxiv.org/abs/2309.08708) for the corpora and tokenizers of our tests: {len(table)} real tokenizers, {len(TASKS)} tasks, all
splits counted together. Written by `make paper`; nothing here is typed in, except what is marked as published elsewhere.

## Share of the tokens that no text of the task uses, in %

{unused_table(table)}

The mean of all {len(cells)} cells is {100 * mean(cells):.1f} %. The tasks are small, and some are in languages that the tokenizer was not made for; a large monolingual task with a
monolingual tokenizer leaves far less, as the published rows below and [When it does not pay](limits.md) show.

![A heat map of the table above]({plot})

## What that is worth

Every model as a classifier, whose vocabulary is its input table. Training takes {BYTES} bytes a parameter: weight, gradient and two moments of AdamW in fp32.
Shapes are the published ones, parameters are counted on the meta device, rows beyond the tokenizer's tokens count as unused.
For XLM-R, whose tokenizer is not at hand, the shares are the published ones of GLUE below.

{savings_table(table)}

## Beside published numbers

Unused vocabulary in %, from the README of [transformer-smaller-training-vocab](https://github.com/helpmefindaname/transformer-smaller-training-vocab).
It keeps special tokens always, which is the difference to our count of WNLI.

{published_table(table)}
"""  # noqa: E501


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "unused-vocabulary.md")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "pictures" / "unused-vocabulary.svg")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"{options.data} is absent: it holds tokenizers/ and corpora/")
    table = count(options.data)
    options.plot.write_text(picture(table), encoding="utf-8")
    options.out.write_text(page(table, f"{options.plot.parent.name}/{options.plot.name}"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
