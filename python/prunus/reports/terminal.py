"""The report as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.reporting import size, sizes_text, table
from prunus.reports.figures import SHARES, by_script, curve_of_counts, dropped_by_reason, kept_by_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.counts import TokenCounts
    from prunus.reports.sources import Pruned

SHOWN_SCRIPTS = 12
OTHER_TEXT = "these counts are of different texts (rows or bytes differ): compare shares, not sums"


def counts_rows(counts: Mapping[str, TokenCounts]) -> list[list[str]]:
    """One column for each of the counts: what was counted and how few tokens cover how much of it."""
    infos = [c.info for c in counts.values()]
    curves = [curve_of_counts(name, c) for name, c in counts.items()]
    rows = [
        ["", *counts],
        ["tokenizer", *(info.fingerprint[:12] for info in infos)],
        ["ids of the tokenizer", *(f"{info.size:,}" for info in infos)],
        ["ids seen", *(f"{len(c):,}" for c in counts.values())],
        ["texts", *(f"{info.rows:,}" for info in infos)],
        ["bytes of text", *(size(info.text_bytes) for info in infos)],
        ["tokens", *(f"{info.tokens:,}" for info in infos)],
        ["bytes a token", *(f"{info.text_bytes / info.tokens:.3f}" for info in infos)],
    ]
    for share in SHARES:
        rows.append([f"tokens for {share:.10g} of it", *(f"{curve.tokens_for(share) or 0:,}" for curve in curves)])
    return rows


def same_text(counts: Mapping[str, TokenCounts]) -> bool:
    """Whether all counts can be of one and the same text, by its size."""
    return len({(c.info.rows, c.info.text_bytes) for c in counts.values()}) <= 1


def counts_text(counts: Mapping[str, TokenCounts]) -> str:
    """The counts side by side."""
    note = [] if same_text(counts) else [f"  note: {OTHER_TEXT}"]
    return "\n".join([table(counts_rows(counts)), *note])


def pruned_text(pruned: Pruned) -> str:
    """One pruned directory: sizes, reasons, scripts, checks."""
    parts = [f"{pruned.name} (from {pruned.plan.model_dir})", sizes_text(pruned.plan)]
    parts.append("tokens kept, by reason\n" + table([[why, f"{n:,}"] for why, n in kept_by_reason(pruned)]))
    parts.append("tokens dropped, by reason\n" + table([[why, f"{n:,}"] for why, n in dropped_by_reason(pruned)]))
    scripts = by_script(pruned)
    if scripts:
        rows = [["script", "kept", "dropped"], *([s, f"{k:,}", f"{d:,}"] for s, k, d in scripts[:SHOWN_SCRIPTS])]
        more = [f"  and {len(scripts) - SHOWN_SCRIPTS} more"] if len(scripts) > SHOWN_SCRIPTS else []
        parts.append("\n".join(["tokens by script", table(rows), *more]))
    else:
        parts.append(f"tokens by script: the unpruned tokenizer is no longer at {pruned.plan.model_dir}")
    checks = [f"  {check['status']:7}  {check['name']:16}  {check['detail']}" for check in pruned.checks]
    parts.append("\n".join(["checks", *checks]))
    return "\n\n".join(parts)
