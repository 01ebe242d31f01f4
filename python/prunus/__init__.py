"""Exact vocabulary pruning for pre-trained language models.

The flow is one way, through five frozen values: `scan` gives `TokenCounts`, `select` a `KeepSet`, `plan` a `PrunePlan`,
`prune` a `PruneReport`, and `verify` a `VerifyReport`. Names are loaded on first use, so that importing the package
pulls in neither torch nor transformers nor pyarrow.

Example:
    >>> import prunus
    >>> prunus.IdRemap.of([5, 2]).new_of(5)
    1
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunus import errors
    from prunus.comparing import CompareReport, compare
    from prunus.converting import convert
    from prunus.corpus import open_corpus
    from prunus.counts import ScanInfo, TokenCounts, merge
    from prunus.forecasting import Forecast, forecast
    from prunus.halves.head import HeadReport, prune_head
    from prunus.halves.input import InputMap, InputReport, prune_input
    from prunus.heldout import HeldOutEstimate, estimate
    from prunus.kept import KeptTokens
    from prunus.live.model import PrunedModel, prune_model
    from prunus.many import scan_many
    from prunus.packing import PackReport, pack, unpack
    from prunus.planned import PlannedTensor, PrunePlan
    from prunus.planning import plan
    from prunus.plugin.family import (
        Check,
        IdField,
        ModelFamily,
        ProtectContext,
        ProtectedId,
        Role,
        VerifyContext,
        VocabTensor,
    )
    from prunus.plugin.hookspecs import hookimpl
    from prunus.pruning import PruneReport, prune
    from prunus.remap import IdRemap
    from prunus.reports.build import Report, report
    from prunus.restoring import RestoreReport, restore
    from prunus.scanning import Scanner, scan
    from prunus.selection import KeepSet, select
    from prunus.training.session import FineTuning, fine_tuning
    from prunus.training.used import UsedIds, used_ids
    from prunus.verification import VerifyReport, verify
    from prunus.version import __version__

_HOME = {
    "errors": "prunus.errors",
    "CompareReport": "prunus.comparing",
    "compare": "prunus.comparing",
    "open_corpus": "prunus.corpus",
    "ScanInfo": "prunus.counts",
    "TokenCounts": "prunus.counts",
    "merge": "prunus.counts",
    "Forecast": "prunus.forecasting",
    "forecast": "prunus.forecasting",
    "HeadReport": "prunus.halves.head",
    "prune_head": "prunus.halves.head",
    "InputMap": "prunus.halves.input",
    "InputReport": "prunus.halves.input",
    "prune_input": "prunus.halves.input",
    "HeldOutEstimate": "prunus.heldout",
    "estimate": "prunus.heldout",
    "KeptTokens": "prunus.kept",
    "PrunedModel": "prunus.live.model",
    "prune_model": "prunus.live.model",
    "PackReport": "prunus.packing",
    "pack": "prunus.packing",
    "unpack": "prunus.packing",
    "PlannedTensor": "prunus.planned",
    "PrunePlan": "prunus.planned",
    "plan": "prunus.planning",
    "Check": "prunus.plugin.family",
    "IdField": "prunus.plugin.family",
    "ModelFamily": "prunus.plugin.family",
    "ProtectContext": "prunus.plugin.family",
    "ProtectedId": "prunus.plugin.family",
    "Role": "prunus.plugin.family",
    "VerifyContext": "prunus.plugin.family",
    "VocabTensor": "prunus.plugin.family",
    "hookimpl": "prunus.plugin.hookspecs",
    "PruneReport": "prunus.pruning",
    "prune": "prunus.pruning",
    "IdRemap": "prunus.remap",
    "Report": "prunus.reports.build",
    "report": "prunus.reports.build",
    "RestoreReport": "prunus.restoring",
    "restore": "prunus.restoring",
    "convert": "prunus.converting",
    "Scanner": "prunus.scanning",
    "scan": "prunus.scanning",
    "scan_many": "prunus.many",
    "KeepSet": "prunus.selection",
    "select": "prunus.selection",
    "FineTuning": "prunus.training.session",
    "fine_tuning": "prunus.training.session",
    "UsedIds": "prunus.training.used",
    "used_ids": "prunus.training.used",
    "VerifyReport": "prunus.verification",
    "verify": "prunus.verification",
    "__version__": "prunus.version",
}

__all__ = [
    "Check",
    "CompareReport",
    "FineTuning",
    "Forecast",
    "HeadReport",
    "HeldOutEstimate",
    "IdField",
    "IdRemap",
    "InputMap",
    "InputReport",
    "KeepSet",
    "KeptTokens",
    "ModelFamily",
    "PackReport",
    "PlannedTensor",
    "ProtectContext",
    "ProtectedId",
    "PrunePlan",
    "PruneReport",
    "PrunedModel",
    "Report",
    "RestoreReport",
    "Role",
    "ScanInfo",
    "Scanner",
    "TokenCounts",
    "UsedIds",
    "VerifyContext",
    "VerifyReport",
    "VocabTensor",
    "__version__",
    "compare",
    "convert",
    "errors",
    "estimate",
    "fine_tuning",
    "forecast",
    "hookimpl",
    "merge",
    "open_corpus",
    "pack",
    "plan",
    "prune",
    "prune_head",
    "prune_input",
    "prune_model",
    "report",
    "restore",
    "scan",
    "scan_many",
    "select",
    "unpack",
    "used_ids",
    "verify",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'prunus' has no attribute {name!r}")
    module = import_module(home)
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
