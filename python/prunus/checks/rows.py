"""Does every text give the same tokens, renumbered, and the same text back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime
    from prunus.plugin.family import Check

PAIRS = 64


def check_rows(pair: Pair, runtime: Runtime) -> Check:
    """Row by row: ids renumbered and decoded text, through `tokenizers`, and AutoTokenizer where it is installed.

    Rows with a token that was dropped must come out otherwise; they are counted and left out.
    """
    looking = Looking("tokenizer.rows")
    texts = [*runtime.sample, *runtime.built_in]
    compared, left_out = _library(pair, runtime, texts, looking)
    parts = [f"{compared:,} texts through tokenizers"]
    note = runtime.unavailable
    if note:
        looking.note(f"AutoTokenizer not asked: {note}")
    else:
        parts.append(f"{_auto(pair, runtime, looking):,} through AutoTokenizer")
    kind = f"{len(runtime.sample):,} of the corpus and {len(runtime.built_in):,} built-in ones"
    said = (
        f"{' and '.join(parts)} ({kind})"
        if runtime.sample
        else f"{' and '.join(parts)} (built-in ones: no text of a corpus)"
    )
    if left_out:
        said += f", {left_out:,} left out because a token of theirs was dropped"
    return looking.done(said)


def _library(pair: Pair, runtime: Runtime, texts: Sequence[str], looking: Looking) -> tuple[int, int]:
    old, new = runtime.old, runtime.new
    compared = left_out = 0
    for text, a, b in zip(texts, old.encode_batch(texts), new.encode_batch(texts), strict=True):
        want = _renumbered(pair, a.ids)
        if want is None:
            left_out += 1
            continue
        if not want:
            looking.expect(not b.ids, f"tokenizers: {text[:60]!r} gave no token and gives {b.tokens[:8]}")
            continue
        compared += 1
        same = want == b.ids
        looking.expect(same, f"tokenizers: {text[:60]!r} gave {a.tokens[:12]}, gives {b.tokens[:12]}")
        for skip in (True, False) if same else ():
            back = old.decode(a.ids, skip_special_tokens=skip), new.decode(b.ids, skip_special_tokens=skip)
            looking.expect(
                back[0] == back[1], f"tokenizers: {text[:60]!r} decodes to {back[1][:60]!r}, not {back[0][:60]!r}"
            )
    _two_texts(pair, old, new, texts, looking)
    return compared, left_out


def _two_texts(pair: Pair, old: Any, new: Any, texts: Sequence[str], looking: Looking) -> None:
    """Rows of two texts go through another template of the post-processor."""
    chosen = texts[: 2 * PAIRS]
    couples = list(zip(chosen[::2], chosen[1::2], strict=False))
    for couple, a, b in zip(couples, old.encode_batch(couples), new.encode_batch(couples), strict=True):
        want = _renumbered(pair, a.ids)
        if want:
            same = want == b.ids and a.type_ids == b.type_ids
            looking.expect(same, f"tokenizers: the pair {couple[0][:30]!r}, {couple[1][:30]!r} gives {b.tokens[:12]}")


def _auto(pair: Pair, runtime: Runtime, looking: Looking) -> int:
    before, after = runtime.answers
    compared = 0
    dropped = [sum(_renumbered(pair, ids) is None for ids in rows) for rows in _of_sample(runtime)]
    if dropped[1] > dropped[0]:
        looking.note(
            f"AutoTokenizer, which is another pipeline, gives {dropped[1]:,} texts of the corpus a dropped token, "
            f"tokenizer.json {dropped[0]:,}"
        )
    rows = zip(runtime.asked, before.ids, after.ids, before.decoded, after.decoded, strict=True)
    for text, old, new, was, now in rows:
        want = _renumbered(pair, old)
        if not want:
            continue
        compared += 1
        same = tuple(want) == new
        looking.expect(
            same, f"AutoTokenizer: {text[:60]!r} gave ids {want[:12]} when renumbered, gives {list(new[:12])}"
        )
        if same:
            looking.expect(was == now, f"AutoTokenizer: {text[:60]!r} decodes to {now[:60]!r}, not {was[:60]!r}")
    if not compared:
        looking.found("AutoTokenizer: no text could be compared")
    return compared


def _of_sample(runtime: Runtime) -> tuple[list[Sequence[int]], list[Sequence[int]]]:
    """Ids of the corpus's texts by the source's two pipelines."""
    texts = runtime.sample
    return [e.ids for e in runtime.old.encode_batch(texts)], list(runtime.answers[0].ids[: len(texts)])


def _renumbered(pair: Pair, ids: Sequence[int]) -> list[int] | None:
    """New ids; None if one of them was dropped."""
    new = [pair.remap.get(i) for i in ids]
    return None if None in new else new  # type: ignore[return-value]
