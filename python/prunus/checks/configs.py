"""Does every field of the configs that names a token name the same one, and is every other field as it was?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.schema import CONFIG_FILES, Shape, shape_of
from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check

DROPPED = "a dropped token"


@dataclass(frozen=True, eq=False)
class _Walk:
    """Two configs of one name, walked side by side."""

    pair: Pair
    file: str
    looking: Looking
    id_paths: frozenset[str]
    size_paths: frozenset[str]
    defaults: Mapping[str, int | None]
    partial_paths: frozenset[str] = frozenset()

    def compare(self, old: Any, new: Any, path: str, *, other_vocabulary: bool = False) -> None:
        """Compares the values at a path; below `other_vocabulary` every value must be as it was."""
        name = path.rpartition(".")[2]
        if not other_vocabulary and self._names_ids(path, name):
            self._expect(path, old, self._renumbered(old, shape_of(name) or Shape.IDS), new, "id")
        elif not other_vocabulary and self.file == CONFIG_FILES[0] and path in self.partial_paths:
            self._expect(path, old, int((self.pair.remap.old_ids < old).sum()), new, "size")
        elif not other_vocabulary and self._is_size(path, name, old):
            self._expect(path, old, (self.pair.rows or (old, old))[1], new, "size")
        elif isinstance(old, dict) and isinstance(new, dict):
            self._objects(old, new, path, other_vocabulary=other_vocabulary)
        else:
            self.looking.expect(
                _text(old) == _text(new), f"{self.file}: {path} is no id, but changed from {_text(old)} to {_text(new)}"
            )

    def _objects(self, old: dict[str, Any], new: dict[str, Any], path: str, *, other_vocabulary: bool) -> None:
        other = other_vocabulary or self._numbers_other_tokens(old, path)
        for name, value in old.items():
            here = f"{path}.{name}" if path else name
            if name in new:
                self.compare(value, new[name], here, other_vocabulary=other)
            else:
                self.looking.found(f"{self.file}: {here} is gone")
        for name in sorted(new.keys() - old.keys()):
            self._added(f"{path}.{name}" if path else name, new[name])

    def _added(self, path: str, value: Any) -> None:
        """A field may appear only where the class default would otherwise name another token or size."""
        default = self.defaults.get(path)
        if self.file == CONFIG_FILES[0] and default is not None:
            self._expect(path, default, self.pair.remap.get(default), value, "id (a class default)")
        elif self.file == CONFIG_FILES[0] and path in self.size_paths and self.pair.rows is not None:
            self._expect(path, None, self.pair.rows[1], value, "size")
        else:
            self.looking.found(f"{self.file}: {path} appeared")

    def _expect(self, path: str, old: Any, want: Any, new: Any, kind: str) -> None:
        self.looking.expect(
            _text(want) == _text(new),
            f"{self.file}: {path} ({kind}) {_text(old)} should be {_text(want)}, is {_text(new)}",
        )

    def _names_ids(self, path: str, name: str) -> bool:
        return shape_of(name) is not None or (self.file == CONFIG_FILES[0] and path in self.id_paths)

    def _is_size(self, path: str, name: str, value: Any) -> bool:
        rows = self.pair.rows
        if self.file != CONFIG_FILES[0] or rows is None or type(value) is not int or value != rows[0]:
            return False
        return path in self.size_paths or ("vocab_size" in name and name != "type_vocab_size")

    def _numbers_other_tokens(self, config: dict[str, Any], path: str) -> bool:
        """Whether a sub-config has a vocabulary of another size, whose ids are none of ours."""
        size, rows = config.get("vocab_size"), self.pair.rows
        claimed = any(claim.startswith(f"{path}.") for claim in self.size_paths)
        return bool(path) and type(size) is int and rows is not None and size != rows[0] and not claimed

    def _renumbered(self, value: Any, shape: Shape) -> Any:
        if shape is Shape.PAIRS and value is not None:
            return [[position, self._renumbered(i, Shape.IDS)] for position, i in value]
        if shape is Shape.BIAS and value is not None:
            return [[self._renumbered(ids, Shape.IDS), bias] for ids, bias in value]
        if isinstance(value, list):
            return [self._renumbered(item, shape) for item in value]
        if isinstance(value, dict):
            return {name: self._renumbered(item, shape) for name, item in value.items()}
        return self._new_id(value) if type(value) is int and value >= 0 else value

    def _new_id(self, old: int) -> int | str:
        new = self.pair.remap.get(old)
        return DROPPED if new is None else new


def check_configs(pair: Pair) -> Check:
    """Every id renumbered, every size that of the tensors, nothing else changed; in all configs."""
    looking = Looking("configs")
    family = pair.family
    fields = family.id_fields if family else ()
    for name in CONFIG_FILES:
        if not (pair.model_dir / name).is_file() or name in pair.dropped_files:
            continue
        if not (pair.out / name).is_file():
            looking.found(f"{name} is gone")
            continue
        walk = _Walk(
            pair,
            name,
            looking,
            frozenset(field.path for field in fields),
            frozenset(family.size_fields if family else ("vocab_size",)),
            {field.path: field.default for field in fields},
            frozenset(family.partial_size_fields if family else ()),
        )
        old, new = (json.loads((directory / name).read_bytes()) for directory in (pair.model_dir, pair.out))
        walk.compare(old, new, "")
        if name == CONFIG_FILES[0]:
            _check_defaults(walk, new)
    if family is None:
        looking.note("no family installed: id fields known by their names only")
    return looking.done(f"{looking.looked} fields compared")


def _check_defaults(walk: _Walk, new: dict[str, Any]) -> None:
    """A class default that stays unnamed must still name the same token."""
    for path, default in walk.defaults.items():
        holder: Any = new
        for part in path.split(".")[:-1]:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if default is None or not isinstance(holder, dict) or path.rpartition(".")[2] in holder:
            continue
        known = default in walk.pair.old_tokens
        walk.looking.expect(
            not known or walk.pair.remap.get(default) == default,
            f"{walk.file}: {path} is absent and means {default}, which names another token now",
        )


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=False)
