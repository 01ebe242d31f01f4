"""Which columns of a schema hold text, and clear words where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from prunus.errors import ColumnError
from prunus.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN = 40


def resolve(schema: pa.Schema, columns: Sequence[str] | None, where: str) -> tuple[str, ...]:
    """The columns to count: those asked for, or else the only one that holds text.

    Args:
        schema: Schema of the source.
        columns: Dotted names; None to take the only column of strings, or a single `input_ids`.
        where: Name of the source, for errors.

    Raises:
        ColumnError: A column is missing, holds neither text nor ids, or none was asked for and the choice is not clear.
    """
    if columns is None:
        return (_only(schema, where),)
    for column in columns:
        _check(schema, column, where)
    return tuple(columns)


def top_level(schema: pa.Schema, columns: Sequence[str]) -> list[str]:
    """Names of the top-level columns that hold the dotted ones, each once, in the schema's order."""
    wanted = {names_of(schema, column)[0] for column in columns}
    return [name for name in schema.names if name in wanted]


def names_of(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """A dotted column as the names of nested fields; empty if there is no such column.

    A field whose own name has dots goes before nested ones, as in the scanner.
    """
    names: list[str] = []
    kind: pa.DataType = pa.struct(list(schema))
    rest: str | None = column
    while rest is not None:
        name, rest = _first_name(kind, rest)
        if not name:
            return ()
        names.append(name)
        kind, _ = inner(kind.field(kind.get_all_field_indices(name)[0]).type)
    return tuple(names)


def _first_name(kind: pa.DataType, path: str) -> tuple[str, str | None]:
    if not pt.is_struct(kind):
        return "", None
    words = path.split(".")
    for end in range(len(words), 0, -1):
        name = ".".join(words[:end])
        if kind.get_all_field_indices(name):
            return name, ".".join(words[end:]) if end < len(words) else None
    return "", None


def storage(kind: pa.DataType) -> pa.DataType:
    """The type behind an extension type."""
    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any Arrow kind."""
    return bool(
        pt.is_list(kind)
        or pt.is_large_list(kind)
        or pt.is_fixed_size_list(kind)
        or pt.is_list_view(kind)
        or pt.is_large_list_view(kind)
    )


def inner(kind: pa.DataType) -> tuple[pa.DataType, int]:
    """The type inside any lists, and how many lists there are around it."""
    depth = 0
    kind = storage(kind)
    while is_list(kind):
        kind = storage(kind.value_type)
        depth += 1
    return kind, depth


def _decoded(kind: pa.DataType) -> pa.DataType:
    while pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
        kind = kind.value_type
    return kind


def _is_string(kind: pa.DataType) -> bool:
    kind = _decoded(kind)
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    kind = _decoded(kind)
    binary = pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind) or pt.is_fixed_size_binary(kind)
    return _is_string(kind) or bool(binary) or bool(pt.is_null(kind))


def _only(schema: pa.Schema, where: str) -> str:
    found = [field.name for field in schema if _is_string(inner(field.type)[0])]
    if not found:
        found = [field.name for field in schema if field.name == "input_ids" and _holds_ids(field.type)]
    if len(found) == 1:
        return str(found[0])
    what = f"{len(found)} columns hold text ({', '.join(found)})" if found else "no column holds text"
    raise ColumnError(
        f"{where}: {what}; its columns: {_listed(schema)}",
        hint="Name the columns to count with columns=/--column.",
        columns=schema.names,
    )


def _holds_ids(kind: pa.DataType) -> bool:
    value, depth = inner(kind)
    return depth > 0 and bool(pt.is_integer(value))


def _check(schema: pa.Schema, column: str, where: str) -> None:
    names = names_of(schema, column)
    if not names:
        raise ColumnError(
            f"{where}: no column {column!r}; its columns: {_listed(schema)}",
            hint=did_you_mean(column, _names(schema)) or "Name one of these; a field inside a struct as outer.inner.",
            column=column,
            file=where,
        )
    if schema.names.count(names[0]) > 1:
        raise ColumnError(f"{where}: column {names[0]!r} occurs twice", hint="Rename one of them.", column=column)
    kind = leaf_type(schema, names)
    if not (_is_text(inner(kind)[0]) or _holds_ids(kind)):
        raise ColumnError(
            f"{where}: column {column!r} is of type {kind}, which holds neither text nor lists of token ids",
            hint=f"Its columns: {_listed(schema)}.",
            column=column,
            type=str(kind),
            file=where,
        )


def leaf_type(schema: pa.Schema, names: Sequence[str]) -> pa.DataType:
    """The type of a column given as the names of nested fields; lists around its structs do not show."""
    kind = schema.field(names[0]).type
    for name in names[1:]:
        kind = inner(kind)[0].field(name).type
    return kind


def _names(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        yield from _dotted(field, "")


def _dotted(field: pa.Field, prefix: str) -> Iterator[str]:
    name = f"{prefix}{field.name}"
    yield name
    kind, _ = inner(field.type)
    if pt.is_struct(kind):
        for child in kind:
            yield from _dotted(child, f"{name}.")


def _listed(schema: pa.Schema) -> str:
    shown = ", ".join(f"{field.name} ({field.type})" for field in list(schema)[:_SHOWN])
    return shown + (f" and {len(schema) - _SHOWN} more" if len(schema) > _SHOWN else "") if len(schema) else "none"
