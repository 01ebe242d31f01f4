"""Do the models compute the same? The only check that imports torch."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from prunus.checks.outcome import Looking

if TYPE_CHECKING:
    from prunus.checks.pair import Pair
    from prunus.checks.runtime import Runtime
    from prunus.plugin.family import Check

NAME = "forward"
LONGEST = 48
POSITIONS = ("max_position_embeddings", "n_positions", "max_target_positions", "max_source_positions")


def check_forward(pair: Pair, runtime: Runtime) -> Check:
    """Ties and padding rows as before, hidden states bit-equal, logits equal to within the rounding of one product."""
    looking = Looking(NAME)
    if not pair.options.forward:
        return looking.skipped("switched off")
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        return looking.skipped(f"{' and '.join(missing)} not installed")
    size = sum(tensor.nbytes for tensor in pair.source.tensors.values())
    if size > pair.options.largest_forward:
        most = pair.options.largest_forward
        return looking.skipped(f"the model has {size / 1e9:.1f} GB of weights, more than {most / 1e9:.1f} GB")
    from prunus.checks.models import compare_models

    return compare_models(pair, forward_rows(pair, runtime), looking)


def forward_rows(pair: Pair, runtime: Runtime) -> list[list[int]]:
    """Old ids of some texts, each of kept tokens only, and no longer than the model's positions."""
    positions = [pair.config.get(name) for name in POSITIONS]
    longest = min([LONGEST, *(number - 4 for number in positions if type(number) is int and number > 8)])
    texts = [*runtime.sample, *runtime.built_in] if not runtime.sample else runtime.sample
    rows = []
    step = max(1, len(texts) // (4 * pair.options.forward_texts))
    for text in texts[::step]:
        ids = runtime.old.encode(text).ids[:longest]
        if len(ids) > 1 and all(i in pair.remap for i in ids):
            rows.append(ids)
        if len(rows) == pair.options.forward_texts:
            break
    return rows
