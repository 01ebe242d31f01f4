"""The numbers behind tables and plots, computed once for terminal and page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prunus.reports.scripts import scripts_of
from prunus.reports.sources import Curve

if TYPE_CHECKING:
    from prunus.counts import TokenCounts
    from prunus.reports.sources import Pruned

SHARES = (0.9, 0.99, 0.999, 0.9999, 1.0)
NEVER_SEEN = "never seen"
BELOW = "seen, but below the limits or dropped by name"
UNTOLD = "not told apart: name the counts beside the directory"

# Bytes for each parameter: weights, gradients and optimizer state; activations come on top and do not shrink.
MEMORY = {
    "inference, 16 bits": 2,
    "inference, 32 bits": 4,
    "training, SGD, 32 bits": 8,
    "training, Adam, 32 bits": 16,
    "training, Adam, mixed precision": 16,
}


def curve_of_counts(name: str, counts: TokenCounts) -> Curve:
    """The coverage curve of counts."""
    return Curve.of(name, counts.counts.tolist(), counts.info.tokens)


def curve_of_pruned(pruned: Pruned) -> Curve | None:
    """The curve behind a pruned directory with the chosen point; None where nothing was counted.

    Without the counts it ends at the last kept token: what was dropped is known as a sum only.
    """
    plan = pruned.plan
    if plan.share_of_counted is None:
        return None
    chosen = (plan.tokens_after, plan.share_of_counted)
    if pruned.counts is not None:
        return Curve.of(pruned.name, pruned.counts.counts.tolist(), pruned.counts.info.tokens, chosen)
    kept = plan.kept.counts.tolist()
    return Curve.of(pruned.name, kept, round(sum(kept) / plan.share_of_counted), chosen)


def by_script(pruned: Pruned) -> list[tuple[str, int, int]]:
    """Script, kept tokens, dropped tokens; largest script first; empty where the unpruned tokenizer is gone."""
    if pruned.document is None:
        return []
    scripts = scripts_of(pruned.document)
    kept = Counter(scripts[identifier] for identifier in pruned.plan.kept.old_ids.tolist())
    whole = Counter(scripts.values())
    return [(name, kept[name], count - kept[name]) for name, count in sorted(whole.items(), key=lambda i: (-i[1], i))]


def kept_by_reason(pruned: Pruned) -> list[tuple[str, int]]:
    """Why tokens stay, most frequent reason first; reasons that name a field are summed up."""
    grouped: Counter[str] = Counter()
    for why, count in pruned.plan.kept.reasons():
        grouped[why.split(": ")[0]] += count
    return sorted(grouped.items(), key=lambda item: (-item[1], item[0]))


def dropped_by_reason(pruned: Pruned) -> list[tuple[str, int]]:
    """Why tokens went."""
    plan = pruned.plan
    dropped = plan.tokens_before - plan.tokens_after
    if pruned.counts is not None:
        kept = set(plan.kept.old_ids.tolist())
        seen = sum(identifier not in kept for identifier in pruned.counts.ids.tolist())
        return [(NEVER_SEEN, dropped - seen), (BELOW, seen)]
    return [(NEVER_SEEN if plan.exact else UNTOLD, dropped)]


def memory(pruned: Pruned) -> list[tuple[str, int, int]]:
    """Way of use, bytes before, bytes after."""
    before, after = pruned.plan.parameters
    return [(use, size * before, size * after) for use, size in MEMORY.items()]
