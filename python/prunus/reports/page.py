"""The report as one HTML page that needs no network and no script."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from prunus.reporting import size
from prunus.reports.figures import (
    MEMORY,
    by_script,
    curve_of_counts,
    curve_of_pruned,
    dropped_by_reason,
    kept_by_reason,
    memory,
)
from prunus.reports.markup import Markup, tag
from prunus.reports.plots import Axis, Line, bars, line_plot
from prunus.reports.style import STYLE
from prunus.reports.terminal import OTHER_TEXT, SHOWN_SCRIPTS, counts_rows, same_text
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunus.counts import TokenCounts
    from prunus.reports.sources import Curve, Pruned

POINTS = 160
SHOWN_TOKENS = 20


def page(counts: Mapping[str, TokenCounts], pruned: Sequence[Pruned]) -> str:
    """The whole document."""
    curves = [c for c in map(curve_of_pruned, pruned) if c is not None]
    drawn = {id(p.counts) for p in pruned}
    curves += [curve_of_counts(name, c) for name, c in counts.items() if id(c) not in drawn]
    body = [tag("h1", "Vocabulary report"), _said(f"Prunus {__version__}")]
    if curves:
        body += _curves(curves)
    if counts:
        body += _counts(counts)
    for one in pruned:
        body += _pruned(one)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "Prunus: vocabulary report"),
        tag("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _curves(curves: Sequence[Curve]) -> list[Markup]:
    ranks = [_ranks(len(curve.amounts)) for curve in curves]
    widest = max([2, *(len(c.amounts) for c in curves), *(c.chosen[0] for c in curves if c.chosen)])
    tallest = max([10, *(c.amounts[0] for c in curves if c.amounts)])
    x = Axis("tokens, most frequent first", 1, widest, log=True)
    coverage, zipf = [], []
    for curve, places in zip(curves, ranks, strict=True):
        label = f"{curve.chosen[0]:,} tokens kept: {curve.chosen[1]:.4%}" if curve.chosen else ""
        points = tuple((float(n), curve.share(n)) for n in places)
        coverage.append(Line(curve.name, points, curve.chosen, label))
        zipf.append(Line(curve.name, tuple((float(n), float(curve.amounts[n - 1])) for n in places)))
    return [
        tag("h2", "How much of the text how few tokens cover"),
        tag(
            "p",
            "Share of all occurrences that the most frequent tokens account for. A dot is what was kept.",
            class_="soft",
        ),
        _card(line_plot("Coverage curve", coverage, x, Axis("share covered", 0, 1, log=False)), _numbers(curves)),
        tag("h2", "How often each token occurs"),
        _said("Occurrences by rank on logarithmic axes (Zipf plot)."),
        _card(line_plot("Zipf plot", zipf, x, Axis("occurrences", 1, tallest, log=True))),
    ]


def _ranks(length: int) -> list[int]:
    """Ranks for drawing, evenly spaced on a logarithmic axis, both ends included."""
    if not length:
        return []
    step = log10(length) / POINTS
    return sorted({1, length, *(round(10 ** (step * n)) for n in range(POINTS))})


def _numbers(curves: Sequence[Curve]) -> Markup:
    """The coverage curve as a table: exact shares at round numbers of tokens."""
    longest = max(len(curve.amounts) for curve in curves)
    ranks = [n * 10**power for power in range(1, 7) for n in (1, 3) if n * 10**power < longest] + [longest]
    rows = [["tokens", *(curve.name for curve in curves)]]
    rows += [[f"{n:,}", *(f"{curve.share(n):.6%}" for curve in curves)] for n in ranks]
    return _unfolding("numbers", _table(rows, id_="coverage"))


def _counts(counts: Mapping[str, TokenCounts]) -> list[Markup]:
    parts = [tag("h2", "Counts"), _card(_table(counts_rows(counts), id_="counts"))]
    if not same_text(counts):
        parts.append(_said(f"Note: {OTHER_TEXT}."))
    for name, one in counts.items():
        rows = [["token", "id", "occurrences"]]
        rows += [[repr(token)[1:-1], str(id_), f"{count:,}"] for token, id_, count in one.most_common(SHOWN_TOKENS)]
        parts.append(_unfolding(f"most frequent tokens of {name}", _table(rows)))
    return parts


def _pruned(pruned: Pruned) -> list[Markup]:
    plan = pruned.plan
    sizes = [
        ["", "before", "after", "left"],
        _size_row("tokens", plan.tokens_before, plan.tokens_after, f"{plan.tokens_before:,}", f"{plan.tokens_after:,}"),
        _size_row("rows", plan.rows_before, plan.rows_after, f"{plan.rows_before:,}", f"{plan.rows_after:,}"),
        _size_row("parameters", *plan.parameters, *(f"{n:,}" for n in plan.parameters)),
        _size_row("tensor bytes", *plan.tensor_bytes, *(size(n) for n in plan.tensor_bytes)),
    ]
    source = f"{plan.model_type}, from {plan.model_dir}; selection: {plan.policy}"
    return [
        tag("h2", pruned.name),
        _said(source),
        _card(_table(sizes, id_="sizes")),
        *_memory(pruned),
        *_reasons(pruned),
        *_scripts(pruned),
        tag("h3", "Checks"),
        _card(_checks(pruned)),
    ]


def _size_row(name: str, before: int, after: int, *texts: str) -> list[str]:
    return [name, *texts, f"{after / before:.1%}" if before else "-"]


def _memory(pruned: Pruned) -> list[Markup]:
    rows = [(use, (after, before - after), f"{size(before)} → {size(after)}") for use, before, after in memory(pruned)]
    each = ", ".join(str(n) for n in sorted(set(MEMORY.values())))
    said = f"Weights, gradients and optimizer state ({each} bytes a parameter); activations come on top."
    return [tag("h3", "Memory"), _said(said, _key("after", "saved")), _card(_stacked("Memory", rows))]


def _reasons(pruned: Pruned) -> list[Markup]:
    kept = [(why, (n, 0), f"{n:,}") for why, n in kept_by_reason(pruned)]
    gone = [(why, (0, n), f"{n:,}") for why, n in dropped_by_reason(pruned)]
    parts = [tag("h3", "Why tokens stay"), _card(_stacked("Tokens kept, by reason", kept))]
    return [*parts, tag("h3", "Why tokens went"), _card(_table([["reason", "tokens"], *([w, t] for w, _, t in gone)]))]


def _scripts(pruned: Pruned) -> list[Markup]:
    found = by_script(pruned)
    if not found:
        return [_said(f"No scripts: the unpruned tokenizer is no longer at {pruned.plan.model_dir}.")]
    shown = [*found[:SHOWN_SCRIPTS]]
    rest = found[SHOWN_SCRIPTS:]
    if rest:
        shown.append((f"{len(rest)} more", sum(k for _, k, _ in rest), sum(d for _, _, d in rest)))
    rows = [(name, (kept, gone), f"{kept:,} of {kept + gone:,}") for name, kept, gone in shown]
    numbers = [["script", "kept", "dropped"], *([s, f"{k:,}", f"{d:,}"] for s, k, d in found)]
    said = "The script of a token is that of its letters, by their Unicode names."
    return [
        tag("h3", "Tokens by script"),
        tag("p", said, _key("kept", "dropped"), class_="soft"),
        _card(
            _stacked("Tokens by script", rows),
            tag("details", tag("summary", "numbers"), _table(numbers, id_="scripts")),
        ),
    ]


def _stacked(title: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> Markup:
    return bars(title, rows, ("kept", "gone"))


def _key(kept: str, gone: str) -> Markup:
    swatches = (tag("span", "", class_=f"swatch {name}") + text for name, text in (("kept", kept), ("gone", gone)))
    return Markup("".join(swatches))


def _checks(pruned: Pruned) -> Markup:
    rows = [tag("tr", *(tag("th", name) for name in ("check", "outcome", "compared", "what")))]
    for check in pruned.checks:
        cells = [tag("td", check["name"]), tag("td", check["status"], class_=check["status"])]
        cells += [tag("td", f"{check['looked']:,}"), tag("td", check["detail"])]
        rows.append(tag("tr", *cells))
    return tag("table", *rows, class_="left", id="checks")


def _table(rows: Sequence[Sequence[str]], id_: str | None = None) -> Markup:
    head, *rest = rows
    lines = [tag("tr", *(tag("th", cell) for cell in head))]
    lines += [tag("tr", *(tag("td", cell) for cell in row)) for row in rest]
    return tag("table", *lines, id=id_)


def _card(*children: Markup) -> Markup:
    return tag("div", *children, class_="card")


def _said(*children: str) -> Markup:
    return tag("p", *children, class_="soft")


def _unfolding(summary: str, content: Markup) -> Markup:
    return tag("details", tag("summary", summary), content)
