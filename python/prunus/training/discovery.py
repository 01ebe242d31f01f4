"""Which modules of a live model look token ids up, and in which tables: observed by storage, not by flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from prunus.errors import LiveModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WRAPPED = {
    "DistributedDataParallel": "enter the block first and wrap the model inside it",
    "DataParallel": "enter the block first and wrap the model inside it",
    "FullyShardedDataParallel": "FSDP shards the table across processes; use DDP",
    "FSDPModule": "FSDP shards the table across processes; use DDP",
    "DeepSpeedEngine": "DeepSpeed owns and shards the parameters; use DDP",
    "PipelineEngine": "DeepSpeed owns and shards the parameters; use DDP",
}
_TIED = (
    "The head of this model is tied to the input table: through the softmax every row gets a gradient at every step, "
    "so pruning the input alone would save nothing."
)


@dataclass(frozen=True)
class InputTable:
    """One storage that token ids index, with every module that looks it up.

    Attributes:
        parameter: The parameter `(rows, hidden)`.
        name: Its first name in the model.
        lookups: The embedding modules that hold it.
        others: Names of modules that hold it for another purpose: heads that are tied to it.
    """

    parameter: Any
    name: str
    lookups: tuple[Any, ...]
    others: tuple[str, ...]


def input_tables(model: Any, names: Iterable[str] | None = None) -> tuple[InputTable, ...]:
    """The input tables of a live model, the one of `get_input_embeddings()` first.

    Tables of another length (a second vocabulary) are left alone, which is exact: ids keep their meaning.

    Args:
        model: Any `torch.nn.Module`: of transformers, wrapped by peft or sentence-transformers, or a plain one.
        names: Names of embedding modules, where the model does not say which they are.

    Raises:
        LiveModelError: No table is found or it is ambiguous; it is quantised, sharded, on the meta device or inside
            a wrapper whose lookups cannot be renumbered.
    """
    refuse_wrapped(model)
    modules = list(_named(model, names)) if names is not None else list(_embeddings(model))
    tables: dict[int, Any] = {}
    for module in modules:
        tables.setdefault(id(module.weight), module.weight)
    rows = next(iter(tables.values())).shape[0]
    found = tuple(_table(model, weight) for weight in tables.values() if weight.shape[0] == rows)
    _refuse_aliases(model, found)
    return found


def refuse_wrapped(model: Any) -> None:
    """Refuses models whose parameters another library has wrapped or sharded.

    Raises:
        LiveModelError: The wrapper, with what to do instead.
    """
    for name, module in model.named_modules():
        for kind in type(module).__mro__:
            if kind.__name__ in _WRAPPED and kind.__module__.split(".")[0] in {"torch", "deepspeed"}:
                where = f" ({name})" if name else ""
                raise LiveModelError(
                    f"the model is wrapped in {kind.__name__}{where}", hint=f"{_WRAPPED[kind.__name__]}.".capitalize()
                )


def refuse_tied(tables: Iterable[InputTable]) -> None:
    """Refuses tables that a head shares.

    Raises:
        LiveModelError: The table and the head, with the mode to choose.
    """
    for table in tables:
        if table.others:
            raise LiveModelError(
                f"{table.name} is also used by {', '.join(table.others)}. {_TIED}",
                hint='Choose mode="input+output": the softmax then runs over the kept tokens, which changes the loss.',
                tensor=table.name,
            )


def _named(model: Any, names: Iterable[str]) -> Iterator[Any]:
    modules = dict(model.named_modules())
    for name in names:
        module = modules.get(name)
        if module is None:
            near = [n for n, m in modules.items() if isinstance(m, nn.Embedding)]
            raise LiveModelError(f"the model has no module {name!r}", hint=f"Its embeddings are {', '.join(near)}.")
        yield _checked(module, name)


def _embeddings(model: Any) -> Iterator[Any]:
    found: list[Any] = []
    for name, module in model.named_modules():
        holder = _input_embeddings(module)
        inside = [m for m in holder.modules() if isinstance(m, nn.Embedding)] if holder is not None else []
        if holder is not None and not inside and not found:
            raise LiveModelError(
                f"the input embedding of {name or type(module).__name__} is a {type(holder).__name__}, "
                "not a torch.nn.Embedding",
                hint="Quantised and hashed tables cannot be pruned row by row in a live model.",
            )
        found += inside
    if not found:
        plain = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Embedding)]
        if len(plain) != 1:
            shown = ", ".join(f"{n} {tuple(m.weight.shape)}" for n, m in plain) or "none"
            raise LiveModelError(
                f"the model does not say which of its embeddings holds tokens: {shown}",
                hint="Name the modules: embeddings=['...'].",
            )
        found = [plain[0][1]]
    names = {id(m): n for n, m in model.named_modules()}
    for module in found:
        yield _checked(module, names.get(id(module), type(module).__name__))


def _input_embeddings(module: Any) -> Any:
    method = getattr(type(module), "get_input_embeddings", None)
    if method is None:
        return None
    try:
        return module.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        return None


def _checked(module: Any, name: str) -> Any:
    if not isinstance(module, nn.Embedding):
        raise LiveModelError(f"{name} is a {type(module).__name__}, not a torch.nn.Embedding")
    weight = module.weight
    if type(weight) is not nn.Parameter:
        raise LiveModelError(
            f"{name}.weight is a {type(weight).__module__}.{type(weight).__qualname__}, not a plain parameter",
            hint="Quantised and sharded tables (bitsandbytes, DTensor, FSDP2, DeepSpeed) are not supported.",
        )
    if hasattr(weight, "ds_id"):
        raise LiveModelError(f"{name}.weight is partitioned by DeepSpeed", hint="Use DDP.")
    if weight.is_meta:
        raise LiveModelError(f"{name}.weight is on the meta device", hint="Load the weights first.")
    return module


def _table(model: Any, weight: Any) -> InputTable:
    lookups: list[Any] = []
    others: list[str] = []
    first = ""
    for module_name, module in model.named_modules():
        for name, parameter in module._parameters.items():  # shared ones too, which the public call skips
            if parameter is not weight:
                continue
            first = first or f"{module_name}.{name}".lstrip(".")
            if isinstance(module, nn.Embedding) and name == "weight":
                lookups.append(module)
            else:
                others.append(module_name)
    return InputTable(weight, first, tuple(lookups), tuple(others))


def _refuse_aliases(model: Any, tables: tuple[InputTable, ...]) -> None:
    """Two parameter objects over one storage would part company when the storage of one is swapped."""
    own = {t.parameter.untyped_storage().data_ptr(): t for t in tables if t.parameter.numel()}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        table = own.get(tensor.untyped_storage().data_ptr()) if tensor.numel() and not tensor.is_meta else None
        if table is not None and tensor is not table.parameter:
            raise LiveModelError(
                f"{name} and {table.name} are two parameters over one storage",
                hint="Tie them by assigning one parameter to both modules.",
                tensor=name,
            )
