"""Compares a pruned model with its source by running both, and their files byte by byte."""

from __future__ import annotations

import inspect
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from prunus.testing.checkpoints import has_tied_head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prunus.remap import IdRemap
    from prunus.testing.differential import Model

Tensor: TypeAlias = Any  # a tensor of torch

# One product's rounding: the kernels treat the last columns of an odd width differently.
LOGITS_TOLERANCE = 2e-5
_LENGTH = 12
_SEPARATORS = (3, 7, 11)


@dataclass
class Comparison:
    """What `compare_models` found.

    Attributes:
        wrong: One line for each finding; empty if all is well.
        looked: How many things were compared.
        logits_bit_equal: Whether logits agreed to the last bit, not only to rounding.
    """

    wrong: list[str] = field(default_factory=list)
    looked: int = 0
    logits_bit_equal: bool = True

    def expect(self, what: str, *, holds: bool) -> None:
        """Counts a comparison, and notes it if it does not hold."""
        self.looked += 1
        if not holds:
            self.wrong.append(what)


def compare_models(source: Path, pruned: Path, class_name: str, remap: IdRemap, *, forward: bool = True) -> Comparison:
    """Compares tensors, ties, ids of the config and forward passes of two model directories.

    Args:
        source: The directory that was pruned.
        pruned: The result.
        class_name: Model class of transformers that reads both.
        remap: The renumbering.
        forward: Whether to run them too.

    Returns:
        The findings. Kept rows and all other tensors must be byte-equal, hidden states bit-equal, logits at kept ids
        equal to within the rounding of one product. Models run in float32, in one thread.
    """
    import transformers

    found = Comparison()
    _compare_files(source, pruned, remap, found)
    _compare_ids(source, pruned, remap, found)
    kind = getattr(transformers, class_name)
    # Not in the checkpoint's dtype: some classes cannot run in bf16, and widening is exact.
    old, new = (kind.from_pretrained(folder, dtype="float32").eval() for folder in (source, pruned))
    tied = [has_tied_head(model) for model in (old, new)]
    found.expect(f"head tied: {tied[0]} became {tied[1]}", holds=tied[0] == tied[1])
    pads = [padding_index(model) for model in (old, new)]
    expected = None if pads[0] is None else remap.get(pads[0])
    found.expect(f"padding_idx {pads[0]} became {pads[1]}, not {expected}", holds=expected == pads[1])
    if forward:
        _compare_forward(old, new, remap, found)
    return found


def padding_index(model: Model) -> int | None:
    """The padding row of the input embedding; None if it has none, or the model does not say which it is."""
    try:
        index: int | None = getattr(model.get_input_embeddings(), "padding_idx", None)
    except (AttributeError, NotImplementedError):
        return None
    return index


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs tiny models in one thread: more only wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def inputs_for(model: Model, ids: Tensor) -> dict[str, Any]:
    """Arguments of a forward pass for `ids` `(texts, length)`, by what the model's signature asks for."""
    import torch

    wanted = inspect.signature(model.forward).parameters
    rows = ids
    if type(model).__name__.endswith(("MultipleChoice", "DoubleHeadsModel")):
        rows = ids.unsqueeze(0)
    inputs: dict[str, Any] = {"input_ids": rows}
    pad = getattr(model.config, "pad_token_id", None)
    if "attention_mask" in wanted and pad is not None and not type(model).__name__.endswith("DoubleHeadsModel"):
        inputs["attention_mask"] = (rows != pad).long()
    if "decoder_input_ids" in wanted:
        inputs["decoder_input_ids"] = ids.flip(1)
    if "bbox" in wanted:
        inputs["bbox"] = _boxes(model, ids)
    if "visual_feats" in wanted:
        inputs["visual_feats"] = torch.ones(len(ids), 2, model.config.visual_feat_dim)
        inputs["visual_pos"] = torch.ones(len(ids), 2, model.config.visual_pos_dim)
    if "output_hidden_states" in wanted or "kwargs" in wanted:
        inputs["output_hidden_states"] = True
    return inputs


def _boxes(model: Model, ids: Tensor) -> Tensor:
    """One box on the page for every token: four corners as shares of it, or two in thousandths."""
    import torch

    corners = getattr(model.config, "dim_bbox", None)
    box = torch.linspace(0.1, 0.8, corners) if corners else torch.tensor([1, 2, 30, 40])
    return box.expand(*ids.shape, -1)


def tensors_in(output: object, name: str = "output") -> dict[str, Tensor]:
    """All floating-point tensors of a model's output, by path."""
    import torch

    if isinstance(output, torch.Tensor):
        return {name: output} if output.is_floating_point() else {}
    if isinstance(output, dict):
        return {k: v for key, part in output.items() for k, v in tensors_in(part, f"{name}.{key}").items()}
    if isinstance(output, (tuple, list)):
        return {k: v for i, part in enumerate(output) for k, v in tensors_in(part, f"{name}.{i}").items()}
    return {}


def _compare_files(source: Path, pruned: Path, remap: IdRemap, found: Comparison) -> None:
    import torch

    old, new = _weights(source), _weights(pruned)
    found.expect(f"tensor names differ: {sorted(set(old) ^ set(new))[:5]}", holds=set(old) == set(new))
    kept = torch.tensor(remap.old_ids.tolist())
    smaller = 0
    for name in sorted(set(old) & set(new)):
        before, after = old[name], new[name]
        axes = [i for i, (a, b) in enumerate(zip(before.shape, after.shape, strict=True)) if a != b]
        if len(axes) == 1:
            smaller += 1
            before = before.index_select(axes[0], kept[kept < before.shape[axes[0]]])
        same = before.dtype == after.dtype and before.shape == after.shape and torch.equal(_raw(before), _raw(after))
        found.expect(f"{name} is not {'the kept rows' if axes else 'what it was'}", holds=same)
    found.expect("no tensor became smaller", holds=smaller > 0)


def _weights(directory: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    weights = {}
    for path in sorted(directory.glob("*.safetensors")):
        weights.update(load_file(path))
    return weights


def _raw(tensor: Tensor) -> Tensor:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _compare_ids(source: Path, pruned: Path, remap: IdRemap, found: Comparison) -> None:
    old, new = (json.loads((directory / "config.json").read_text(encoding="utf-8")) for directory in (source, pruned))
    for name, value in old.items():
        if name.endswith("_token_id") and isinstance(value, int):
            expected = remap.get(value)
            found.expect(f"{name} {value} became {new.get(name)}, not {expected}", holds=new.get(name) == expected)
    # Models with sub-configs have their sizes there, and FSMT has one for each language.
    inner = json.dumps([value for value in old.values() if isinstance(value, dict)])
    if "vocab_size" in old and '"vocab_size"' not in inner:
        found.expect("vocab_size is not the number of kept tokens", holds=new.get("vocab_size") == len(remap))


def _compare_forward(old: Model, new: Model, remap: IdRemap, found: Comparison) -> None:
    import torch

    for model in (old, new):
        _align(model)
    chosen = _ids_for(old, remap)
    kept = torch.tensor(remap.old_ids.tolist())
    with torch.no_grad(), one_thread():
        outputs = [tensors_in(m(**inputs_for(m, ids))) for m, ids in ((old, kept[chosen]), (new, chosen))]
    only = sorted(set(outputs[0]) ^ set(outputs[1]))
    found.expect(f"outputs differ: {only[:4]}", holds=not only)
    for name in sorted(set(outputs[0]) & set(outputs[1])):
        before, after = outputs[0][name], outputs[1][name]
        if before.shape == after.shape:
            found.expect(f"{name} differs by {(before - after).abs().max():.3g}", holds=torch.equal(before, after))
            continue
        wanted = before[..., kept[kept < before.shape[-1]]]
        difference = ((wanted - after).abs().max() / before.abs().max()).item()
        found.expect(f"{name} differs by {difference:.3g} of its largest", holds=difference <= LOGITS_TOLERANCE)
        found.logits_bit_equal &= torch.equal(wanted, after)


def _align(model: Model) -> None:
    """Moves weights out of the mapped file: the rounding of a product with one row depends on their alignment."""
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()


def _ids_for(model: Model, remap: IdRemap) -> Tensor:
    """New ids `(2, length)`: random, padded at the end of the second row, with separators that some classes seek."""
    import torch

    config = model.config.to_dict()
    special = {remap.get(v) for k, v in config.items() if k.endswith("_token_id") and isinstance(v, int)}
    usual = torch.tensor([new for new in range(len(remap)) if new not in special])
    ids = usual[torch.randint(len(usual), (2, _LENGTH), generator=torch.Generator().manual_seed(0))]
    pad, eos, separator = (config.get(f"{role}_token_id") for role in ("pad", "eos", "sep"))
    if isinstance(separator, int):
        ids[:, _SEPARATORS] = remap.new_of(separator)
        return ids
    if isinstance(pad, int):
        ids[1, -3:] = remap.new_of(pad)
    if isinstance(eos, int):
        ids[0, -1] = ids[1, -4] = remap.new_of(eos)
    return ids
