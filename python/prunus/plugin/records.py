"""What the plugin manager found: one frozen record for each plugin, whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunus.errors import PluginError
from prunus.plugin.family import IdField, ModelFamily, Role, VocabTensor

if TYPE_CHECKING:
    from collections.abc import Mapping


class PluginWarning(UserWarning):
    """An installed plugin could not be loaded; models that only it knows cannot be pruned."""


@dataclass(frozen=True)
class PluginRecord:
    """One installed plugin, as `prunus plugins` lists it.

    Attributes:
        name: Name of its entry point.
        distribution: The distribution that brought it.
        version: Version of that distribution.
        status: `active`, `broken: <cause>`, `disabled` or `conflict: <model types and the other distributions>`.
        families: The `model_type`s by family name, sorted.
        hooks: The hooks that it implements, sorted.
    """

    name: str
    distribution: str
    version: str
    status: str
    families: Mapping[str, tuple[str, ...]]
    hooks: tuple[str, ...]

    @property
    def label(self) -> str:
        """Distribution, version and entry point, for messages."""
        return f"{self.distribution} {self.version} (entry point {self.name!r})"

    @property
    def broken(self) -> bool:
        """Whether the plugin could not be loaded."""
        return self.status.startswith("broken")


def check_family(family: object) -> ModelFamily:
    """The family itself, if it is well formed.

    Raises:
        PluginError: It is no `ModelFamily`, or one of its fields is empty, of another type or contradicts another.
    """
    if not isinstance(family, ModelFamily):
        raise PluginError(f"prunus_families returned {family!r}, not a ModelFamily")
    _expect(isinstance(family.name, str) and bool(family.name), family, "`name` is empty")
    _texts(family, "model_types", frozenset)
    for field in ("size_fields", "pinned_fields", "not_vocabulary"):
        _texts(family, field, tuple)
    _expect(bool(family.model_types), family, "`model_types` is empty")
    _expect(isinstance(family.tensors, tuple) and bool(family.tensors), family, "`tensors` is no tuple with an entry")
    for tensor in family.tensors:
        _check_tensor(family, tensor)
    patterns = [tensor.pattern for tensor in family.tensors]
    _expect(len(set(patterns)) == len(patterns), family, "`tensors` names one pattern twice")
    _expect(any(t.role is Role.INPUT for t in family.tensors), family, "no tensor has the role INPUT")
    _expect(isinstance(family.id_fields, tuple), family, "`id_fields` is no tuple")
    for field_ in family.id_fields:
        _check_id_field(family, field_)
    return family


def _check_tensor(family: ModelFamily, tensor: object) -> None:
    if not isinstance(tensor, VocabTensor):
        raise PluginError(f"family {family.name!r}: {tensor!r} is no VocabTensor")
    shown = f"tensor {tensor.pattern!r}"
    _expect(isinstance(tensor.pattern, str) and bool(tensor.pattern), family, f"{shown}: the pattern is empty")
    _expect(_natural(tensor.axis), family, f"{shown}: axis {tensor.axis!r} is no integer >= 0")
    _expect(isinstance(tensor.role, Role), family, f"{shown}: role {tensor.role!r} is no Role")
    _expect(isinstance(tensor.optional, bool), family, f"{shown}: optional {tensor.optional!r} is no bool")


def _check_id_field(family: ModelFamily, field: object) -> None:
    if not isinstance(field, IdField):
        raise PluginError(f"family {family.name!r}: {field!r} is no IdField")
    _expect(isinstance(field.path, str) and bool(field.path), family, f"{field!r}: the path is empty")
    _expect(field.default is None or _natural(field.default), family, f"{field!r}: the default is no token id")


def _texts(family: ModelFamily, field: str, kind: type[Any]) -> None:
    value: Any = getattr(family, field)
    good = isinstance(value, kind) and all(isinstance(text, str) and text for text in value)
    _expect(good, family, f"`{field}` is no {kind.__name__} of non-empty strings: {value!r}")


def _natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expect(truth: bool, family: ModelFamily, what: str) -> None:  # noqa: FBT001
    if not truth:
        raise PluginError(f"family {family.name!r}: {what}")
