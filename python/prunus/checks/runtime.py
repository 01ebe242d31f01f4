"""Both tokenizers, live, as the library and as transformers make them, and the texts that they are asked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.checks import texts
from prunus.tokenizer.auto import AutoInquiry, AutoQuestion, transformers_installed
from prunus.tokenizer.compare import read_pipeline

if TYPE_CHECKING:
    from types import TracebackType

    from prunus.checks.pair import Pair
    from prunus.tokenizer.auto import AutoAnswer

BUILT_IN_ASKED = 1500


class Runtime:
    """The live tokenizers of a pair, each loaded when it is first needed; a context manager.

    Args:
        pair: The pair.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._inquiry: AutoInquiry | None = None

    @cached_property
    def old(self) -> Any:
        """The source's tokenizer, truncation and padding off."""
        return read_pipeline(self._pair.tokenizer.json, str(self._pair.model_dir / "tokenizer.json"))

    @cached_property
    def new(self) -> Any:
        """The pruned tokenizer, truncation and padding off.

        Raises:
            TokenizerError: The library cannot read it.
        """
        return read_pipeline(self._pair.out_json, str(self._pair.out / "tokenizer.json"))

    @cached_property
    def sample(self) -> list[str]:
        """Texts of the corpus."""
        return texts.sampled(self._pair)

    @cached_property
    def built_in(self) -> list[str]:
        """Texts that need no corpus."""
        return texts.built_in(self._pair, lambda ids: self.old.decode(ids, skip_special_tokens=False))

    @cached_property
    def asked(self) -> list[str]:
        """The texts that AutoTokenizer is asked: slower, so fewer of the built-in ones."""
        return [*self.sample, *self.built_in[:: max(1, len(self.built_in) // BUILT_IN_ASKED)]]

    def ask(self) -> None:
        """Puts the questions to AutoTokenizer, which are answered while other checks run."""
        if self._inquiry is None and transformers_installed():
            directories = str(self._pair.model_dir), str(self._pair.out)
            self._inquiry = AutoInquiry(*(AutoQuestion(d, tuple(self.asked), describe=True) for d in directories))

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inquiry is not None:
            self._inquiry.close()

    @cached_property
    def answers(self) -> tuple[AutoAnswer, ...]:
        """What AutoTokenizer makes of the source and of the output; only where transformers is installed."""
        self.ask()
        assert self._inquiry is not None
        return self._inquiry.answers()

    @property
    def unavailable(self) -> str:
        """Why AutoTokenizer says nothing; empty if it answered for the source.

        That it answers for the source and not for the output is for `tokenizer.load` to find.
        """
        if not transformers_installed():
            return "transformers is not installed"
        source, out = self.answers
        if source.error is not None:
            return f"it does not load the source ({': '.join(source.error)[:200]})"
        return f"it does not load the output ({': '.join(out.error)[:200]})" if out.error is not None else ""
