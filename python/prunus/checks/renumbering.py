"""Does `keep.parquet` number the tokens as both tokenizers do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check


def check_remap(pair: Pair) -> Check:
    """Old ids ascend, new ids are `0..k-1`, and each names the same token in list, source and output."""
    looking = Looking("remap")
    old_tokens, new_tokens = pair.old_tokens, pair.new_tokens
    for new, (old, token) in enumerate(zip(pair.kept.old_ids.tolist(), pair.kept.tokens, strict=True)):
        named = {token, old_tokens.get(old), new_tokens.get(new)}
        looking.expect(
            named == {token},
            f"id {old} -> {new} is {token!r} in keep.parquet, {old_tokens.get(old)!r} in the source, "
            f"{new_tokens.get(new)!r} in the output",
        )
    planned = pair.plan.get("kept", {}).get("old_id")
    if planned is not None:
        looking.expect(planned == pair.kept.old_ids.tolist(), "plan.json keeps other ids than keep.parquet")
    extra = sorted(new_tokens.keys() - range(len(pair.kept)))
    if extra:
        looking.found(f"the pruned tokenizer has {len(extra)} ids beyond the kept ones, first {extra[0]}")
    return looking.done(f"{len(pair.kept):,} tokens named alike in keep.parquet and in both tokenizers")
