"""A live tokenizer as files, and the pruned files as a live tokenizer of the same class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.copying import write_new
from prunus.checkpoint.inventory import carry_over, inventory
from prunus.checks.runtime import Runtime
from prunus.errors import TokenizerError
from prunus.tokenizer.auto import AutoAnswer, AutoQuestion, read_answer
from prunus.tokenizer.auto_worker import told
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.resolve import ResolvedTokenizer, resolve_tokenizer
from prunus.tokenizer.sidecars import write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from prunus.checkpoint.inventory import FileAction
    from prunus.checks.pair import Pair
    from prunus.remap import IdRemap


@dataclass(frozen=True)
class WrittenTokenizer:
    """A live tokenizer as files.

    Attributes:
        tokenizer: The tokenizer itself.
        folder: The directory of its files.
        resolved: Its pipeline.
        files: What becomes of each file.
    """

    tokenizer: Any
    folder: Path
    resolved: ResolvedTokenizer
    files: tuple[FileAction, ...]


def write_live_tokenizer(tokenizer: Any, folder: Path) -> WrittenTokenizer:
    """Writes every file of a live tokenizer.

    Raises:
        TokenizerError: It is a slow tokenizer, has parts written in Python, or is none.
        UnsupportedFileError: It writes a file that depends on the vocabulary and cannot be rewritten.
    """
    resolved = resolve_tokenizer(tokenizer)
    if of_transformers(tokenizer):
        tokenizer.save_pretrained(str(folder))
        (folder / "tokenizer.json").unlink(missing_ok=True)
    write_new(folder / "tokenizer.json", resolved.json)
    return WrittenTokenizer(tokenizer, folder, resolved, inventory(folder))


def of_transformers(tokenizer: Any) -> bool:
    """Whether a live tokenizer is one of transformers, as opposed to one of `tokenizers`."""
    return hasattr(tokenizer, "save_pretrained")


def pruned_tokenizer(written: WrittenTokenizer, out: Path, remap: IdRemap) -> Any:
    """Writes the pruned files to `out`, and loads them as what was given.

    Raises:
        TokenizerError: A file cannot be rewritten, or the class does not load what it wrote itself.
    """
    tokenizer = written.tokenizer
    document = TokenizerDocument.parse(written.resolved.json, file=type(tokenizer).__name__)
    write_tokenizer(written.folder, out, document, remap)
    carry_over(written.folder, out, written.files)
    if not of_transformers(tokenizer):
        return type(tokenizer).from_str((out / "tokenizer.json").read_text(encoding="utf-8"))
    try:
        loaded = type(tokenizer).from_pretrained(str(out), local_files_only=True)
    except Exception as error:  # whatever a foreign class raises
        raise TokenizerError(f"{type(tokenizer).__name__} does not load the pruned files: {error}"[:400]) from error
    loaded.name_or_path = tokenizer.name_or_path
    return loaded


class LiveRuntime(Runtime):
    """The live tokenizers themselves, in the place of what `AutoTokenizer` makes of directories.

    Args:
        pair: The directories that the tokenizers were written to.
        before: The tokenizer as it was given.
        after: The pruned one.
    """

    def __init__(self, pair: Pair, before: Any, after: Any) -> None:
        super().__init__(pair)
        self._both = before, after

    def ask(self) -> None:
        """Nothing: both are here."""

    @property
    def unavailable(self) -> str:
        """Why a class of transformers says nothing; empty if one was given."""
        return "" if of_transformers(self._both[0]) else "a tokenizers.Tokenizer was given"

    @cached_property
    def answers(self) -> tuple[AutoAnswer, ...]:
        """What the two classes say."""
        import transformers

        request = asdict(AutoQuestion("", tuple(self.asked), describe=True))
        return tuple(read_answer(told(tokenizer, request, transformers.__version__)) for tokenizer in self._both)
