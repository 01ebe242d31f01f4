"""Is the pruned `tokenizer.json` the source's, with fewer tokens and new ids and nothing else changed?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check
    from prunus.remap import IdRemap

VERBATIM = ("normalizer", "pre_tokenizer", "decoder", "truncation", "version")


def check_document(pair: Pair) -> Check:
    """Sections that name no id as they were; vocabulary, scores, merges, added tokens and processors as the ids say.

    Numbers are compared as text: a score that was parsed and printed again moves in its last digit.
    """
    looking = Looking("tokenizer.json")
    old, new = (json.loads(data, parse_float=str) for data in (pair.tokenizer.json, pair.out_json))
    looking.expect(list(old) == list(new), f"the sections were {list(old)}, are {list(new)}")
    for name in VERBATIM:
        looking.expect(
            old.get(name) == new.get(name), f"{name} was {_short(old.get(name))}, is {_short(new.get(name))}"
        )
    want = {name: _renumbered(old.get(name), pair.remap) for name in ("post_processor", "padding")}
    for name, value in want.items():
        looking.expect(value == new.get(name), f"{name} should be {_short(value)}, is {_short(new.get(name))}")
    _check_added(pair, old.get("added_tokens") or [], new.get("added_tokens") or [], looking)
    _check_model(pair, old["model"], new["model"], looking)
    kind = new["model"].get("type", "no type named")
    return looking.done(
        f"{kind}: {len(new['model']['vocab']):,} entries, {len(new['model'].get('merges', ())):,} merges"
    )


def _renumbered(value: Any, remap: IdRemap) -> Any:
    """A post-processor or padding with its ids renumbered: `ids`, `pad_id`, and the pairs of `sep` and `cls`."""
    if isinstance(value, list):
        return [_renumbered(item, remap) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _renumbered(inner, remap) for name, inner in value.items()}
    if isinstance(value.get("ids"), list):
        found["ids"] = [remap.get(i) for i in value["ids"]]
    if "pad_id" in value:
        found["pad_id"] = remap.get(value["pad_id"])
    for name in ("sep", "cls"):
        if isinstance(value.get(name), list):
            found[name] = [value[name][0], remap.get(value[name][1])]
    return found


def _check_added(pair: Pair, old: list[Any], new: list[Any], looking: Looking) -> None:
    want = [record | {"id": pair.remap.get(record["id"])} for record in old if record["id"] in pair.remap]
    looking.expect(len(want) == len(new), f"{len(new)} added tokens, should be {len(want)}")
    for mine, theirs in zip(want, new, strict=False):
        looking.expect(mine == theirs, f"added token {_short(theirs)} should be {_short(mine)}")


def _check_model(pair: Pair, old: dict[str, Any], new: dict[str, Any], looking: Looking) -> None:
    unknown = {"unk_id": pair.remap.get(old["unk_id"])} if isinstance(old.get("unk_id"), int) else {}
    want = {name: value for name, value in (old | unknown).items() if name not in {"vocab", "merges"}}
    have = {name: value for name, value in new.items() if name not in {"vocab", "merges"}}
    for name in {**want, **have}:
        # Old files name no type; the library writes one.
        if name != "type" or name in want:
            looking.expect(
                want.get(name) == have.get(name), f"model.{name} should be {want.get(name)!r}, is {have.get(name)!r}"
            )
    _check_entries(pair, old["vocab"], new["vocab"], looking)
    if "merges" in old:
        _check_merges(old, new, looking)


def _check_entries(pair: Pair, old: Any, new: Any, looking: Looking) -> None:
    if type(old) is not type(new):
        looking.found(f"model.vocab is a {type(new).__name__}, was a {type(old).__name__}")
        return
    if isinstance(old, list):
        want = [entry for i, entry in enumerate(old) if i in pair.remap]
        looking.expect(len(want) == len(new), f"model.vocab has {len(new)} entries, should have {len(want)}")
        for position, (mine, theirs) in enumerate(zip(want, new, strict=False)):
            looking.expect(mine == theirs, f"model.vocab[{position}] is {theirs}, should be {mine}")
        return
    ids = {token: pair.remap.get(i) for token, i in old.items() if i in pair.remap}
    for token in ids.keys() | new.keys():
        same = ids.get(token) == new.get(token)
        looking.expect(same, f"model.vocab: {token!r} has id {new.get(token)}, should have {ids.get(token)}")


def _check_merges(old: dict[str, Any], new: dict[str, Any], looking: Looking) -> None:
    """Every merge of kept parts into a kept token, in the source's order; no other."""
    prefix, kept = old.get("continuing_subword_prefix") or "", new["vocab"]
    want = []
    for merge in old["merges"]:
        one, other = merge if isinstance(merge, list) else merge.split(" ", 1)
        if one in kept and other in kept and one + other.removeprefix(prefix) in kept:
            want.append(merge)
    have = new.get("merges", [])
    looking.expect(len(want) == len(have), f"{len(have)} merges, should be {len(want)}")
    for rank, (mine, theirs) in enumerate(zip(want, have, strict=False)):
        looking.expect(mine == theirs, f"merge {rank} is {theirs}, should be {mine}")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
