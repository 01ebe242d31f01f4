"""Finds the installed plugins, loads them one by one, and answers which family serves a model type."""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from prunus.errors import FamilyError, PluginError, PrunusError
from prunus.plugin import hookspecs
from prunus.plugin.family import Check, ProtectedId
from prunus.plugin.records import PluginRecord, PluginWarning, check_family
from prunus.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prunus.plugin.family import ModelFamily, ProtectContext, VerifyContext

DISABLE_VARIABLE = "PRUNUS_DISABLE_PLUGINS"
TRACE_VARIABLE = "PRUNUS_TRACE_PLUGINS"


class PluginManager:
    """The plugins of one process. Built once, by `plugin_manager`; tests build their own.

    A plugin that cannot be loaded is kept as a record and is an error only where it may be the one that is missing.

    Args:
        points: Entry points to load; those of the group `prunus` of all installed distributions if None.
        disabled: Names of plugins or distributions to leave alone; those of `PRUNUS_DISABLE_PLUGINS` if None.
        trace: Told in one line of each plugin that is loaded and each hook that is called; if None, standard error is
            told where `PRUNUS_TRACE_PLUGINS` is set.
    """

    def __init__(
        self,
        points: Iterable[EntryPoint] | None = None,
        disabled: Iterable[str] | None = None,
        trace: Callable[[str], object] | None = None,
    ) -> None:
        self._trace = trace or (_to_stderr if os.environ.get(TRACE_VARIABLE) else lambda _: None)
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._records: dict[str, PluginRecord] = {}
        self._claims: dict[str, list[tuple[str, ModelFamily]]] = {}
        left_out = {_normal(name) for name in (_disabled() if disabled is None else disabled)}
        found = entry_points(group=hookspecs.ENTRY_POINT_GROUP) if points is None else points
        for point in sorted(set(found), key=lambda p: (_distribution(p), p.name)):
            self._load(point, left_out)

    def families(self) -> tuple[ModelFamily, ...]:
        """The families of all active plugins, by name."""
        unique = {id(family): family for claims in self._claims.values() for _, family in claims}
        return tuple(sorted(unique.values(), key=lambda family: (family.name, sorted(family.model_types))))

    def broken(self) -> tuple[PluginRecord, ...]:
        """The plugins that could not be loaded."""
        return tuple(record for record in self._records.values() if record.broken)

    def report(self) -> tuple[PluginRecord, ...]:
        """One record for each installed plugin, by distribution and name."""
        return tuple(self._with_conflicts(key, record) for key, record in sorted(self._records.items()))

    def family_for(self, model_type: str) -> ModelFamily:
        """The one family that claims `model_type`.

        Raises:
            FamilyError: No installed plugin claims it.
            PluginError: Two plugins claim it, or nobody does and a plugin that may have could not be loaded.
        """
        family = self.claimed(model_type)
        if family is None:
            raise self._nobody(model_type)
        return family

    def claimed(self, model_type: str) -> ModelFamily | None:
        """The one family that claims `model_type`; None if nobody does.

        Raises:
            PluginError: Two plugins claim it.
        """
        claims = self._claims.get(model_type, [])
        if len(claims) > 1:
            names = " and ".join(self._records[key].label for key, _ in claims)
            hint = f"Uninstall one of them, or leave it alone with {DISABLE_VARIABLE}=<name>."
            raise PluginError(f"model type {model_type!r} is claimed by {names}", hint=hint, model_type=model_type)
        return claims[0][1] if claims else None

    def protected_ids(self, context: ProtectContext) -> tuple[ProtectedId, ...]:
        """The ids that plugins protect for the model at hand.

        Raises:
            PluginError: A plugin's hook failed or returned something else than `ProtectedId`s.
        """
        return self._collect("prunus_protected_ids", ProtectedId, context)

    def verify(self, context: VerifyContext) -> tuple[Check, ...]:
        """The outcomes of the plugins' own checks on a pruned directory.

        Raises:
            PluginError: A plugin's hook failed or returned something else than `Check`s.
        """
        return self._collect("prunus_verify", Check, context)

    def register(self, plugin: object, name: str, distribution: str = "", version: str = "") -> None:
        """Adds a plugin that is at hand as an object: a module, or an instance with hooks as methods.

        Raises:
            PluginError: It implements an unknown hook, or a family of it is not well formed.
        """
        record = PluginRecord(name, distribution or name, version, "active", {}, ())
        self._add(plugin, f"{record.distribution}:{name}", record)

    def _load(self, point: EntryPoint, left_out: set[str]) -> None:
        distribution = point.dist
        version = distribution.version if distribution is not None else ""
        record = PluginRecord(point.name, _distribution(point), version, "disabled", {}, ())
        key = f"{record.distribution}:{point.name}"
        if {_normal(point.name), _normal(record.distribution)} & left_out:
            self._records[key] = record
            return
        clock = time.perf_counter()
        try:
            plugin = point.load()
            self._trace(f"{record.label}: {point.value} imported in {(time.perf_counter() - clock) * 1000:.1f} ms")
            self._add(plugin, key, replace(record, status="active"))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises must not stop the others
            self._records[key] = replace(record, status=f"broken: {_cause(error)}")
            self._trace(f"{record.label}: {point.value} is broken: {_cause(error)}")

    def _add(self, plugin: object, key: str, record: PluginRecord) -> None:
        try:
            self._pluggy.register(plugin, key)
            hooks = self._hooks(plugin)
            families = tuple(check_family(f) for f in self._call_one(plugin, "prunus_families"))
            self._trace(f"{record.label}: prunus_families() -> {', '.join(f.name for f in families) or 'none'}")
            _no_double_claims(families)
        except BaseException:
            if self._pluggy.has_plugin(key):
                self._pluggy.unregister(name=key)
            raise
        for family in families:
            for model_type in sorted(family.model_types):
                self._claims.setdefault(model_type, []).append((key, family))
        shown = {family.name: tuple(sorted(family.model_types)) for family in families}
        self._records[key] = replace(record, families=shown, hooks=hooks)

    def _hooks(self, plugin: object) -> tuple[str, ...]:
        callers = self._pluggy.get_hookcallers(plugin) or []
        unknown = sorted(caller.name for caller in callers if not caller.has_spec())
        if unknown:
            known = ", ".join(name for name in dir(hookspecs) if name.startswith("prunus_"))
            raise PluginError(f"unknown hook {', '.join(unknown)}", hint=f"The hooks are {known}.")
        return tuple(sorted(caller.name for caller in callers))

    def _call_one(self, plugin: object, hook: str) -> list[Any]:
        implementations = getattr(self._pluggy.hook, hook).get_hookimpls()
        return [item for impl in implementations if impl.plugin is plugin for item in impl.function()]

    def _collect(self, hook: str, kind: type[Any], context: object) -> tuple[Any, ...]:
        results: list[Any] = []
        for implementation in getattr(self._pluggy.hook, hook).get_hookimpls():
            label = self._records[implementation.plugin_name].label
            try:
                found = tuple(implementation.function(*(context for _ in implementation.argnames)))
            except PrunusError:
                raise
            except Exception as error:
                raise PluginError(f"{hook} of {label} failed: {_cause(error)}", hint="Tell its author.") from error
            self._trace(f"{label}: {hook}({type(context).__name__}) -> {list(found)}")
            strange = [item for item in found if not isinstance(item, kind)]
            if strange:
                raise PluginError(f"{hook} of {label} returned {strange[0]!r}, not a {kind.__name__}")
            results += found
        return tuple(results)

    def _nobody(self, model_type: str) -> PrunusError:
        installed = ", ".join(sorted(family.name for family in self.families())) or "none"
        message = f"no family claims model type {model_type!r}; installed families: {installed}"
        known = f'{did_you_mean(model_type, self._claims)} Install the known ones with pip install "prunus[families]"'
        hint = f"{known.strip()}, or write one: prunus new-family NAME makes a working package (docs/plugins.md)."
        disabled = [record.label for record in self._records.values() if record.status == "disabled"]
        if disabled:
            message += f"; left alone by {DISABLE_VARIABLE}: {', '.join(disabled)}"
        broken = self.broken()
        if not broken:
            return FamilyError(message, hint=hint, model_type=model_type)
        causes = "; ".join(f"{record.label} is {record.status}" for record in broken)
        mend = "Mend or uninstall the broken plugin: the family may be in it. " + hint
        return PluginError(f"{message}; but {causes}", hint=mend, model_type=model_type)

    def _with_conflicts(self, key: str, record: PluginRecord) -> PluginRecord:
        rivals = []
        for model_type, claims in sorted(self._claims.items()):
            keys = [claimant for claimant, _ in claims]
            if key in keys and len(keys) > 1:
                others = " and ".join(self._records[other].label for other in keys if other != key)
                rivals.append(f"{model_type} is also claimed by {others}")
        return replace(record, status=f"conflict: {'; '.join(rivals)}") if rivals else record


@cache
def _loaded() -> PluginManager:
    return PluginManager()


_warned: set[str] = set()


def plugin_manager() -> PluginManager:
    """The manager of this process, loaded on first use.

    Warns:
        PluginWarning: Once for each plugin that could not be loaded, naming distribution, version and cause.
    """
    manager = _loaded()
    for record in manager.broken():
        if record.label not in _warned:
            _warned.add(record.label)
            warnings.warn(f"plugin {record.label} is {record.status}", PluginWarning, stacklevel=2)
    return manager


def reset_plugin_manager() -> None:
    """Forgets the manager of this process; for tests only."""
    _loaded.cache_clear()
    _warned.clear()


def families() -> tuple[ModelFamily, ...]:
    """All installed families, by name."""
    return plugin_manager().families()


def family_for(model_type: str) -> ModelFamily:
    """The one installed family that claims `model_type`.

    Raises:
        FamilyError: No installed plugin claims it.
        PluginError: Two plugins claim it, or nobody does and a plugin that may have could not be loaded.
    """
    return plugin_manager().family_for(model_type)


def plugin_report() -> tuple[PluginRecord, ...]:
    """One record for each installed plugin, by distribution and name."""
    return plugin_manager().report()


def _no_double_claims(families: Iterable[ModelFamily]) -> None:
    seen: set[str] = set()
    for family in families:
        both = sorted(seen & family.model_types)
        if both:
            raise PluginError(f"two of its families claim model type {both[0]!r}")
        seen |= family.model_types


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown distribution"


def _disabled() -> list[str]:
    return [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()]


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"prunus: {line}\n")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _cause(error: BaseException) -> str:
    if isinstance(error, PrunusError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
