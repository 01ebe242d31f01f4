"""What transformers makes of an architecture: which tensors depend on which size of its config. Needs torch.

Runs as a script in a process of its own, or inside the kit that generates the shipped facts. A class is built twice on
the meta device, which needs no memory; every size field has its own value and its own change between the two, so that
the change of a length says which field it comes from.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from typing import Any

# Beyond every default token id of a config class, and like no other length in a default config.
FIRST = 1_270_029
APART = 10_007
STEP = 7
_OTHER_NAMES = frozenset({"n_words", "number_text_tokens", "num_tokens", "n_tokens"})
_NO_TOKENS = re.compile(r"type_vocab_sizes?$|^vocabulary_map$|^use_|_dim$")
_LAYERS = re.compile(
    r"(num_hidden_layers|n_layers?|num_layers|num_(en|de)coder_layers|(en|de)coder_layers)$"
    r"|num_(hash|kv_shared)_layers$"
)
_COUNTED_FROM_PAD = re.compile(
    r"def create_position_ids_from_input_ids|padding_idx \+ 1 \+|def make_positions|\+ padding_idx\b"
)
# Integer tables indexed by token id whose entries are known to be no token ids: experts, and a quantised copy.
_KNOWN_TABLES = frozenset({"tid2eid", "weight_integer"})


def size_fields(config: Any, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """Every field of a config and its sub-configs that may count tokens, by path."""
    found: dict[tuple[str, ...], int] = {}
    for name, value in vars(config).items():
        if _is_config(value):
            found |= size_fields(value, (*above, name))
        elif _counts_tokens(name, value):
            path = (*above, name)
            found[path] = value or 0
    return found


def _counts_tokens(name: str, value: object) -> bool:
    if value is None:
        return name == "vocab_size"
    named = ("vocab" in name or name in _OTHER_NAMES) and not _NO_TOKENS.search(name)
    return named and type(value) is int and value > 0


def shrink(config: Any) -> None:
    """At most two layers of everything: the vocabulary does not depend on their number."""
    for name, value in list(vars(config).items()):
        if _is_config(value):
            shrink(value)
        elif type(value) is int and value > 2 and _LAYERS.search(name):
            setattr(config, name, 2)


def facts_of(class_name: str, make: Any) -> dict[str, Any]:
    """The vocabulary tensors of a class, `{field: {tensor: [axis, role, offset]}}`, and the names of all others.

    Args:
        class_name: A model class of transformers.
        make: Called for a fresh config.
    """
    fields = list(size_fields(make()))
    try:
        return _facts(class_name, make, fields)
    except Exception:
        main = [path for path in fields if path[-1] == "vocab_size"]
        if not main or main == fields:
            raise
        return _facts(class_name, make, main)


def _facts(class_name: str, make: Any, fields: list[tuple[str, ...]]) -> dict[str, Any]:
    one, other = (_build(class_name, make(), fields, step) for step in (0, STEP))
    shapes, shifted = ({n: tuple(t.shape) for n, t in model.state_dict().items()} for model in (one, other))
    if shapes.keys() != shifted.keys():
        return {"refused": f"tensor names depend on the number of rows: {sorted(shapes.keys() ^ shifted.keys())[:3]}"}
    tensors: dict[str, dict[str, list[Any]]] = {}
    rest = []
    for name, shape in shapes.items():
        axes = [axis for axis, (a, b) in enumerate(zip(shape, shifted[name], strict=True)) if a != b]
        if not axes:
            rest.append(name)
            continue
        step = shifted[name][axes[0]] - shape[axes[0]]
        index = step // STEP - 1
        if len(axes) > 1 or step % STEP or not 0 <= index < len(fields):
            return {"refused": f"{name} depends on the number of rows along axes {axes}, in a way of its own"}
        offset = shape[axes[0]] - _value(index, 0)
        described = [axes[0], _role(one, name, axes[0]), offset]
        tensors.setdefault(".".join(fields[index]), {}).update(dict.fromkeys({name, _saved_as(one, name)}, described))
    return {"tensors": tensors, "rest": rest}


def _saved_as(model: Any, name: str) -> str:
    """What `save_pretrained` calls a tensor: transformers 5 gives some of them their published names back."""
    try:
        from transformers.core_model_loading import revert_weight_conversion
    except ImportError:
        return name
    try:
        names = list(revert_weight_conversion(model, {name: model.state_dict()[name]}))
    except Exception:  # noqa: BLE001 - a conversion that needs other tensors beside this one
        return name
    return str(names[0]) if len(names) == 1 else name


def _value(index: int, step: int) -> int:
    return FIRST + APART * index + step * (index + 1)


def _build(class_name: str, config: Any, fields: list[tuple[str, ...]], step: int) -> Any:
    import torch
    import transformers

    for index, path in enumerate(fields):
        holder = config
        for part in path[:-1]:
            holder = getattr(holder, part)
        setattr(holder, path[-1], _value(index, step))
    with torch.device("meta"):
        return getattr(transformers, class_name)(config)


def _role(model: Any, name: str, axis: int) -> str:
    import torch

    owner, _, leaf = name.rpartition(".")
    module = model.get_submodule(owner)
    tensor = getattr(module, leaf)
    if not tensor.is_floating_point() and leaf not in _KNOWN_TABLES:
        return "ids"
    if axis == 0 and leaf == "weight" and (isinstance(module, torch.nn.Embedding) or module is _inputs(model)):
        return "input"
    if axis == 0 and leaf == "weight" and isinstance(module, torch.nn.Linear):
        return "output"
    return "output-bias" if "bias" in leaf else "auxiliary"


def _inputs(model: Any) -> Any:
    try:
        return model.get_input_embeddings()
    except (AttributeError, NotImplementedError, TypeError):
        return None


def default_ids(config: Any, is_id: Any, above: tuple[str, ...] = ()) -> dict[str, int]:
    """Id fields to which a config class gives a token id, by path."""
    found: dict[str, int] = {}
    for name, value in vars(config).items():
        if _is_config(value):
            found |= default_ids(value, is_id, (*above, name))
        elif type(value) is int and value >= 0 and is_id(name):
            found[".".join((*above, name))] = value
    return found


def counted_from_pad(class_name: str) -> bool:
    """Whether the module of a class counts positions from the pad id, by its source."""
    import transformers

    module = inspect.getmodule(getattr(transformers, class_name))
    return bool(module and _COUNTED_FROM_PAD.search(inspect.getsource(module)))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Facts about one `architecture` with one parsed `config`; `{"error": …}` where it cannot be built."""
    try:
        import transformers
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        from prunus.checkpoint.schema import shape_of

        name, values = request["architecture"], request["config"]
        kind = CONFIG_MAPPING[values["model_type"]]
        found = facts_of(name, lambda: kind.from_dict(values))
        found["ids"] = default_ids(kind(), lambda field: shape_of(field) is not None)
        found["sizes"] = {".".join(path): value for path, value in size_fields(kind()).items()}
        found["pinned"] = ["pad_token_id"] if counted_from_pad(name) else []
        found["transformers"] = transformers.__version__
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a foreign class raises is the answer
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return found


def _is_config(value: object) -> bool:
    from transformers import PretrainedConfig

    return isinstance(value, PretrainedConfig)


def main() -> None:
    """Answers the request on standard input; the answer alone goes to the real standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump(answer(json.loads(sys.stdin.buffer.read())), out)
    out.close()


if __name__ == "__main__":
    sys.path[:] = sys.argv[1].split(os.pathsep)
    main()
