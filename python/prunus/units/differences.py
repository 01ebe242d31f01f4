"""What is no longer the same when a scan is taken up again, named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunus.errors import CorpusError, TokenizerMismatchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunus.corpus.discover import SourceFile
    from prunus.units.plan import UnitPlan

_HINT = "Scan into a new directory, or go on with what was scanned before."
_SHOWN = 5


def check_same_scan(old: UnitPlan, new: UnitPlan, where: str) -> None:
    """Refuse to mix two scans in one work directory.

    Raises:
        TokenizerMismatchError: The tokenizers differ.
        UsageError: Options, columns, versions or the sizes of the units differ.
        CorpusError: The source files differ.
    """
    if old == new:
        return
    for key in ("fingerprint", "size"):
        if old.scan[key] != new.scan[key]:
            raise TokenizerMismatchError(
                f"{where}: was scanned with another tokenizer ({key} {old.scan[key]}, now {new.scan[key]})", hint=_HINT
            )
    differing = list(_differing(old.scan, new.scan))
    if differing:
        raise UsageError(f"{where}: was scanned with {'; '.join(differing)}", hint=_HINT)
    changed = list(_changed(old.files, new.files))
    if changed:
        more = f" and {len(changed) - _SHOWN:,} more" if len(changed) > _SHOWN else ""
        raise CorpusError(f"{where}: the corpus is not what it was: {'; '.join(changed[:_SHOWN])}{more}", hint=_HINT)
    raise UsageError(f"{where}: was planned with units of {old.unit_bytes:,} bytes, now {new.unit_bytes:,}", hint=_HINT)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differing(before, now)
        elif before != now:
            yield f"{key} {before!r}, now {now!r}"


def _changed(old: tuple[SourceFile, ...], new: tuple[SourceFile, ...]) -> Iterator[str]:
    before = {file.path: file for file in old}
    now = {file.path: file for file in new}
    for path, file in before.items():
        if path not in now:
            yield f"{path} is not named any more"
        elif now[path] != file:
            yield f"{path} changed ({_state(file)}, now {_state(now[path])})"
    yield from (f"{path} is new" for path in now if path not in before)
    if before == now and old != new:
        yield "its files are named in another order"


def _state(file: SourceFile) -> str:
    return f"{file.format}, {file.size:,} bytes, changed at {file.modified / 1e9:.3f}"
