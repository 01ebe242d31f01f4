"""The source, the pruned directory, and what every check needs of them, read once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.index import Checkpoint
from prunus.checkpoint.jsontext import read_object
from prunus.checks.vocabulary import tokens_by_id
from prunus.errors import CheckpointError, ConfigError, PrunusError, TokenizerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunus.kept import KeptTokens
    from prunus.plugin.family import ModelFamily
    from prunus.remap import IdRemap
    from prunus.scanning import InvalidUtf8
    from prunus.tokenizer.resolve import ResolvedTokenizer

FOLDER = "prunus"


@dataclass(frozen=True, eq=False)
class Options:
    """How much a verification looks at.

    Attributes:
        corpus: Texts, as `scan` takes them; must be readable more than once.
        columns: Columns of the corpus.
        threads: Threads of the scans.
        sample_rows: Rows of the corpus that are compared one by one.
        forward: Whether to run the models.
        forward_texts: How many texts the models see.
        largest_forward: Bytes of weights above which the models are not run.
        invalid_utf8: What the scans do with text that is not UTF-8.
    """

    corpus: Any = None
    columns: Sequence[str] | None = None
    threads: int | None = None
    sample_rows: int = 2000
    forward: bool = True
    forward_texts: int = 12
    largest_forward: int = 2 * 2**30
    invalid_utf8: InvalidUtf8 = "error"


@dataclass(frozen=True, eq=False)
class Pair:
    """A pruned directory and the one it came from.

    Attributes:
        model_dir: The source.
        out: The pruned directory.
        kept: The kept tokens, as `keep.parquet` lists them.
        tokenizer: The tokenizer of the source.
        options: How much to look at.
    """

    model_dir: Path
    out: Path
    kept: KeptTokens
    tokenizer: ResolvedTokenizer
    options: Options = field(default_factory=Options)

    @property
    def remap(self) -> IdRemap:
        """The renumbering."""
        return self.kept.remap

    @cached_property
    def old_tokens(self) -> dict[int, str]:
        """Content by id in the source's tokenizer."""
        return tokens_by_id(self.tokenizer.json)

    @cached_property
    def out_json(self) -> bytes:
        """The pruned `tokenizer.json`.

        Raises:
            TokenizerError: It is absent.
        """
        try:
            return (self.out / "tokenizer.json").read_bytes()
        except OSError as error:
            raise TokenizerError(f"{self.out / 'tokenizer.json'}: cannot be read: {error.strerror}") from error

    @cached_property
    def new_tokens(self) -> dict[int, str]:
        """Content by id in the pruned tokenizer."""
        return tokens_by_id(self.out_json)

    @cached_property
    def source(self) -> Checkpoint:
        """The source's checkpoint."""
        return Checkpoint.open(self.model_dir, drop_files=self.dropped_files)

    @cached_property
    def pruned(self) -> Checkpoint:
        """The pruned checkpoint."""
        return Checkpoint.open(self.out)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """The parsed `plan.json`; empty where the directory has none.

        Raises:
            CheckpointError: It is there and broken.
        """
        path = self.out / FOLDER / "plan.json"
        if not path.is_file():
            return {}
        try:
            plan: dict[str, Any] = json.loads(path.read_bytes())
        except ValueError as error:
            raise CheckpointError(f"{path}: is no JSON: {error}", file=str(path)) from error
        return plan

    @cached_property
    def dropped_files(self) -> frozenset[str]:
        """Names of files that were left out on purpose, according to the plan."""
        return frozenset(f["name"] for f in self.plan.get("files", ()) if f["action"] == "drop")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The source's `config.json`.

        Raises:
            ConfigError: It cannot be read, or is no JSON object.
        """
        return read_object(self.model_dir / "config.json", ConfigError)

    @cached_property
    def family(self) -> ModelFamily | None:
        """The family that serves the source, if there is one."""
        from prunus.plugin.serving import family_of

        shapes = {name: tensor.shape for name, tensor in self.source.tensors.items()}
        try:
            return family_of(self.config, shapes, max(self.old_tokens, default=-1) + 1)
        except PrunusError:
            return None

    @cached_property
    def partial(self) -> frozenset[str]:
        """Names of the tensors that the family allows to have fewer rows than the vocabulary."""
        from prunus.plugin.matching import match_tensors

        if self.family is None:
            return frozenset()
        matched, _ = match_tensors(self.family, {name: tensor.shape for name, tensor in self.source.tensors.items()})
        return frozenset(tensor.name for tensor in matched if tensor.partial)

    @cached_property
    def sliced(self) -> dict[str, int]:
        """Axis by name of the tensors whose length along one axis differs."""
        found = {}
        for name, old in self.source.tensors.items():
            new = self.pruned.tensors.get(name)
            if new is None or len(old.shape) != len(new.shape):
                continue
            axes = [axis for axis, (a, b) in enumerate(zip(old.shape, new.shape, strict=True)) if a != b]
            if len(axes) == 1:
                found[name] = axes[0]
        return found

    @cached_property
    def rows(self) -> tuple[int, int] | None:
        """Length of the vocabulary axis before and after; None where no tensor became smaller."""
        lengths = Counter(
            (self.source.tensors[name].shape[axis], self.pruned.tensors[name].shape[axis])
            for name, axis in self.sliced.items()
            if name not in self.partial
        )
        return lengths.most_common(1)[0][0] if lengths else None
