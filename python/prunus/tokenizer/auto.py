"""Asks transformers what it makes of a directory, without importing torch and without leaking into this process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from prunus.errors import TokenizerError
from prunus.tokenizer import auto_worker
from prunus.tokenizer.compare import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOADED = "transformers.models.auto.tokenization_auto"
QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}


@dataclass(frozen=True)
class AutoAnswer:
    """What `AutoTokenizer.from_pretrained(directory)` yields.

    Attributes:
        error: Type and message of the exception, if the directory does not load; all else is empty then.
        class_name: The class that was chosen.
        transformers: Version of transformers.
        json: Its pipeline, truncation and padding off; None for a slow class, or if not asked for.
        comparison: How it compares with `tokenizer.json`, if asked for.
        ids: Ids of each text asked about.
        decoded: What those ids decode to.
        described: Attributes and named tokens, if asked for.
        vocabulary: Id by token, added ones included, if asked for.
    """

    error: tuple[str, str] | None = None
    class_name: str = ""
    transformers: str = ""
    json: str | None = None
    comparison: Comparison | None = None
    ids: tuple[tuple[int, ...], ...] = ()
    decoded: tuple[str, ...] = ()
    described: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: Mapping[str, int] = field(default_factory=dict)


def transformers_installed() -> bool:
    """Whether transformers can be imported; it is not imported to find out."""
    return "transformers" in sys.modules or find_spec("transformers") is not None


@dataclass(frozen=True)
class AutoQuestion:
    """What to ask `AutoTokenizer` about one directory.

    Attributes:
        directory: The model directory.
        texts: Texts to encode; what their ids decode to is answered too.
        pipeline: Whether the pipeline's JSON is wanted.
        compare: Whether the pipeline is to be compared with `tokenizer.json`.
        describe: Whether attributes and vocabulary are wanted.
    """

    directory: str
    texts: tuple[str, ...] = ()
    pipeline: bool = False
    compare: bool = False
    describe: bool = False


class AutoInquiry:
    """Questions to `AutoTokenizer`, answered beside this process while the caller goes on.

    Where this process has imported `AutoTokenizer` already, it is asked here: that costs nothing and sees the classes
    that the user registered. Else one child process answers all, in which torch is blocked.

    Args:
        questions: The questions.

    Example:
        >>> AutoInquiry(AutoQuestion("model", texts=("Hello",))).answers()[0].ids  # doctest: +SKIP
        ((101, 7592, 102),)
    """

    def __init__(self, *questions: AutoQuestion) -> None:
        self._requests = [asdict(question) for question in questions]
        self._child = None if LOADED in sys.modules or not sys.executable else self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        import tempfile

        command = [sys.executable, "-I", "-W", "ignore", str(auto_worker.__file__), os.pathsep.join(sys.path)]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child; a pipe could fill up and block
        self._answered = tempfile.TemporaryFile()  # noqa: SIM115
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._answered, stderr=self._said, env=os.environ | QUIET
        )
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(self._requests).encode())
        return child

    def answers(self) -> tuple[AutoAnswer, ...]:
        """Waits for the answers, one for each question; to be asked for once.

        Raises:
            TokenizerError: The child process died without an answer.
        """
        if self._child is None:
            with _quietly():
                return tuple(read_answer(auto_worker.answer(request)) for request in self._requests)
        try:
            status = self._child.wait()
            for file in (self._said, self._answered):
                file.seek(0)
            try:
                return tuple(map(read_answer, json.loads(self._answered.read())))
            except ValueError as error:
                said = self._said.read().decode(errors="replace").strip()[-300:]
                raise TokenizerError(
                    f"{self._requests[0]['directory']}: asking AutoTokenizer ended with status {status}: {said}",
                    hint="With tokenizer_from='file' (--tokenizer-from file) transformers is not asked.",
                ) from error
        finally:
            self.close()

    def close(self) -> None:
        """Ends the child process, if there is one and it has not ended by itself."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._said.close()
            self._answered.close()


def read_answer(answer: dict[str, Any]) -> AutoAnswer:
    """The answer of `auto_worker` as a value."""
    if "error" in answer:
        return AutoAnswer(error=(answer["error"][0], answer["error"][1]))
    answer["ids"] = tuple(map(tuple, answer["ids"]))
    answer["decoded"] = tuple(answer["decoded"])
    if "comparison" in answer:
        answer["comparison"] = Comparison.from_dict(answer["comparison"])
    return AutoAnswer(**answer)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silences warnings of transformers, and sets its verbosity back afterwards."""
    import warnings

    import transformers

    verbosity = transformers.logging.get_verbosity()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(verbosity)
