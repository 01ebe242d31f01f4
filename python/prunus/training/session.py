"""`fine_tuning`: the block inside which a model holds only the rows that a task needs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from prunus.errors import UsageError
from prunus.remap import IdRemap
from prunus.training.adapters import entered_at, renumber_tokens
from prunus.training.backing import Base
from prunus.training.discovery import input_tables, refuse_tied
from prunus.training.entry import Entry
from prunus.training.fetching import Fetching, fetch_ahead
from prunus.training.keepset import rows_to_keep
from prunus.training.liveconfig import LiveConfig
from prunus.training.lookup import Renumbering, lookup_hook
from prunus.training.optimizers import OptimizerWatch
from prunus.training.output import OutputEntry
from prunus.training.places import Places, refuse_resizing
from prunus.training.resizing import holds, resize
from prunus.training.statedict import StateDicts
from prunus.training.table import Table, refuse_shrunk
from prunus.training.vocabulary import vocabulary_of

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable
    from types import TracebackType

    from prunus.training.vocabulary import LiveTensor

MODES = ("input", "input+output", "output")
UNSEEN = ("error", "unk", "fetch")
SAVE = ("full", "pruned")


class FineTuning:
    """A model on fewer rows; made by `fine_tuning`, used in `with`, or by `begin()` and `restore()`.

    Attributes:
        model: The model, the same object inside and outside.
        remap: The kept ids and their row numbers inside the block; None outside. Fetched rows come behind them.
    """

    def __init__(self, model: Any, keep: object, tokenizer: Any, options: Options) -> None:
        self.model = model
        self.remap: IdRemap | None = None
        self._keep = keep
        self._tokenizer = tokenizer
        self._options = options
        self._undo = ExitStack()
        self._fetchings: list[Fetching] = []

    def __enter__(self) -> FineTuning:
        return self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()

    def __repr__(self) -> str:
        if self.remap is None:
            return f"FineTuning({type(self.model).__name__}, all rows)"
        return f"FineTuning({type(self.model).__name__}, {len(self.remap):,} rows kept)"

    def begin(self) -> FineTuning:
        """Leaves only the kept rows in memory; on any error the model is as it was.

        Raises:
            CheckpointError: `base` holds other values than the model.
            LiveModelError: The model cannot be shrunk.
            OutputError: The other rows cannot be written to the temporary file.
            SelectionError: No id, or an id beyond the table, is kept.
            UsageError: The block has begun already, or another one has that shares a table.
        """
        if self.remap is not None:
            raise UsageError("the block has begun already", hint="Call restore() first.")
        refuse_shrunk(self.model)
        with ExitStack() as stack:
            refuse_resizing(stack, self.model)
            begin = {"input": self._begin_input, "input+output": self._begin_both, "output": self._begin_output}
            kept = begin[self._options.mode](stack)
            _forget_compiled(stack)
            self._undo = stack.pop_all()
            self.remap = IdRemap(kept.numpy().astype("uint32"))
        return self

    def _begin_input(self, stack: ExitStack) -> Any:
        found = input_tables(self.model, self._options.embeddings)
        refuse_tied(found)
        kept = self._rows(found[0].parameter.shape[0])
        tables = [Table(table.parameter, table.name) for table in found]
        watch = self._shrink(stack, tables, kept)
        for table, shrunk in zip(found, tables, strict=True):
            renumbering = self._renumbering(shrunk)
            if self._options.unseen == "fetch":
                self._fetch(stack, Fetching(shrunk, renumbering, table.lookups, watch), shrunk)
            for module in table.lookups:
                place = entered_at(self.model, module)
                handle = place.register_forward_pre_hook(
                    lookup_hook(renumbering, place), with_kwargs=True, prepend=True
                )
                stack.callback(handle.remove)
                resize(stack, module, kept)
                renumber_tokens(stack, place, kept)
        if self._fetchings:
            ahead = fetch_ahead(self.model, self._fetchings)
            stack.callback(self.model.register_forward_pre_hook(ahead, with_kwargs=True, prepend=True).remove)
        return kept

    def _fetch(self, stack: ExitStack, fetching: Fetching, table: Table) -> None:
        self._fetchings.append(fetching)
        stack.callback(self._fetchings.clear)
        if table.tensor.requires_grad:
            stack.callback(table.tensor.register_hook(fetching.check).remove)

    def fetch(self, ids: Any) -> None:
        """Brings rows into memory before they are looked up; only with `unseen="fetch"`, inside the block.

        Args:
            ids: Token ids, a tensor or lists of any one shape; ids beyond the table are left to the lookup.

        Raises:
            UsageError: The block has not begun, or does not fetch.
        """
        if not self._fetchings:
            raise UsageError("nothing is fetched here", hint='Choose unseen="fetch", and call it inside the block.')
        for fetching in self._fetchings:
            fetching.bring(torch.as_tensor(ids))

    def _begin_both(self, stack: ExitStack) -> Any:
        vocabulary = vocabulary_of(self.model)
        kept = self._rows(vocabulary.rows)
        config = LiveConfig(self.model, vocabulary, IdRemap(kept.numpy().astype("uint32")))
        tables = self._shrink_all(stack, vocabulary.tensors, kept, vocabulary.rows)
        config.apply()
        stack.callback(config.undo)
        full = self._options.save == "full"
        entry = Entry(self.model, self._renumbering(tables[0]), kept, config, labels=vocabulary.has_head, full=full)
        entry.install(stack, [m for m in self.model.modules() if _looks_up(m, tables)])
        return kept

    def _begin_output(self, stack: ExitStack) -> Any:
        vocabulary = vocabulary_of(self.model)
        heads = vocabulary.heads()
        kept = self._rows(vocabulary.rows)
        sizes = LiveConfig(self.model, vocabulary, IdRemap(kept.numpy().astype("uint32")), ids=False)
        tables = self._shrink_all(stack, heads, kept, vocabulary.rows)
        OutputEntry(self.model, self._renumbering(tables[0]), kept, sizes).install(stack)
        return kept

    def _shrink_all(self, stack: ExitStack, tensors: Iterable[LiveTensor], kept: Any, rows: int) -> list[Table]:
        tables = [Table(t.tensor, t.name, t.axis) for t in tensors]
        self._shrink(stack, tables, kept)
        for module in self.model.modules():
            if any(holds(module, table.tensor) for table in tables):
                resize(stack, module, kept, rows=rows)
        return tables

    def _rows(self, rows: int) -> Any:
        return torch.from_numpy(rows_to_keep(self._keep, rows, self.model, self._tokenizer))

    def restore(self) -> None:
        """Brings the full matrices back, tuned rows in place; does nothing where the block has not begun.

        Raises:
            UsageError: Another parameter was put in place of a table inside the block; the model is whole.
        """
        if self.remap is None:
            return
        self.remap = None
        self._undo.close()

    def _shrink(self, stack: ExitStack, tables: list[Table], kept: Any) -> OptimizerWatch:
        base = None if self._options.base is None else Base(self._options.base)
        for table in tables:
            table.shrink(kept, self._options.spill_dir, base)
            stack.callback(table.restore)
        return self._follow(stack, tables)

    def _follow(self, stack: ExitStack, tables: list[Table]) -> OptimizerWatch:
        watch = OptimizerWatch(tables, replay=self._options.replay, elementwise=self._options.elementwise)
        watch.begin()
        stack.callback(Places(self.model, tables).settle)
        stack.callback(watch.scatter)
        stack.callback(watch.advance)
        stack.callback(watch.end)
        stack.enter_context(StateDicts(self.model, tables, watch, full=self._options.save == "full"))
        return watch

    def _renumbering(self, table: Table) -> Renumbering:
        unseen = self._unknown(table) if self._options.unseen == "unk" else None
        return Renumbering(table.kept, table.rows, self._tokenizer, unseen, table.name)

    def _unknown(self, table: Table) -> int:
        identifier = getattr(self._tokenizer, "unk_token_id", None)
        if identifier is None:
            raise UsageError('unseen="unk" needs a tokenizer with an unknown token', hint='Choose unseen="error".')
        place = (table.kept == identifier).nonzero()
        if not len(place):
            raise UsageError(f"the unknown token (id {identifier}) is not among the kept ids", hint="Keep it.")
        return int(place[0])


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `fine_tuning`, as described there.

    Raises:
        UsageError: A name that does not exist.
    """

    mode: str
    unseen: str
    save: str
    replay: bool
    embeddings: Collection[str] | None
    elementwise: tuple[type[Any], ...]
    spill_dir: str | os.PathLike[str] | None
    base: str | os.PathLike[str] | None

    def __post_init__(self) -> None:
        for name, known in (("mode", MODES), ("unseen", UNSEEN), ("save", SAVE)):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(f"{name}={value!r} is unknown", hint=f"Choose one of {', '.join(known)}.")
        if self.unseen == "fetch" and (self.mode != "input" or self.save != "full"):
            raise UsageError(
                'unseen="fetch" goes with mode="input" and save="full": in the other modes the softmax would change '
                "in the middle of training, and small checkpoints would differ in shape",
                hint='Count every data set, or choose unseen="unk".',
            )


def fine_tuning(
    model: Any,
    keep: object,
    tokenizer: Any = None,
    *,
    mode: str = "input",
    unseen: str = "error",
    save: str = "full",
    replay: bool = True,
    embeddings: Collection[str] | None = None,
    elementwise: Iterable[type[Any]] = (),
    spill_dir: str | os.PathLike[str] | None = None,
    base: str | os.PathLike[str] | None = None,
) -> FineTuning:
    """Trains on the rows that a task needs; the full model comes back afterwards, equal to that of full fine-tuning.

    Inside the block the input table `(rows, hidden)` holds only the kept rows, and so do its gradient and the
    optimizer's state. Ids are renumbered where the table is looked up, so data sets, collators, tokenizer, labels,
    config and `generate` stay as they are. The other rows wait in a temporary file. On leaving, also by an exception,
    the full table is back, with the weight decay that its other rows have missed. After Williams & Aletras
    (arXiv 2309.08708).

    Args:
        model: Any `torch.nn.Module` with a token embedding; changed in place, and whole again after the block.
        keep: What to keep: ids, an `IdRemap`, a `KeepSet`, `TokenCounts`, or a data set whose ids are counted. Counts
            and data sets are joined by the special ids of tokenizer and config; ready ids are taken as they are.
        tokenizer: The model's tokenizer; it names tokens in errors.
        mode: `input`, which is exact; `input+output` prunes heads and their biases too: the softmax runs over the kept
            tokens, which changes the loss, and training is bit-identical to that of the permanently pruned checkpoint.
            It needs a family; ids, labels and configs are renumbered at the model's entry, `generate` takes and
            returns original ids, `logits` have one column for each kept token. `output` prunes an untied head alone:
            any text goes in, labels and what is generated are kept tokens.
        unseen: What an id outside the kept rows is: `error`, `unk` for the unknown token, or `fetch`: its row is
            brought from the file when it is first looked up, so that any text works; the optimizer's state grows too.
        save: `full`: `state_dict()` and `save_pretrained` inside the block give ordinary full-size checkpoints;
            `pruned`: the tensors as they are in memory.
        replay: Whether the other rows get the steps that they have missed (AdamW's decay), bit for bit.
        embeddings: Names of the embedding modules, where the model has no `get_input_embeddings()`.
        elementwise: Optimizer classes whose update of an element depends on that element alone.
        spill_dir: Directory of the temporary file.
        base: The checkpoint that the model was loaded from: the other rows are read from it, and copied to a temporary
            file only when training changes them or a full checkpoint is saved. It must not be written to meanwhile.

    Raises:
        UsageError: An option is unknown. What `FineTuning.begin` raises comes when the block is entered.

    Example:
        >>> import prunus, torch
        >>> model = torch.nn.Sequential(torch.nn.Embedding(1000, 4), torch.nn.Linear(4, 2))
        >>> with prunus.fine_tuning(model, [0, 7, 512]):
        ...     rows = model[0].weight.shape[0]
        ...     _ = model(torch.tensor([[7, 512, 0]]))
        >>> rows, model[0].weight.shape[0]
        (3, 1000)
    """
    options = Options(
        mode=mode,
        unseen=unseen,
        save=save,
        replay=replay,
        embeddings=embeddings,
        elementwise=tuple(elementwise),
        spill_dir=spill_dir,
        base=base,
    )
    return FineTuning(model, keep, tokenizer, options)


def _looks_up(module: Any, tables: Iterable[Table]) -> bool:
    return isinstance(module, torch.nn.Embedding) and any(holds(module, table.tensor) for table in tables)


def _forget_compiled(stack: ExitStack) -> None:
    """Code compiled for the table of before knows nothing of the hooks, and later nothing of their removal."""

    def reset() -> None:
        if "torch._dynamo" in sys.modules:
            torch.compiler.reset()

    reset()
    stack.callback(reset)
