"""Sizes and token ids that a live model carries: in its configs, and in attributes that its modules took from them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from prunus.checkpoint.config import path_parts, plan_config_edits
from prunus.checkpoint.schema import Shape, map_ids, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prunus.remap import IdRemap
    from prunus.training.vocabulary import Vocabulary

CONFIGS = {"config.json": "config", "generation_config.json": "generation_config"}


class LiveConfig:
    """The values that differ between the full and the small model; `apply` and `undo` switch between them.

    Args:
        model: The model.
        vocabulary: Its vocabulary.
        remap: The kept ids.
        ids: Whether token ids differ too, and not only sizes.

    Raises:
        ConfigError: A config names an id that is not kept, or one that may not move.
    """

    def __init__(self, model: Any, vocabulary: Vocabulary, remap: IdRemap, *, ids: bool = True) -> None:
        places = [*_config_places(model, vocabulary, remap), *_module_places(model, vocabulary.rows, remap)]
        sizes = (vocabulary.rows, len(remap))
        self._places = [place for place in places if ids or (shape_of(place[1]) is None and place[2:] == sizes)]

    def apply(self) -> None:
        """The values of the small model."""
        for holder, name, _, after in self._places:
            set_field(holder, name, after)

    def undo(self) -> None:
        """The values of the full model."""
        for holder, name, before, _ in self._places:
            set_field(holder, name, before)


_Place = tuple[Any, str, Any, Any]


def _config_places(model: Any, vocabulary: Vocabulary, remap: IdRemap) -> Iterator[_Place]:
    with tempfile.TemporaryDirectory(prefix="prunus-config-") as folder:
        for file, attribute in CONFIGS.items():
            config = getattr(model, attribute, None)
            if config is not None:
                config.to_json_file(str(Path(folder) / file), use_diff=False)
        edits = plan_config_edits(folder, vocabulary.family, remap, vocabulary.rows, len(remap))
    for edit in edits:
        holder, name = place_of(getattr(model, CONFIGS[edit.file]), edit.path)
        yield holder, name, field_of(holder, name), edit.after


def place_of(config: Any, path: str) -> tuple[Any, str]:
    """The object, config or dict, that has the field at a dotted path, and the field's name."""
    *above, name = path_parts(path)
    for part in above:
        config = config[part] if isinstance(config, dict) else getattr(config, part)
    return config, name


def _module_places(model: Any, rows: int, remap: IdRemap) -> Iterator[_Place]:
    """Plain attributes of modules: `vocab_size`, `padding_idx`, `pad_token_id` and their like."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):  # `resize` knows these
            continue
        for name, value in list(vars(module).items()):
            if type(value) is not int:
                continue
            if name == "vocab_size" and value == rows:
                yield module, name, value, len(remap)
            elif (name == "padding_idx" or shape_of(name) is Shape.IDS) and remap.get(value) is not None:
                yield module, name, value, remap.new_of(value)


def field_of(holder: Any, name: str) -> Any:
    """A field of a config or of a dict inside one; None where there is none."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def set_field(holder: Any, name: str, value: Any) -> None:
    """Sets a field of a config or of a dict inside one."""
    if isinstance(holder, dict):
        holder[name] = value
    else:
        setattr(holder, name, value)


def renumber_option(name: str, value: Any, convert: Callable[[int], int]) -> Any:
    """An argument of `generate` with its token ids renumbered, where its name says that it holds some."""
    shape = shape_of(name)
    return value if shape is None or value is None else map_ids(value, shape, convert, name)
