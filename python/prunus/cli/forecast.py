"""`prunus forecast`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from prunus.cli.inputs import selected, show

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Shows what fine-tuning on fewer rows would take."""
    from prunus.forecasting import forecast

    found = forecast(
        parsed.model,
        selected(parsed),
        optimizer=parsed.optimizer,
        precision=parsed.precision,
        lora_rank=parsed.lora_rank,
    )
    if parsed.json:
        show(found.to_dict())
    elif not parsed.quiet:
        sys.stderr.write(f"{found}\n")
    return 0
