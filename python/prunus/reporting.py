"""What a person wants to see of a plan and of a finished prune, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prunus.kept import KeptTokens
    from prunus.planned import PrunePlan
    from prunus.pruning import PruneReport

MOST_EDITS = 12
UNSEEN = {
    "bytes": "spelled in bytes, nothing is unknown (--unseen bytes)",
    "characters": "spelled in the vocabulary's characters, others are unknown (--unseen characters)",
    "unk": "unknown unless made of kept tokens (--unseen unk)",
}
SPECIFIC_REASONS = ("config: ", "protected: ")


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Left-aligned first column, right-aligned others.

    Example:
        >>> print(table([["", "before", "after"], ["rows", "9", "10"]], indent=""))
              before  after
        rows       9     10
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def size(count: float) -> str:
    """Bytes for people, in decimal units.

    Example:
        >>> size(90_868_376), size(512)
        ('90.9 MB', '512 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def plan_text(plan: PrunePlan) -> str:
    """The plan as a table, with reasons, tensors, ties and config changes."""
    parts = [f"{plan.model_dir} ({plan.model_type}, family {plan.family})", sizes_text(plan), reasons_text(plan.kept)]
    parts.append("tensors\n" + table(_tensor_rows(plan)))
    parts.append("ties\n" + "\n".join(f"  {tie}" for tie in plan.ties or ("none among the vocabulary tensors",)))
    parts.append("configs\n" + "\n".join(_edit_lines(plan)))
    dropped = [action.name for action in plan.files if action.action == "drop"]
    if dropped:
        parts.append("files left out, as asked\n" + "\n".join(f"  {name}" for name in dropped))
    if plan.note:
        parts.append(f"note: {plan.note}")
    parts += [f"left as it is: {line}" for line in plan.unclear]
    return "\n\n".join(parts)


def sizes_text(plan: PrunePlan) -> str:
    """Tokens, rows, parameters and bytes, before and after."""
    rows = [["", "before", "after", "left"]]
    pairs: list[tuple[str, int, int, Callable[[float], str]]] = [
        ("tokens", plan.tokens_before, plan.tokens_after, "{:,}".format),
        ("rows", plan.rows_before, plan.rows_after, "{:,}".format),
        ("parameters", *plan.parameters, "{:,}".format),
        ("tensor bytes", *plan.tensor_bytes, size),
    ]
    for name, before, after, text in pairs:
        rows.append([name, text(before), text(after), f"{after / before:.1%}" if before else "-"])
    lines = [table(rows), f"  selection: {plan.policy}"]
    lines += [f"  unseen text: {UNSEEN[plan.unseen]}"] if plan.unseen else []
    lines += [f"  {plan.held_out}"] if plan.held_out is not None else []
    if plan.share_of_counted is not None:
        exact = "the corpus keeps its tokens" if plan.exact else "text with dropped tokens is segmented otherwise"
        lines.append(f"  occurrences whose token is kept: {plan.share_of_counted:.4%} ({exact})")
    return "\n".join(lines)


def reasons_text(kept: KeptTokens) -> str:
    """How many tokens stay for which reason."""
    grouped: dict[str, int] = {}
    for why, count in kept.reasons():
        label = next((prefix[:-2] for prefix in SPECIFIC_REASONS if why.startswith(prefix)), why)
        grouped[label] = grouped.get(label, 0) + count
    rows = [[why, f"{count:,}"] for why, count in sorted(grouped.items(), key=lambda item: -item[1])]
    return "tokens kept, by reason\n" + table(rows)


def _tensor_rows(plan: PrunePlan) -> list[list[str]]:
    return [
        [tensor.name, tensor.role, tensor.dtype, str(list(tensor.shape)), str(list(tensor.new_shape))]
        for tensor in plan.tensors
    ]


def _edit_lines(plan: PrunePlan) -> list[str]:
    lines = [f"  {edit.file}: {edit.path}: {edit.before} -> {edit.after}" for edit in plan.edits]
    more = len(lines) - MOST_EDITS
    return lines[:MOST_EDITS] + ([f"  and {more} more"] if more > 0 else []) or ["  nothing changes"]


def report_text(report: PruneReport) -> str:
    """What was written, what was checked, how long it took, how to load it."""
    times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
    parts = [
        f"{report.plan.model_dir} -> {report.out}",
        sizes_text(report.plan),
        reasons_text(report.plan.kept),
        "checks\n" + str(report.verification),
        f"{times}",
    ]
    return "\n\n".join(parts)
