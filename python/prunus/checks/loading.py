"""Do `tokenizers` and AutoTokenizer load the pruned tokenizer, with the same tokens and attributes as before?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime
    from prunus.plugin.family import Check


def check_loading(pair: Pair, runtime: Runtime) -> Check:
    """Sizes, names, no invented token, no id beyond the kept ones; attributes, special tokens and chat template."""
    looking = Looking("tokenizer.load")
    old, new = (t.get_vocab(with_added_tokens=True) for t in (runtime.old, runtime.new))
    _vocabularies(pair, "tokenizers", old, new, looking)
    if runtime.unavailable and "output" not in runtime.unavailable:
        looking.note(f"AutoTokenizer not asked: {runtime.unavailable}")
        return looking.done("loads with tokenizers")
    before, after = runtime.answers
    if after.error is not None:
        looking.found(f"AutoTokenizer loads the source but not the output: {': '.join(after.error)[:300]}")
        return looking.done("loads with tokenizers")
    _vocabularies(pair, "AutoTokenizer", before.vocabulary, after.vocabulary, looking)
    looking.expect(before.class_name == after.class_name, f"{before.class_name} became {after.class_name}")
    kept = set(pair.kept.tokens)
    for name, value in before.described.items():
        want = [token for token in value if token in kept] if name == "extra_special_tokens" else value
        now = after.described.get(name)
        looking.expect(want == now, f"AutoTokenizer.{name} was {str(want)[:80]!r}, is {str(now)[:80]!r}")
    return looking.done(f"loads with tokenizers and as {after.class_name} (transformers {after.transformers})")


def _vocabularies(pair: Pair, who: str, old: Mapping[str, Any], new: Mapping[str, Any], looking: Looking) -> None:
    invented = sorted(new.keys() - old.keys())
    looking.expect(not invented, f"{who}: {len(invented)} invented tokens, first {invented[:1]}")
    wanted = {token: pair.remap.get(i) for token, i in old.items()}
    for token, i in wanted.items():
        if i is not None:
            looking.expect(new.get(token) == i, f"{who}: {token!r} should have id {i}, has {new.get(token)}")
    beyond = sorted(token for token, i in new.items() if i >= len(pair.kept))
    looking.expect(not beyond, f"{who}: {len(beyond)} tokens have ids beyond the kept ones, first {beyond[:1]}")
    dropped = sorted(token for token, i in wanted.items() if i is None and token in new)
    looking.expect(not dropped, f"{who}: {len(dropped)} dropped tokens are still there, first {dropped[:1]}")
