"""Arrow types of JSON values: found from the first value that is not null, cut down to the wanted columns."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from prunus.corpus.columns import inner, leaf_type, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_INT64 = range(-(2**63), 2**63)


def type_of(value: object) -> pa.DataType:
    """The Arrow type of a JSON value; `null` where it says nothing."""
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, dict):
        return pa.struct([pa.field(name, type_of(child)) for name, child in value.items()])
    if isinstance(value, list):
        return pa.list_(_element_type(value))
    scalars = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    return scalars.get(type(value), pa.null())


def _element_type(values: Iterable[object]) -> pa.DataType:
    found = pa.null()
    for value in values:
        found = merged(found, type_of(value))
        # The first scalar settles it; a later one of another type is an error of its line.
        if not pt.is_nested(found) and not pt.is_null(found):
            break
    return found


def merged(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """What two values of a column say together; where they contradict each other, the first counts."""
    if pt.is_null(a):
        return b
    if pt.is_list(a) and pt.is_list(b):
        return pa.list_(merged(a.value_type, b.value_type))
    if pt.is_struct(a) and pt.is_struct(b):
        fields = {field.name: field.type for field in a}
        for field in b:
            fields[field.name] = merged(fields.get(field.name, pa.null()), field.type)
        return pa.struct(list(fields.items()))
    return a


def merged_schema(schema: pa.Schema, row: Mapping[str, object]) -> pa.Schema:
    """A schema with what one more row says."""
    return pa.schema(list(merged(pa.struct(list(schema)), type_of(row))))


def settled(schema: pa.Schema, columns: Sequence[str]) -> bool:
    """Whether the types of all these columns are known."""
    paths = [names_of(schema, column) for column in columns]
    return all(path and not pt.is_null(inner(leaf_type(schema, path))[0]) for path in paths)


def wanted_schema(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    """The schema of the wanted columns alone; a type not known yet becomes string, since all its values are null."""
    root = pa.struct(list(schema))
    return pa.schema(list(reduce(merged, [_cut(root, names_of(schema, column)) for column in columns])))


def _cut(kind: pa.DataType, path: Sequence[str]) -> pa.DataType:
    if pt.is_list(kind):
        return pa.list_(_cut(kind.value_type, path))
    if path:
        return pa.struct([pa.field(path[0], _cut(kind.field(path[0]).type, path[1:]))])
    return pa.string() if pt.is_null(kind) else kind


def mismatch(value: object, kind: pa.DataType) -> str | None:
    """Why a JSON value does not fit a type, in words; None if it does."""
    if value is None:
        return None
    if pt.is_list(kind) and isinstance(value, list):
        return next((why for child in value if (why := mismatch(child, kind.value_type))), None)
    if pt.is_struct(kind) and isinstance(value, dict):
        return next((why for field in kind if (why := mismatch(value.get(field.name), field.type))), None)
    if pt.is_integer(kind) and type(value) is int:
        return None if value in _INT64 else f"the number {value}, which does not fit 64 bits"
    if pt.is_string(kind) and isinstance(value, str):
        return None
    names = {bool: "a boolean", dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return f"{names[type(value)]} where {kind} was expected"
