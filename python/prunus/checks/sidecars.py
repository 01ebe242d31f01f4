"""Do the other tokenizer files agree with the pruned `tokenizer.json`?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from prunus.checks.outcome import Looking
from prunus.checks.sentencepiece import SUFFIX, check_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime
    from prunus.plugin.family import Check

_SENTINEL = re.compile(r"<extra_id_\d+>")
NAMES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)


def check_sidecars(pair: Pair, runtime: Runtime) -> Check:
    """`vocab.txt`, `vocab.json`, `merges.txt`, added and special tokens, SentencePiece models.

    A file is held against what the source's file says of the kept tokens, and against the pruned `tokenizer.json` where
    the source's two files agreed.
    """
    looking = Looking("tokenizer.files")
    seen = []
    models = sorted(path.name for path in pair.model_dir.iterdir() if path.name.endswith(SUFFIX))
    for name in (*NAMES, *models):
        old, new = pair.model_dir / name, pair.out / name
        if not old.is_file() or name in pair.dropped_files:
            continue
        seen.append(name)
        if not new.is_file():
            looking.found(f"{name} is gone")
        elif name.endswith(SUFFIX):
            check_model(pair, runtime, name, looking)
        else:
            _CHECKS[name](pair, old, new, looking)
    if not seen:
        return looking.skipped("tokenizer.json stands alone")
    return looking.done(", ".join(seen))


def _model(data: bytes) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(data)["model"]
    return model


def _lines(path: Path) -> list[str]:
    """Lines, ended by a line feed alone: a token may hold any other separator; a final empty one is left out."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines and not lines[-1] else lines)]


def _vocab_txt(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = _lines(old), _lines(new)
    want = [before[i] for i in pair.kept.old_ids.tolist() if i < len(before)]
    looking.expect(len(after) == len(want), f"vocab.txt: {len(after)} lines, should have {len(want)}")
    for number, (line, token) in enumerate(zip(after, want, strict=False)):
        looking.expect(line == token, f"vocab.txt: line {number + 1} is {line!r}, should be {token!r}")
    if all(pair.old_tokens.get(i) == line for i, line in enumerate(before)):
        agree = all(pair.new_tokens.get(i) == line for i, line in enumerate(after))
        looking.expect(agree, "vocab.txt disagrees with tokenizer.json, and did not before")


def _vocab_json(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    want = {token: pair.remap.get(i) for token, i in before.items() if i in pair.remap}
    for token in sorted(want.keys() | after.keys()):
        same = want.get(token) == after.get(token)
        looking.expect(same, f"vocab.json: {token!r} has id {after.get(token)}, should have {want.get(token)}")
    if before == _model(pair.tokenizer.json).get("vocab"):
        agree = after == _model(pair.out_json).get("vocab")
        looking.expect(agree, "vocab.json disagrees with tokenizer.json, and did not before")


def _merges(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = ([line for line in _lines(path) if line] for path in (old, new))
    left = iter(before)
    for line in after:
        found = any(line == other for other in left)
        looking.expect(found, f"merges.txt: {line!r} is no merge of the source, or stands in another place")
        if not found:
            return
    stated = [" ".join(m) if isinstance(m, list) else m for m in _model(pair.out_json).get("merges", ())]
    was = [" ".join(m) if isinstance(m, list) else m for m in _model(pair.tokenizer.json).get("merges", ())]
    if was == _without_version(before):
        for number, (mine, theirs) in enumerate(zip(_without_version(after), stated, strict=False)):
            looking.expect(mine == theirs, f"merges.txt: merge {number} is {mine!r}, in tokenizer.json {theirs!r}")
        count = len(_without_version(after))
        looking.expect(count == len(stated), f"merges.txt: {count} merges, tokenizer.json has {len(stated)}")


def _without_version(lines: list[str]) -> list[str]:
    return lines[1:] if lines and lines[0].startswith("#version") else lines


def _added_tokens(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    want = {token: pair.remap.get(i) for token, i in before.items() if i in pair.remap}
    looking.expect(want == after, f"added_tokens.json: {_difference(want, after)}")


def _special_tokens_map(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    want = _without_dropped(before, _dropped(pair))
    looking.expect(want == after, f"special_tokens_map.json: {_difference(want, after)}")


def _tokenizer_config(pair: Pair, old: Path, new: Path, looking: Looking) -> None:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    name = "added_tokens_decoder"
    records, now = before.pop(name, None), after.pop(name, None)
    if isinstance(records, dict):
        want = {str(pair.remap.get(int(i))): record for i, record in records.items() if int(i) in pair.remap}
        looking.expect(want == now, f"tokenizer_config.json: {name}: {_difference(want, now or {})}")
    elif records is not None or now is not None:
        looking.expect(records == now, f"tokenizer_config.json: {name} changed")
    want = _without_dropped(before, _dropped(pair))
    if isinstance(want.get("extra_ids"), int):  # T5 makes its sentinels from their number
        want["extra_ids"] -= sum(_SENTINEL.fullmatch(token) is not None for token in _dropped(pair))
    looking.expect(want == after, f"tokenizer_config.json: {_difference(want, after)}")


def _dropped(pair: Pair) -> frozenset[str]:
    return frozenset(pair.old_tokens.values()) - frozenset(pair.kept.tokens)


def _without_dropped(value: Any, dropped: frozenset[str]) -> Any:
    """Lists of tokens without the dropped ones; all else as it is."""
    if isinstance(value, dict):
        return {name: _without_dropped(inner, dropped) for name, inner in value.items()}
    if isinstance(value, list):
        return [item for item in value if _content(item) not in dropped]
    return value


def _content(item: Any) -> str | None:
    content = item.get("content") if isinstance(item, dict) else item
    return content if isinstance(content, str) else None


def _difference(want: dict[str, Any], have: dict[str, Any]) -> str:
    """The first keys that differ."""
    keys = [key for key in {**want, **have} if want.get(key) != have.get(key)]
    return ", ".join(f"{key!r} is {str(have.get(key))[:60]}, should be {str(want.get(key))[:60]}" for key in keys[:3])


_CHECKS: dict[str, Callable[[Pair, Path, Path, Looking], None]] = {
    "vocab.txt": _vocab_txt,
    "vocab.json": _vocab_json,
    "merges.txt": _merges,
    "added_tokens.json": _added_tokens,
    "special_tokens_map.json": _special_tokens_map,
    "tokenizer_config.json": _tokenizer_config,
}
