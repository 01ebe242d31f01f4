"""Refuses a tag that is not `v` and the version in Cargo.toml, and family distributions that require another minor."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """The one version, from Cargo.toml."""
    found = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("Cargo.toml names no version")
    return found[1]


def main(tag: str) -> int:
    """Returns 1 with a sentence on standard error where something disagrees."""
    own = version()
    wrong = [f"tag {tag} is not v{own}, the version in Cargo.toml"] if tag and tag != f"v{own}" else []
    minor = own.rpartition(".")[0]
    for file in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
        if f'"prunus>={minor}"' not in file.read_text(encoding="utf-8"):
            wrong.append(f"{file.parent.name} does not require prunus>={minor}")
    if f"## {own}" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        wrong.append(f"CHANGELOG.md has no section {own}")
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
