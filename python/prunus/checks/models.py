"""Loads both models with transformers and compares what they compute."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prunus.checks.outcome import Looking
    from prunus.checks.pair import Pair
    from prunus.plugin.family import Check

TOLERANCE = 2e-5
DECODER_IDS = 16


class Running:
    """A model that is asked what it computes; evaluation mode is the caller's business.

    Args:
        model: A model of transformers.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        # Names of parameters that share their storage.
        self.storages = _shared_storages(model)

    def padding(self) -> dict[str, tuple[int, int | None]]:
        """Rows and padding row by name of each embedding."""
        import torch

        kinds = (
            (name, module) for name, module in self.model.named_modules() if isinstance(module, torch.nn.Embedding)
        )
        return {name: (module.num_embeddings, module.padding_idx) for name, module in kinds}

    def run(self, ids: list[int]) -> dict[str, Any]:
        """Every tensor that one row of ids gives, by name."""
        import torch

        accepted = inspect.signature(self.model.forward).parameters
        device = next(self.model.parameters()).device
        inputs: dict[str, Any] = {"input_ids": torch.tensor([ids], device=device)}
        switches = {"output_hidden_states": True, "use_cache": False, "return_dict": True}
        inputs |= {name: value for name, value in switches.items() if name in accepted or "kwargs" in accepted}
        if "decoder_input_ids" in accepted:
            inputs["decoder_input_ids"] = torch.tensor([ids[:DECODER_IDS]], device=device)
        with torch.no_grad():
            return dict(_tensors(self.model(**inputs), ""))


class _Loaded(Running):
    """A model and what transformers said when it loaded it."""

    def __init__(self, directory: Path, architecture: str) -> None:
        import torch
        import transformers

        kind = getattr(transformers, architecture, None) or transformers.AutoModel
        dtype = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
        options = {dtype: "auto", "local_files_only": True, "output_loading_info": True}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, info = kind.from_pretrained(str(directory), **options)
        self.dtypes = {name: str(p.dtype) for name, p in model.named_parameters()}
        self.said = {
            key: sorted(map(str, info.get(key) or ())) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
        }
        model = model.eval()
        # The same computation in either half precision; one rounding of a logit would be a hundred times the tolerance.
        if any(p.dtype in {torch.float16, torch.bfloat16} for p in model.parameters()):
            model = model.float()
        super().__init__(model)
        # Weights lie in the mapped file, and the rounding of a product with one row depends on their alignment there.
        for parameter in self.model.parameters():
            parameter.data = parameter.data.clone()


def _shared_storages(model: Any) -> frozenset[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(parameter.data_ptr(), set()).add(name)
    return frozenset(frozenset(group) for group in groups.values() if len(group) > 1)


def compare_models(pair: Pair, rows: list[list[int]], looking: Looking) -> Check:
    """Loads both, and compares ties, padding rows, missing keys and outputs.

    Args:
        pair: The pair.
        rows: Old ids, all of them kept.
        looking: The check in progress.
    """
    if not rows:
        return looking.skipped("no text consists of kept tokens only")
    architecture = str((pair.config.get("architectures") or ["AutoModel"])[0])
    with quietly():
        try:
            old = _Loaded(pair.model_dir, architecture)
            reference = [old.run(ids) for ids in rows]
        except Exception as error:  # noqa: BLE001 - a source that does not run is no fault of the pruning
            return looking.skipped(f"the source does not run as {architecture}: {type(error).__name__}: {error}"[:300])
        try:
            new = _Loaded(pair.out, architecture)
            _compare_structure(pair, old, new, looking)
            _share_missing(old, new)
            results = [new.run([pair.remap.new_of(i) for i in ids]) for ids in rows]
        except Exception as error:  # noqa: BLE001 - whatever stops the pruned model is the finding
            looking.found(
                f"the source runs as {architecture}, the output does not: {type(error).__name__}: {error}"[:400]
            )
            return looking.done(architecture)
    return compare_runs(pair, architecture, (reference, results), looking)


def compare_runs(
    pair: Pair,
    architecture: str,
    runs: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    looking: Looking,
    tolerance: float = TOLERANCE,
) -> Check:
    """Compares what a model computed before and after, text by text.

    Args:
        pair: The pair.
        architecture: Name of the class, for people.
        runs: What `Running.run` gave before, and after.
        looking: The check in progress.
        tolerance: By how much logits may differ, as a share of the largest.
    """
    reference, results = runs
    worst = 0.0
    for one, other in zip(reference, results, strict=True):
        worst = max(worst, _compare_outputs(pair, one, other, looking, tolerance))
    compared = "logits bit-equal" if not worst else f"logits within {worst:.1e} of their largest"
    headless = not any(
        _is_vocabulary(pair, one[name], other.get(name)) for one, other in _both(reference, results) for name in one
    )
    said = "hidden states bit-equal" + ("" if headless else f", {compared}")
    return looking.done(f"{architecture}, {len(reference)} texts: {said}")


def _both(one: list[Any], other: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(one, other, strict=True))


def _compare_structure(pair: Pair, old: _Loaded, new: _Loaded, looking: Looking) -> None:
    for key, names in old.said.items():
        looking.expect(names == new.said[key], f"{key.replace('_', ' ')}: {names[:3]} became {new.said[key][:3]}")
    looking.expect(old.dtypes == new.dtypes, "the parameters have other dtypes or names than before")
    for group in old.storages ^ new.storages:
        was = "tied" if group in old.storages else "separate"
        looking.found(f"{', '.join(sorted(group))} were {was} after loading, and no longer are")
    looking.looked += 1
    after = new.padding()
    for name, (rows, padding) in old.padding().items():
        now = after.get(name, (None, None))
        want = padding if padding is None or now[0] == rows else pair.remap.get(padding)
        looking.expect(want == now[1], f"{name}: padding_idx {padding} should be {want}, is {now[1]}")


def _share_missing(old: _Loaded, new: _Loaded) -> None:
    """Weights that no file holds are random in both; the source's are used, so that the rest can be compared."""
    import torch

    mine, theirs = old.model.state_dict(), new.model.state_dict()
    with torch.no_grad():
        for name in old.said["missing_keys"]:
            if name in mine and name in theirs and mine[name].shape == theirs[name].shape:
                theirs[name].copy_(mine[name])


def _compare_outputs(
    pair: Pair, one: dict[str, Any], other: dict[str, Any], looking: Looking, tolerance: float
) -> float:
    """Largest deviation of a logit, as a share of the largest logit."""
    worst = 0.0
    looking.expect(one.keys() == other.keys(), f"outputs {sorted(one.keys() ^ other.keys())[:4]} appeared or went")
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if _is_vocabulary(pair, a, b):
            deviation = _deviation(pair, a, b)
            worst = max(worst, deviation)
            looking.expect(deviation <= tolerance, f"{name} differ by {deviation:.1e} of their largest")
        else:
            looking.expect(_same_bits(a, b), f"{name} is not bit-equal{_how_far(a, b)}")
    return worst


def _same_bits(a: Any, b: Any) -> bool:
    import torch

    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    one, other = (t.reshape(-1).contiguous().view(torch.uint8) for t in (a, b))
    return bool(torch.equal(one, other))


def _is_vocabulary(pair: Pair, a: Any, b: Any) -> bool:
    """Whether the last axis is the vocabulary, before and after."""
    rows = pair.rows
    return b is not None and rows is not None and bool(a.dim()) and (a.shape[-1], b.shape[-1]) == rows


def _deviation(pair: Pair, a: Any, b: Any) -> float:
    import torch

    kept = torch.from_numpy(pair.remap.old_ids.astype("int64"))
    mine, theirs = a[..., kept].double(), b[..., : len(kept)].double()
    scale = float(a.double().abs().max()) or 1.0
    difference = float((mine - theirs).abs().max()) / scale
    return difference if difference == difference else float("inf")  # noqa: PLR0124 - true of all numbers but NaN


def _how_far(a: Any, b: Any) -> str:
    if a.shape != b.shape:
        return f": {list(a.shape)} became {list(b.shape)}"
    return f", but differs by {float((a.double() - b.double()).abs().max()):.1e}"


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every tensor in an output, with the path to it."""
    import torch

    if isinstance(value, torch.Tensor):
        yield name, value.detach().cpu()
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _tensors(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _tensors(inner, f"{name}[{index}]")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """No warnings and no progress bars of transformers inside; everything as it was afterwards."""
    import transformers

    log = transformers.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
