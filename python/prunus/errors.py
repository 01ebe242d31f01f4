"""Every error that Prunus raises, in one tree.

Each class has a stable `slug` for machines and an exit code for the command line; each instance carries a message that
names the tensor, file, column or id, and a `hint` that says what to do next.
"""

from __future__ import annotations

from typing import ClassVar

FETCH = "Name a local directory; nothing is downloaded here: `hf download NAME --local-dir DIRECTORY` fetches a model."
"""The hint where a model or tokenizer is not found: what was given may be its name on the hub."""


class PrunusError(Exception):
    """Base class of all errors of Prunus.

    Args:
        message: What is wrong, naming the file, tensor, column or id.
        hint: What to do next.
        details: Values for machines, shown by `--json`.
    """

    slug: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(PrunusError, ValueError):
    """Options that contradict each other or lie out of range."""

    slug = "usage"
    exit_code = 2


class CorpusError(PrunusError, ValueError):
    """A corpus cannot be read as text: wrong format, truncated, broken line, no rows."""

    slug = "corpus"


class ColumnError(CorpusError):
    """A column is missing, ambiguous or of a type that holds no text and no ids."""

    slug = "column"


class InvalidTextError(CorpusError):
    """A row is not valid UTF-8, or a ready id column holds a value that is no token id."""

    slug = "invalid-text"


class TokenizerError(PrunusError, ValueError):
    """A tokenizer cannot be read, is slow-only, or has a part that Prunus does not understand."""

    slug = "tokenizer"


class TokenizerMismatchError(TokenizerError):
    """Two tokenizers that must be the same are not: counts of another, or a file that differs from AutoTokenizer."""

    slug = "tokenizer-mismatch"


class SelectionError(PrunusError, ValueError):
    """A selection names a token or id that does not exist, or drops one that cannot go."""

    slug = "selection"


class CheckpointError(PrunusError, ValueError):
    """A checkpoint is damaged, incomplete, ambiguous or in a format that Prunus does not read."""

    slug = "checkpoint"


class FamilyError(PrunusError, ValueError):
    """No family claims the model type, or the family and the checkpoint disagree about a tensor."""

    slug = "family"


class ConfigError(PrunusError, ValueError):
    """A configuration file is broken, or names a token id that would dangle."""

    slug = "config"


class UnsupportedFileError(PrunusError, ValueError):
    """A file in the model directory depends on the vocabulary and cannot be rewritten."""

    slug = "unsupported-file"


class UnseenTokenError(PrunusError, ValueError):
    """A batch holds a token id whose row is not in memory, or that lies beyond the table."""

    slug = "unseen-token"


class OptimizerError(PrunusError, ValueError):
    """An optimizer's update of a row depends on other rows, or is not known, so that it cannot be the same training."""

    slug = "optimizer"


class LiveModelError(PrunusError, ValueError):
    """A live model cannot be shrunk: a tied head, a quantised, sharded or wrapped embedding, or none that is found."""

    slug = "live-model"


class OutputError(PrunusError, OSError):
    """The output cannot be written: it exists, lies inside the source, the disk is full, or permission is missing."""

    slug = "output"


class PluginError(PrunusError, RuntimeError):
    """A plugin that is needed is broken, or two plugins claim one model type."""

    slug = "plugin"


class VerificationError(PrunusError, AssertionError):
    """The pruned pair failed a check; no output was left behind."""

    slug = "verification"
    exit_code = 3
