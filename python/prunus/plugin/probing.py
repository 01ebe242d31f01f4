"""Asks the installed transformers about an architecture, in a process of its own, and remembers the answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.plugin import probe_worker
from prunus.plugin.facts import Facts, probed_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE_VARIABLE = "PRUNUS_CACHE"
_SECONDS = 300


def probe(config: Mapping[str, Any], architecture: str) -> Facts | str | None:
    """Facts about one class, built on the meta device with this very config; torch never enters this process.

    Args:
        config: A parsed `config.json`.
        architecture: A class of transformers.

    Returns:
        The facts; a sentence where transformers cannot build it; None where transformers or torch is not installed.
    """
    if not sys.executable or any(find_spec(name) is None for name in ("torch", "transformers")):
        return None
    request = json.dumps({"architecture": architecture, "config": config}, sort_keys=True).encode()
    remembered = _place(request)
    answer = _read(remembered)
    if answer is None:
        answer = _ask(request)
        if "error" not in answer:
            _write(remembered, answer)
    if "error" in answer:
        return str(answer["error"])
    return probed_facts(str(config.get("model_type")), architecture, answer)


def _ask(request: bytes) -> dict[str, Any]:
    command = [sys.executable, "-I", "-W", "ignore", str(probe_worker.__file__), os.pathsep.join(sys.path)]
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, env=os.environ | quiet, timeout=_SECONDS, check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"it did not answer within {_SECONDS} s"}
    except ValueError:
        return {"error": f"it ended with status {done.returncode}: {done.stderr.decode(errors='replace')[-200:]}"}
    return answer


def _place(request: bytes) -> Path:
    base = os.environ.get(CACHE_VARIABLE) or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunus"
    key = hashlib.sha256(request + Path(probe_worker.__file__).read_bytes()).hexdigest()[:32]
    return Path(base) / "architectures" / f"{_transformers()}-{key}.json"


def _transformers() -> str:
    try:
        return version("transformers")
    except PackageNotFoundError:
        return "unknown"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, answer: Mapping[str, Any]) -> None:
    """Remembers an answer; a cache that cannot be written costs time only."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(answer), encoding="utf-8")
        aside.replace(path)
