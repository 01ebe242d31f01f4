"""`Job`: a tokenizer with its options, small enough to be sent to every worker, loaded once in each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.errors import UsageError
from prunus.scanning import Scanner
from prunus.tokenizer.resolve import ResolvedTokenizer, resolve_tokenizer
from prunus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

_loaded: dict[str, Scanner] = {}


@dataclass(frozen=True)
class Job:
    """What a worker needs to count.

    Attributes:
        document: Content of the `tokenizer.json`.
        options: Options of `Scanner`.
        version: Version of Prunus that made it.
        note: What a person should know about the choice of the tokenizer.
    """

    document: bytes
    options: Mapping[str, Any]
    version: str = __version__
    note: str = field(default="", compare=False)

    @classmethod
    def of(cls, tokenizer: object, *, tokenizer_from: str | None = None, **options: Any) -> Job:
        """The job of a tokenizer, looked for here and now; workers need no path.

        Args:
            tokenizer: As `Scanner` takes it.
            tokenizer_from: As `Scanner` takes it.
            **options: Further options of `Scanner`.

        Raises:
            TokenizerError: As `Scanner` says.
        """
        resolved = resolve_tokenizer(tokenizer, tokenizer_from)
        return cls(resolved.json, options, note=resolved.note)

    @cached_property
    def key(self) -> str:
        """Equal for equal jobs."""
        options = json.dumps(self.options, sort_keys=True).encode()
        return hashlib.sha256(b"%s %s" % (hashlib.sha256(self.document).digest(), options)).hexdigest()

    def scanner(self, threads: int | None = None) -> Scanner:
        """A scanner of it; raises as `Scanner` does."""
        return Scanner(ResolvedTokenizer(self.document, None, "live"), threads=threads, **self.options)


def loaded(job: Job, threads: int) -> Scanner:
    """The scanner of a job in this worker, loaded when it is asked for the first time; the one before is let go.

    Raises:
        UsageError: The worker has another version of Prunus.
    """
    if job.version != __version__:
        raise UsageError(
            f"a worker has Prunus {__version__}, the scan was started by {job.version}",
            hint="Install the same version on all machines.",
        )
    key = f"{job.key} {threads}"
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = job.scanner(threads)
    return _loaded[key]
