"""Prunes tiny models of every architecture of transformers: `python -m prunus.testing.architecture_sweep`.

For each model type, the class with the most vocabulary tensors is built, pruned on disk and compared with its source;
with `--all`, every class. The result is the table in `docs/architectures.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.errors import PrunusError, VerificationError
from prunus.plugin.facts import Facts, shipped_facts
from prunus.testing.checkpoints import randomise
from prunus.testing.comparison import Comparison, compare_models, inputs_for, one_thread, tensors_in
from prunus.testing.tiny_architecture import tiny_configs
from prunus.testing.tokenizers import tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunus.testing.differential import Model

_LARGEST = 60_000_000


@dataclass(frozen=True)
class Outcome:
    """What became of one class.

    Attributes:
        model_type: Its model type.
        class_name: Its name.
        status: `exact`, `rows` (compared byte by byte, but the model does not run on token ids alone), `refused`,
            `not built` or `wrong`.
        detail: The tensors that became smaller, or the reason.
    """

    model_type: str
    class_name: str
    status: str
    detail: str


def chosen_classes(facts: Facts, *, every: bool) -> tuple[str, ...]:
    """All classes of a type, or the one with the most vocabulary tensors."""
    names = sorted({*facts.tensors, *facts.refused}, key=lambda name: (-len(facts.tensors.get(name, ())), name))
    return tuple(names if every else names[:1])


def sweep_type(model_type: str, *, every: bool = False) -> list[Outcome]:
    """The outcomes of the classes of one model type."""
    facts = shipped_facts(model_type)
    if facts is None:
        return []
    return [sweep_class(model_type, name, facts) for name in chosen_classes(facts, every=every)]


def sweep_class(model_type: str, class_name: str, facts: Facts) -> Outcome:
    """Builds, prunes and compares one class.

    Args:
        model_type: A model type of transformers.
        class_name: A class of it.
        facts: What is shipped about the type.
    """
    say = partial(Outcome, model_type, class_name)
    if not facts.tensors.get(class_name):
        return say("refused", facts.refused.get(class_name, "nothing is indexed by token id"))
    with tempfile.TemporaryDirectory() as folder, one_thread():
        source, out = Path(folder, "model"), Path(folder, "out")
        try:
            model = build_class(model_type, class_name, facts, source)
        except Exception as error:  # noqa: BLE001 - whatever a class says of a config that does not fit it
            return say("not built", _short(error))
        return say(*_outcome(source, out, class_name, _runs(model)))


def _outcome(source: Path, out: Path, class_name: str, why_not_run: str) -> tuple[str, str]:
    try:
        found, tensors = _prune_and_compare(source, out, class_name, forward=not why_not_run)
    except VerificationError as error:
        return "wrong", _short(error)
    except PrunusError as error:
        return "refused", _short(error)
    except Exception as error:  # noqa: BLE001 - a crash is the finding, unless the source cannot be read either
        return _blame(class_name, source, _short(error))
    if found.wrong:
        return _blame(class_name, source, "; ".join(found.wrong)[:300])
    return "rows" if why_not_run else "exact", ", ".join(tensors)


def build_class(model_type: str, class_name: str, facts: Facts, source: Path) -> Model:
    """Writes a tiny checkpoint of one class with a tiny tokenizer, and returns the model.

    Args:
        model_type: A model type of transformers.
        class_name: A class of it.
        facts: What is shipped about the type.
        source: The directory to write.

    Raises:
        Exception: Whatever the class raises for the last config that was tried.
    """
    import torch
    import transformers

    tokenizer = tiny_tokenizer("wordpiece")
    problem: Exception = ValueError("no config fits")
    for config in tiny_configs(model_type, {i.field for i in facts.tensors[class_name].values()}, tokenizer):
        try:
            with torch.device("meta"):
                size = sum(p.numel() for p in getattr(transformers, class_name)(config).parameters())
            if size > _LARGEST:
                problem = ValueError(f"its smallest config has {size:,} parameters")
                continue
            torch.manual_seed(0)
            model = getattr(transformers, class_name)(config).eval()
            with torch.no_grad():
                randomise(model, tokenizer.size)
            model.save_pretrained(source)
            tokenizer.save(source)
        except Exception as error:  # noqa: BLE001 - the next config may fit
            problem = error
            continue
        return model
    raise problem


def _runs(model: Model) -> str:
    """Why a model does not run on token ids alone; empty if it does."""
    import torch

    inputs = inputs_for(model, torch.tensor([[20, 31, 22, 33, 24, 3], [31, 20, 33, 22, 41, 3]]))
    try:
        with torch.no_grad():
            one, other = (tensors_in(model(**inputs)) for _ in range(2))
    except Exception as error:  # noqa: BLE001 - it wants images, sounds or a length of its own
        return _short(error)
    same = all(name in other and torch.equal(tensor, other[name]) for name, tensor in one.items())
    return "" if same else "its output is random"


def _blame(class_name: str, source: Path, finding: str) -> tuple[str, str]:
    """A finding counts only if the class reads back what it wrote."""
    import transformers

    try:
        _, said = getattr(transformers, class_name).from_pretrained(source, output_loading_info=True)
    except Exception as error:  # noqa: BLE001 - what the class writes, it cannot read
        return "not built", f"it cannot read what it writes: {_short(error)}"
    missing = sorted(said["missing_keys"])
    if missing:
        return "not built", f"it does not find {missing[0]} in what it writes"
    return "wrong", finding


def _prune_and_compare(source: Path, out: Path, class_name: str, *, forward: bool) -> tuple[Comparison, list[str]]:
    import prunus

    size = tiny_tokenizer("wordpiece").size
    # Some types load any tokenizer as their own: the file counts here.
    keep = prunus.select(tokenizer=source / "tokenizer.json", keep_ids=range(0, size, 3))
    report = prunus.prune(source, keep, out, forward=False, tokenizer_from="file")
    found = compare_models(source, out, class_name, report.plan.remap, forward=forward)
    return found, [tensor.name for tensor in report.plan.tensors]


def _short(error: BaseException) -> str:
    text = error.message if isinstance(error, PrunusError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:160]


def table(outcomes: list[Outcome], version: str) -> str:
    """The page that shows the outcomes."""
    counted = {
        status: sum(o.status == status for o in outcomes) for status in ("exact", "rows", "refused", "not built")
    }
    lines = [
        "# Architectures",
        "",
        f"Generated by `make sweep` with transformers {version}: one class of every model type, with a tiny config and",
        "random weights, served by `auto` or by the family plugin that claims the type. *exact*: pruned on disk, every",
        "kept row byte-identical, hidden states bit-identical, logits of kept tokens equal to within one product's",
        "rounding. *rows*: pruned and compared byte by byte, but the model does not run on token ids alone, so nothing",
        "was computed with it. *refused*: for the reason given. *not built*: transformers makes no tiny model of it.",
        "",
        ", ".join(f"{number} {status}" for status, number in counted.items()) + ".",
        "",
        "| model type | class | outcome | tensors, or reason |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *(row(outcome) for outcome in outcomes)]) + "\n"


def row(outcome: Outcome) -> str:
    """The line of one class in the page."""
    detail = outcome.detail.replace("|", "\\|")
    shown = ", ".join(f"`{name}`" for name in detail.split(", ")) if outcome.status in {"exact", "rows"} else detail
    return f"| {outcome.model_type} | {outcome.class_name} | {outcome.status} | {shown} |"


def run(names: list[str], *, every: bool) -> Iterator[Outcome]:
    """The outcomes of these model types, in order."""
    from prunus.testing.pool import each

    for _, outcomes in each(partial(sweep_type, every=every), names):
        yield from outcomes


def main() -> None:
    """Sweeps all architectures, and writes the page."""
    import transformers

    from prunus.plugin.facts import known_types

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_types", nargs="*", help="only these")
    parser.add_argument("--all", action="store_true", help="every class, not one of each type")
    parser.add_argument("-o", "--out", type=Path, help="the page to write")
    arguments = parser.parse_args()
    outcomes: list[Any] = []
    for outcome in run(arguments.model_types or known_types(), every=arguments.all):
        outcomes.append(outcome)
        print(row(outcome), flush=True)
    if arguments.out:
        arguments.out.write_text(table(outcomes, transformers.__version__), encoding="utf-8")
    raise SystemExit(any(outcome.status == "wrong" for outcome in outcomes))


if __name__ == "__main__":
    main()
