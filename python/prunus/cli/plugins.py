"""`prunus plugins`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from prunus.cli.inputs import show

if TYPE_CHECKING:
    import argparse

    from prunus.plugin.records import PluginRecord


def run(parsed: argparse.Namespace) -> int:
    """Lists plugins, their versions, families and state."""
    from prunus.plugin.manager import plugin_report

    records = plugin_report()
    if parsed.json:
        show([asdict(record) for record in records])
        return 0
    for record in records:
        sys.stdout.write(_line(record))
    if not records:
        sys.stdout.write('no plugins are installed; pip install "prunus[families]" brings the four families\n')
    return 0


def _line(record: PluginRecord) -> str:
    families = "; ".join(f"{family}: {', '.join(types)}" for family, types in record.families.items())
    return f"{record.distribution} {record.version} ({record.name}): {record.status}\n  {families}\n"
