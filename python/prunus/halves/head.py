"""`prune_head`: an output head with the kept rows only, and the maps by which runtimes read its choices."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus._engine import fingerprint
from prunus.checkpoint.config import read_config
from prunus.checkpoint.copying import copy_file, write_new
from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.inventory import inventory
from prunus.checkpoint.jsontext import read_bytes, replace_value
from prunus.checkpoint.rows import Gather, gather_blocks, read_blocks
from prunus.checkpoint.staging import Staging
from prunus.checkpoint.ties import same_bytes
from prunus.checkpoint.writer import Added, write_checkpoint
from prunus.errors import ConfigError, FamilyError, UsageError, VerificationError
from prunus.halves.known import known_heads
from prunus.halves.maps import MASK, OFFSETS, map_tensors, write_token_map
from prunus.keeping import chosen_tokens_of
from prunus.planning import check_same_tokenizer, needs_of
from prunus.plugin.auto import architecture_of
from prunus.plugin.family import Role
from prunus.plugin.matching import match_tensors
from prunus.plugin.serving import family_of
from prunus.pruning import FOLDER
from prunus.selection import KeepSet, select
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.resolve import resolve_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prunus.counts import TokenCounts
    from prunus.kept import KeptTokens
    from prunus.plugin.matching import MatchedTensor
    from prunus.tokenizer.resolve import ResolvedTokenizer

SIZE_FIELD = "draft_vocab_size"
MEANING = (
    "output head only: the model can produce the kept tokens and no other, so its probabilities differ from the "
    "source's; its inputs, tokenizer and token ids are the source's"
)


@dataclass(frozen=True)
class HeadReport:
    """What `prune_head` did, as kept in `OUT/prunus/head.json`.

    Attributes:
        out: The directory that was written.
        meaning: In which way the model is another one now.
        tensors: The head's tensors, which became smaller.
        split: The input table that the head was tied to, and no longer is; empty where it had rows of its own.
        kept: Rows of the head.
        rows: Rows before.
        fingerprint: Fingerprint of the tokenizer.
        looked: Tensors compared after writing.
    """

    out: str
    meaning: str
    tensors: tuple[str, ...]
    split: str
    kept: int
    rows: int
    fingerprint: str
    looked: int

    def __str__(self) -> str:
        split = f"\n  the head was tied to {self.split}, and has rows of its own now" if self.split else ""
        return (
            f"{self.out}: {', '.join(self.tensors)} with {self.kept:,} of {self.rows:,} rows, {OFFSETS} and {MASK} "
            f"added; {self.looked:,} tensors compared{split}\n  {self.meaning}"
        )


def prune_head(
    model_dir: str | Path,
    keep: KeepSet | TokenCounts,
    out: str | Path,
    *,
    tokenizer: str | Path | None = None,
    multiple_of: int = 1,
    tokenizer_from: str | None = None,
) -> HeadReport:
    """Writes a checkpoint whose output head `(kept, hidden)` has the kept rows only; **another model** than before.

    For draft models of speculative decoding, whose guesses are checked by a target model, and for runtimes that map the
    choices of a small head back. Input table, tokenizer and ids stay; added are `d2t` `(kept,)`, int64, with target id
    = row + `d2t[row]`, and `t2d` `(rows,)`, bool, as EAGLE-3 checkpoints have them and vLLM and SGLang read them,
    `draft_vocab_size` in the config, and `prunus/token_map.json` for ExecuTorch. A tied head gets rows of its own.

    Args:
        model_dir: The source directory; only ever read.
        keep: What `select` chose, or counts, of which every seen token is kept; ids that configs name stay too.
        out: The directory to write; must not exist.
        tokenizer: Directory of the target's tokenizer, where the source has none of its own.
        multiple_of: Filled up to a multiple of this with the next most frequent tokens.
        tokenizer_from: `file` or `transformers`, where the two differ.

    Raises:
        FamilyError: The model has no head, or several.
        OutputError: `out` exists or cannot be written.
        VerificationError: What was written is not what it should be; nothing was left behind.
        PrunusError: What `plan` raises.

    Example:
        >>> import prunus
        >>> keep = prunus.select(prunus.TokenCounts.load("counts.parquet"), top_k=32000)  # doctest: +SKIP
        >>> print(prunus.prune_head("draft", keep, "draft-32k", multiple_of=64))  # doctest: +SKIP
    """
    if multiple_of < 1:
        raise UsageError(f"multiple_of must be at least 1, not {multiple_of}")
    source = Path(model_dir).resolve()
    with Staging(out, source) as staging:
        resolved = resolve_tokenizer(Path(tokenizer or source), tokenizer_from)
        head = _Head.of(source, keep, resolved, multiple_of)
        head.write(staging.path)
        looked = head.check(staging.path)
        report = HeadReport(
            str(staging.target), MEANING, tuple(head.gathers), head.split, len(head.kept), head.rows, head.own, looked
        )
        head.record(staging.path / FOLDER, report)
        staging.publish()
    return report


@dataclass(frozen=True, eq=False)
class _Head:
    """One head to prune: `gathers` by its tensors' names; `split` is the table that it was tied to."""

    source: Path
    checkpoint: Checkpoint
    kept: KeptTokens
    rows: int
    gathers: Mapping[str, Gather]
    split: str
    own: str

    @classmethod
    def of(cls, source: Path, keep: KeepSet | TokenCounts, resolved: ResolvedTokenizer, multiple_of: int) -> _Head:
        config, checkpoint = read_config(source), Checkpoint.open(source)
        document = TokenizerDocument.parse(resolved.json, file=str(resolved.directory or source))
        shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
        family = family_of(config, shapes, max(document.tokens, default=-1) + 1)
        matches, rows = match_tensors(family, shapes)
        chosen = keep if isinstance(keep, KeepSet) else select(keep)
        own = fingerprint(resolved.json)
        check_same_tokenizer(chosen, own)
        # A head may forget any token: positions are counted on the other side.
        needs = replace(needs_of(source, config, family, document, rows), pinned={})
        kept = chosen_tokens_of(document, resolved.json, chosen, needs, multiple_of)
        axes, split = _head(config, matches)
        gathers = {name: Gather(axis, kept.old_ids, len(kept)) for name, axis in axes.items()}
        return cls(source, checkpoint, kept, rows, gathers, split, own)

    def write(self, out: Path) -> None:
        """The checkpoint, the config, every other file as it was, and the map beside them."""
        here = {name: gather for name, gather in self.gathers.items() if name in self.checkpoint.tensors}
        added = map_tensors(self.kept.remap, self.rows)
        for name in self.gathers.keys() - here.keys():
            added[name] = self._of_table(self.gathers[name])
        write_checkpoint(self.checkpoint, here, out, added=added)
        write_new(out / "config.json", self._config())
        for file in inventory(self.source):
            if file.action in {"copy", "tokenizer", "config"} and file.name != "config.json":
                (out / file.name).parent.mkdir(parents=True, exist_ok=True)
                copy_file(self.source / file.name, out / file.name)

    def check(self, out: Path) -> int:
        """Reads everything back; the number of tensors compared."""
        written, remap = Checkpoint.open(out), self.kept.remap
        wanted = {*self.checkpoint.tensors, *self.gathers, OFFSETS, MASK}
        _expect(set(written.tensors) == wanted, "the names of the tensors")
        for name, gather in self.gathers.items():
            source = name if name in self.checkpoint.tensors else self.split
            blocks = gather_blocks(self.checkpoint, source, gather)
            _expect(_digest(read_blocks(written, name)) == _digest(blocks), name)
        for name in self.checkpoint.tensors.keys() - self.gathers.keys():
            _expect(same_bytes(self.checkpoint, name, written, name), name)
        d2t = np.frombuffer(_joined(read_blocks(written, OFFSETS)), "<i8")
        t2d = np.frombuffer(_joined(read_blocks(written, MASK)), np.bool_)
        _expect(np.array_equal(d2t + np.arange(len(d2t)), remap.old_ids), OFFSETS)
        _expect(len(t2d) == self.rows and np.array_equal(np.flatnonzero(t2d), remap.old_ids), MASK)
        return len(wanted)

    def record(self, folder: Path, report: HeadReport) -> None:
        """The label, the kept tokens and the token map."""
        folder.mkdir()
        self.kept.save(folder / "keep.parquet")
        write_token_map(folder, self.kept.remap)
        write_new(folder / "head.json", (json.dumps(vars(report), indent=1) + "\n").encode())

    def _of_table(self, gather: Gather) -> Added:
        table = self.checkpoint.tensors[self.split]
        return Added(table.dtype, gather.shape(table.shape), lambda: gather_blocks(self.checkpoint, self.split, gather))

    def _config(self) -> bytes:
        text = read_bytes(self.source / "config.json", ConfigError).decode("utf-8")
        text = replace_value(text, [SIZE_FIELD], len(self.kept))
        if self.split:
            text = replace_value(text, ["tie_word_embeddings"], False)
        return text.encode("utf-8")


def _head(config: Mapping[str, Any], matches: tuple[MatchedTensor, ...]) -> tuple[dict[str, int], str]:
    """Vocabulary axis by name of the head's tensors, and the input table that it is tied to by absence."""
    heads = [match for match in matches if match.role is Role.OUTPUT]
    axes = {match.name: match.axis for match in matches if match.role in {Role.OUTPUT, Role.OUTPUT_BIAS}}
    if len(heads) == 1:
        return axes, ""
    tables = [match for match in matches if match.role is Role.INPUT]
    names = [name for name in known_heads(config) or () if "*" not in name]
    if heads or len(tables) != 1 or len(names) != 1:
        found = ", ".join(match.name for match in heads) or "none"
        raise FamilyError(
            f"a {architecture_of(config)} has no single output head that is known: {found}",
            hint="Only models with one head over the vocabulary can be pruned on that side alone.",
        )
    return {names[0]: tables[0].axis, **axes}, tables[0].name


def _joined(blocks: Iterable[memoryview]) -> bytes:
    return b"".join(bytes(block) for block in blocks)


def _digest(blocks: Iterable[memoryview]) -> bytes:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.digest()


def _expect(truth: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not truth:
        raise VerificationError(f"{what} was not written as it should be", tensor=what)
