"""Token ids and sizes in the configs of a model directory: found, planned anew, and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.copying import write_new
from prunus.checkpoint.jsontext import parse_object, read_bytes, read_object, replace_value
from prunus.checkpoint.schema import CONFIG_FILES, Shape, map_ids, shape_of
from prunus.errors import FETCH, ConfigError
from prunus.remap import IdRemap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prunus.checkpoint.jsontext import Json
    from prunus.plugin.family import ModelFamily
    from prunus.remap import Renumbers

_CONFIG = "config.json"
_DEEPEST = 64


@dataclass(frozen=True)
class ConfigIds:
    r"""The token ids that one field names.

    Attributes:
        file: Name of the file.
        path: Dotted path in it; a dot inside a name is written `\\.`.
        ids: The ids, without null and negative values.
    """

    file: str
    path: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class ConfigEdit:
    r"""One value that changes.

    Attributes:
        file: Name of the file.
        path: Dotted path in it; a dot inside a name is written `\\.`.
        before: The value in the source; None where the field is absent and the class default would change its meaning.
        after: The new value.
        kind: `size` or `id`.
    """

    file: str
    path: str
    before: Any
    after: Any
    kind: str


@dataclass(frozen=True)
class _Field:
    """A field with ids as found in a file."""

    file: str
    parts: tuple[str, ...]
    shape: Shape
    value: Any
    absent: bool = False

    @property
    def where(self) -> str:
        return f"{self.file}: {_joined(self.parts)}"


def read_config(directory: str | Path) -> dict[str, Any]:
    """The parsed `config.json`.

    Raises:
        ConfigError: It is absent, broken, names a field twice, or is larger than any config.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such directory", hint=FETCH, file=str(folder))
    if not (folder / _CONFIG).exists():
        raise ConfigError(f"{folder}: has no {_CONFIG}", hint="Name the directory of a model.", file=str(folder))
    return read_object(folder / _CONFIG, ConfigError)


def config_ids(directory: str | Path, family: ModelFamily) -> tuple[ConfigIds, ...]:
    """Every token id that the configs name; the tokens that pruning must keep.

    Left out, because they number other tokens: sub-configs with a `vocab_size` of their own that the family does not
    claim, and fields such as `t2u_eos_token_id` beside such a `t2u_vocab_size`.

    Args:
        directory: A model directory.
        family: Its family, for fields with unusual names and for class defaults.

    Raises:
        ConfigError: A file is broken, or a field holds something that is no id.

    Example:
        >>> config_ids("model", family)  # doctest: +SKIP
        (ConfigIds(file='config.json', path='pad_token_id', ids=(0,)),)
    """
    found = []
    for field in _fields(Path(directory), family):
        ids = _Collector()
        map_ids(field.value, field.shape, ids, field.where)
        if ids.seen:
            found.append(ConfigIds(field.file, _joined(field.parts), tuple(ids.seen)))
    return tuple(found)


def plan_config_edits(
    directory: str | Path, family: ModelFamily, remap: Renumbers, rows_before: int, rows_after: int
) -> tuple[ConfigEdit, ...]:
    """Every value of the configs that pruning changes: sizes and token ids.

    Args:
        directory: A model directory.
        family: Its family.
        remap: The renumbering.
        rows_before: Rows of the vocabulary tensors in the checkpoint.
        rows_after: Rows after pruning.

    Raises:
        ConfigError: A file is broken; a size is not `rows_before`, or equals it and is not claimed by the family; an id
            was dropped, lies beyond the rows, or is pinned and would move.
    """
    config = read_config(directory)
    _check_unclaimed_sizes(config, family, rows_before)
    edits = [*_size_edits(config, family, rows_before, rows_after), *_partial_edits(config, family, remap)]
    for field in _fields(Path(directory), family):
        after = map_ids(field.value, field.shape, _renumber(field, remap, rows_before), field.where)
        if after == field.value:
            continue
        path = _joined(field.parts)
        if field.file == _CONFIG and path in family.pinned_fields:
            raise ConfigError(
                f"{field.where} is {field.value} and may not move, but would become {after}",
                hint="Positions are counted from it: keep every id below it.",
                field=path,
            )
        edits.append(ConfigEdit(field.file, path, None if field.absent else field.value, after, "id"))
    return tuple(edit for edit in edits if edit.before != edit.after)


def apply_config_edits(directory: str | Path, edits: Sequence[ConfigEdit], out: Path) -> None:
    """Writes every config of the directory to `out`: changed values in place, every other byte as it was.

    Args:
        directory: The source.
        edits: What `plan_config_edits` planned for it.
        out: An existing directory.

    Raises:
        ConfigError: A file is broken, or a value is not what the edit expects.
        OutputError: A file exists or cannot be written.
    """
    for name in CONFIG_FILES:
        if not (Path(directory) / name).exists():
            continue
        data = read_bytes(Path(directory) / name, ConfigError)
        document = parse_object(data, name, ConfigError)
        text = data.decode("utf-8")
        for edit in (edit for edit in edits if edit.file == name):
            parts = path_parts(edit.path)
            if _value(document, parts) != edit.before:
                raise ConfigError(
                    f"{name}: {edit.path} is {_value(document, parts)!r}, not {edit.before!r} as planned",
                    hint="The source changed: make the plan again.",
                    field=edit.path,
                )
            text = replace_value(text, parts, edit.after)
        write_new(out / name, text.encode("utf-8"))


def _joined(parts: Sequence[str]) -> str:
    return ".".join(part.replace("\\", "\\\\").replace(".", "\\.") for part in parts)


def path_parts(path: str) -> tuple[str, ...]:
    r"""The names of a dotted path, in which a dot inside a name is written `\\.`."""
    parts = [""]
    characters = iter(path)
    for character in characters:
        if character == ".":
            parts.append("")
        else:
            parts[-1] += next(characters) if character == "\\" else character
    return tuple(parts)


def _value(document: Mapping[str, Any], parts: Sequence[str]) -> Json:
    """The value at a path, None where it is absent."""
    value: Any = document
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _holder(document: Mapping[str, Any], parts: Sequence[str]) -> Mapping[str, Any] | None:
    """The object that has, or would have, the field."""
    holder = _value(document, parts[:-1])
    return holder if isinstance(holder, dict) else None


def _fields(directory: Path, family: ModelFamily) -> Iterator[_Field]:
    config = read_config(directory)
    sizes = (*(_value(config, path_parts(path)) for path in family.size_fields), *(n for _, n in family.size_defaults))
    rows = next((size for size in sizes if size), None)
    named = {path_parts(field.path): field for field in family.id_fields}
    for name in CONFIG_FILES:
        if name != _CONFIG and not (directory / name).exists():
            continue
        document = config if name == _CONFIG else read_object(directory / name, ConfigError)
        special = named if name == _CONFIG else {}
        for parts, value in _walk(document, (), family, rows, name):
            shape = shape_of(parts[-1]) or (Shape.IDS if parts in special else None)
            if shape is not None:
                yield _Field(name, parts, shape, value)
    for parts, field in named.items():
        holder = _holder(config, parts)
        if field.default is not None and holder is not None and parts[-1] not in holder:
            if type(rows) is int and field.default >= rows:
                continue
            yield _Field(_CONFIG, parts, Shape.IDS, field.default, absent=True)


def _walk(
    document: Mapping[str, Any], above: tuple[str, ...], family: ModelFamily, rows: Json, file: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every field of this vocabulary with its path; fields that hold ids are not entered."""
    if len(above) > _DEEPEST:
        raise ConfigError(f"{file}: objects are nested more than {_DEEPEST} deep", file=file)
    for name, value in document.items():
        parts = (*above, name)
        if shape_of(name) is not None:
            if file != _CONFIG or not _prefixed_vocabulary(document, parts, family, rows):
                yield parts, value
            continue
        yield parts, value
        if isinstance(value, dict) and not (file == _CONFIG and _other_vocabulary(parts, value, family, rows)):
            yield from _walk(value, parts, family, rows, file)
        elif isinstance(value, list):
            _refuse_ids_in_list(value, f"{file}: {_joined(parts)}")


def _prefixed_vocabulary(document: Mapping[str, Any], parts: tuple[str, ...], family: ModelFamily, rows: Json) -> bool:
    """Whether `t2u_eos_token_id` stands beside a `t2u_vocab_size` of another length that the family does not claim."""
    *above, name = parts
    sizes = [n for n in document if n.endswith("_vocab_size") and name.startswith(n.removesuffix("vocab_size"))]
    other = [n for n in sizes if type(document[n]) is int and document[n] != rows]
    return any(_joined((*above, n)) not in family.size_fields for n in other)


def _other_vocabulary(parts: tuple[str, ...], value: Mapping[str, Any], family: ModelFamily, rows: Json) -> bool:
    size = value.get("vocab_size")
    # A size inside it that is claimed makes its own a copy that nobody reads.
    claimed = any(path.startswith(f"{_joined(parts)}.") for path in family.size_fields)
    return type(size) is int and size != rows and not claimed


def _refuse_ids_in_list(items: list[Any], where: str, depth: int = 0) -> None:
    for item in items:
        inner = list(item.values()) if isinstance(item, dict) else item
        named = [name for name in item if shape_of(name) and item[name] is not None] if isinstance(item, dict) else []
        if named:
            raise ConfigError(
                f"{where} holds {named[0]!r} inside a list, where Prunus does not renumber ids", field=where
            )
        if isinstance(inner, list) and depth < _DEEPEST:
            _refuse_ids_in_list(inner, where, depth + 1)


class _Collector:
    """Notes every id and leaves it as it is."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, old: int) -> int:
        self.seen.append(old)
        return old


def _renumber(field: _Field, remap: Renumbers, rows: int) -> Callable[[int], int]:
    """New id by old, for one field: an id without a token, before or after, is an error that names the field."""

    def convert(old: int) -> int:
        if old >= rows:
            raise ConfigError(
                f"{field.where} is {old}, but the model has {rows} rows: it dangles in the source already",
                hint="Correct the field in the source, or set it to null.",
                field=_joined(field.parts),
                id=old,
            )
        new = remap.get(old)
        if new is None:
            default = " (the default of its class)" if field.absent else ""
            raise ConfigError(
                f"{field.where} names token id {old}{default}, which is not kept",
                hint="Keep the token, or set the field to null in the source.",
                field=_joined(field.parts),
                id=old,
            )
        return new

    return convert


def _size_edits(config: Mapping[str, Any], family: ModelFamily, before: int, after: int) -> Iterator[ConfigEdit]:
    present = 0
    defaults = dict(family.size_defaults)
    for path in family.size_fields:
        value = _value(config, path_parts(path))
        if value is None and (path not in defaults or not _unnamed(config, path)):
            continue
        present += 1
        if value is None:
            yield _assumed_size(path, defaults[path], before, after)
            continue
        if type(value) is not int or value != before:
            raise ConfigError(
                f"{_CONFIG}: {path} is {value!r}, but the checkpoint has {before} rows",
                hint="Config and checkpoint do not belong together: correct the source.",
                field=path,
            )
        yield ConfigEdit(_CONFIG, path, value, after, "size")
    if not present and family.size_fields:
        held = [path for path in family.size_fields if _holder(config, path_parts(path)) is not None]
        if not held:
            raise ConfigError(f"{_CONFIG}: has none of the size fields {', '.join(family.size_fields)}")
        yield ConfigEdit(_CONFIG, held[0], None, after, "size")


def _unnamed(config: Mapping[str, Any], path: str) -> bool:
    """Whether the object that would have a field is there, and lacks it: its class has a default then."""
    holder = _holder(config, path_parts(path))
    return holder is not None and path_parts(path)[-1] not in holder


def _assumed_size(path: str, default: int, before: int, after: int) -> ConfigEdit:
    if default != before:
        raise ConfigError(
            f"{_CONFIG}: {path} is absent, which means {default}, but the checkpoint has {before} rows",
            hint="Config and checkpoint do not belong together: correct the source.",
            field=path,
        )
    return ConfigEdit(_CONFIG, path, None, after, "size")


def _partial_edits(config: Mapping[str, Any], family: ModelFamily, remap: Renumbers) -> Iterator[ConfigEdit]:
    """Sizes of tensors with fewer rows: of their ids, those that stay."""
    defaults = dict(family.size_defaults)
    for path in family.partial_size_fields:
        value = _value(config, path_parts(path))
        before = defaults.get(path) if value is None and _unnamed(config, path) else value
        if type(before) is not int:
            raise ConfigError(f"{_CONFIG}: {path} is {value!r}, which is no number of rows", field=path)
        if not isinstance(remap, IdRemap):
            raise ConfigError(
                f"{_CONFIG}: {path} cannot be brought back: the size of a partial table is not in the renumbering",
                hint="Leave the pruned config.json as it was written; it is then taken from the base.",
                field=path,
            )
        yield ConfigEdit(_CONFIG, path, value, int((remap.old_ids < before).sum()), "size")


def _check_unclaimed_sizes(config: Mapping[str, Any], family: ModelFamily, rows: int) -> None:
    """A size that equals the number of rows and that nobody claims would silently stay too large."""
    waiting: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), config)]
    while waiting:
        above, holder = waiting.pop()
        waiting += [((*above, name), value) for name, value in holder.items() if isinstance(value, dict)]
        for name, value in holder.items():
            path = _joined((*above, name))
            sized = "vocab_size" in name and name != "type_vocab_size" and type(value) is int and value == rows
            if sized and path not in (*family.size_fields, *family.partial_size_fields):
                raise ConfigError(
                    f"{_CONFIG}: {path} is {value}, the number of rows, and family {family.name!r} does not claim it",
                    hint=f"Add {path!r} to the family's size_fields if it counts tokens.",
                    field=path,
                )
