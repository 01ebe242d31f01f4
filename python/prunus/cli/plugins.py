"""`prunus plugins`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import show
from prunus.cli.output import emit

if TYPE_CHECKING:
    import argparse

    from prunus.plugin.records import PluginRecord


def run(parsed: argparse.Namespace) -> int:
    """Lists plugins, their versions, families and state."""
    from prunus.plugin.manager import PluginManager, plugin_report

    records = PluginManager(trace=_traced).report() if parsed.trace else plugin_report()
    if parsed.json:
        show([asdict(record) for record in records])
        return 0
    for record in records:
        emit(_line(record))
    if not records:
        emit('no plugins are installed; pip install "prunus[families]" brings the four families\n')
    return 0


def _traced(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _line(record: PluginRecord) -> str:
    families = "; ".join(f"{family}: {', '.join(types)}" for family, types in record.families.items())
    hooks = ", ".join(record.hooks) or "none"
    return f"{record.distribution} {record.version} ({record.name}): {record.status}\n  {families}\n  hooks: {hooks}\n"
