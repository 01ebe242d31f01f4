"""Writes THIRD-PARTY.txt: every crate that is compiled into the extension module, with its licence files.

Run before a wheel is built (`make third-party`). It covers all platforms, so one file serves every wheel.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "THIRD-PARTY.txt"
ROOT_CRATE = "prunus-py"
PATTERNS = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "UNLICENSE*", "COPYRIGHT*", "*/COPYING*", "*/LICENSE*")
RULE = "=" * 100


def main() -> int:
    """Writes the file."""
    OUT.write_text(listing(metadata()), encoding="utf-8")
    return 0


def metadata() -> dict[str, Any]:
    """What cargo knows about the locked crates."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    values: dict[str, Any] = json.loads(run.stdout)
    return values


def compiled_in(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The crates whose code ends in the extension: normal dependencies, procedural macros and our own left out."""
    packages = {package["id"]: package for package in values["packages"]}
    nodes = {node["id"]: node for node in values["resolve"]["nodes"]}
    todo = [package["id"] for package in packages.values() if package["name"] == ROOT_CRATE]
    reached: set[str] = set()
    while todo:
        current = todo.pop()
        if current in reached or _is_macro(packages[current]):
            continue
        reached.add(current)
        todo += [d["pkg"] for d in nodes[current]["deps"] if any(kind["kind"] is None for kind in d["dep_kinds"])]
    found = [packages[one] for one in reached if packages[one]["source"] is not None]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def _is_macro(package: dict[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def licence_texts(package: dict[str, Any]) -> list[str]:
    """The licence and notice files of a crate, and of C sources that it carries."""
    folder = Path(package["manifest_path"]).parent
    files = sorted({path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file()})
    return [path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip() for path in files]


def listing(values: dict[str, Any]) -> str:
    """The whole file: a table of crates, then each distinct text once with the crates that carry it."""
    crates = compiled_in(values)
    carriers: dict[str, list[str]] = defaultdict(list)
    lines = []
    for package in crates:
        name = f"{package['name']} {package['version']}"
        texts = licence_texts(package)
        note = "" if texts else "; the crate carries no licence file"
        lines.append(f"{name}: {package['license'] or 'see its licence file'}{note}; {package['repository'] or ''}")
        for text in dict.fromkeys(texts):
            carriers[text].append(name)
    head = f"Prunus's extension module contains code of these {len(crates)} crates.\n\n" + "\n".join(lines)
    parts = [f"{', '.join(names)}\n\n{text}" for text, names in sorted(carriers.items(), key=lambda item: item[1])]
    return f"\n\n{RULE}\n".join([head, *parts]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
