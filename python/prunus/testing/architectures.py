"""Generates the facts about architectures that are shipped: `python -m prunus.testing.architectures`.

Every model class of every model type of the installed transformers is built on the meta device; see
`prunus.plugin.probe_worker`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from prunus.checkpoint.schema import shape_of
from prunus.plugin import facts, probe_worker
from prunus.testing.differential import config_class, task_classes

PATH = Path(facts.__file__).parent / "data" / facts.DATA


def entry_of(model_type: str) -> dict[str, Any] | None:
    """What is shipped about one model type, `rest` as the names themselves; None where nothing can be built.

    Args:
        model_type: A model type of transformers.

    Example:
        >>> entry_of("gpt2")["classes"]["GPT2Model"]
        {'vocab_size': [['wte.weight', 0, 'input', 0]]}
    """
    classes, refused, rest = {}, {}, set()
    for name in _classes(model_type):
        found = class_facts(name, model_type)
        if "refused" in found:
            refused[name] = found["refused"]
        elif "tensors" in found:
            classes[name] = {field: facts.packed(tensors) for field, tensors in sorted(found["tensors"].items())}
            rest |= {facts.tail(tensor) for tensor in found["rest"]}
    if not classes and not refused:
        return None
    config = config_class(model_type)()
    entry: dict[str, Any] = {
        "classes": classes,
        "ids": probe_worker.default_ids(config, lambda field: shape_of(field) is not None),
        "sizes": {".".join(path): size for path, size in probe_worker.size_fields(config).items()},
        "pinned": ["pad_token_id"] if any(map(probe_worker.counted_from_pad, (*classes, *refused)[:1])) else [],
        "rest": sorted(rest) if any(classes.values()) else [],
    }
    return entry | ({"refused": refused} if refused else {})


def class_facts(class_name: str, model_type: str) -> dict[str, Any]:
    """Facts about one class with few layers, or with all of them if it cannot be built so; `{"error": …}` if neither.

    Args:
        class_name: A model class of transformers.
        model_type: Its model type.
    """
    kind = config_class(model_type)

    def small() -> Any:
        config = kind()
        probe_worker.shrink(config)
        return config

    try:
        return probe_worker.facts_of(class_name, small)
    except Exception:  # noqa: BLE001 - whatever the class says about a config that is not its own
        try:
            return probe_worker.facts_of(class_name, kind)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return {"error": f"{type(error).__name__}: {error}".split("\n")[0][:160]}


def _classes(model_type: str) -> tuple[str, ...]:
    try:
        config_class(model_type)()
        return task_classes(model_type)
    except Exception:  # noqa: BLE001 - abstract types, and types whose dependencies are not installed
        return ()


def document(entries: dict[str, dict[str, Any]], version: str) -> str:
    """The data file: one line for each model type, ends of names kept once."""
    tails = sorted({name for entry in entries.values() for name in entry["rest"]})
    index = {name: number for number, name in enumerate(tails)}
    lines = [
        f"{json.dumps(name)}: {_compact(entry | {'rest': [index[end] for end in entry['rest']]})}"
        for name, entry in sorted(entries.items())
    ]
    head = [f'{{"transformers": {json.dumps(version)},', f'"tails": {_compact(tails)},', '"types": {']
    return "\n".join(head) + "\n" + ",\n".join(lines) + "\n}}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def main() -> None:
    """Writes the data file."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    from prunus.testing.pool import each

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=PATH)
    arguments = parser.parse_args()
    found = dict(each(entry_of, sorted(CONFIG_MAPPING_NAMES)))
    entries = {name: entry for name, entry in found.items() if entry is not None}
    arguments.out.write_text(document(entries, transformers.__version__), encoding="utf-8")


if __name__ == "__main__":
    main()
