"""`prunus convert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunus.cli.inputs import say, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Rewrites `pytorch_model.bin` as safetensors."""
    from prunus.converting import convert

    files = convert(parsed.model, parsed.out, drop_files=parsed.drop_file)
    if parsed.json:
        show({"out": parsed.out, "files": list(files)})
    say(parsed, f"{parsed.out}: {', '.join(files)}")
    return 0
