"""Does the whole corpus, counted again with the pruned tokenizer, give the same counts, renumbered?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime
    from prunus.counts import TokenCounts
    from prunus.plugin.family import Check


def check_rescan(pair: Pair, runtime: Runtime) -> Check:
    """Scans the corpus with both tokenizers and compares every count.

    Where a counted token was dropped, its texts must come out otherwise and the totals say nothing; then the rows of
    the sample whose tokens are all kept are counted instead.
    """
    looking = Looking("tokenizer.rescan")
    if pair.options.corpus is None:
        return looking.skipped("no corpus was given")
    before = _scan(pair, pair.tokenizer.json)
    if not before.info.text_bytes:
        return looking.skipped("the corpus holds ready ids, and no text to tokenise again")
    missing = [i for i in before.ids.tolist() if i not in pair.remap]
    if missing:
        return _on_kept_rows(pair, runtime, len(missing), looking)
    after = _scan(pair, pair.out_json)
    want = np.searchsorted(pair.remap.old_ids, before.ids)
    for old, new, count in zip(before.ids.tolist(), want.tolist(), before.counts.tolist(), strict=True):
        looking.looked += 1
        position = int(np.searchsorted(after.ids, new))
        found = int(after.counts[position]) if position < len(after.ids) and int(after.ids[position]) == new else 0
        if found != count:
            looking.found(f"{pair.old_tokens[old]!r} occurred {count:,} times and occurs {found:,} times")
    for new in np.setdiff1d(after.ids, want).tolist():
        looking.found(f"{pair.new_tokens.get(new)!r} never occurred and occurs")
    return looking.done(
        f"{before.info.tokens:,} tokens in {before.info.rows:,} texts, {len(before):,} ids counted alike"
    )


def _scan(pair: Pair, tokenizer_json: bytes) -> TokenCounts:
    """Counts with the very bytes: a live tokenizer would print scores again, and move them in their last digit."""
    from prunus.scanning import Scanner

    columns = list(pair.options.columns) if pair.options.columns else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_bytes(tokenizer_json)
        scanner = Scanner(path, threads=pair.options.threads, invalid_utf8=pair.options.invalid_utf8)
    return scanner.scan(pair.options.corpus, columns)


def _on_kept_rows(pair: Pair, runtime: Runtime, missing: int, looking: Looking) -> Check:
    totals: list[dict[int | None, int]] = [{}, {}]
    rows = 0
    texts = runtime.sample
    for a, b in zip(runtime.old.encode_batch(texts), runtime.new.encode_batch(texts), strict=True):
        want = [pair.remap.get(i) for i in a.ids]
        if None in want:
            continue
        rows += 1
        for total, ids in zip(totals, (want, b.ids), strict=True):
            for i in ids:
                total[i] = total.get(i, 0) + 1
    for i in sorted(i for i in totals[0].keys() | totals[1].keys() if i is not None):
        one, other = (total.get(i, 0) for total in totals)
        looking.expect(one == other, f"{pair.new_tokens.get(i)!r} occurred {one:,} times and occurs {other:,} times")
    said = f"{missing:,} counted ids were dropped, so only rows without them are counted"
    return looking.done(f"{said}: {rows:,} of {len(texts):,} in the sample")
