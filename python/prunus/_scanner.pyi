"""Types of the compiled scanner. Its docstrings live here; the code is in `rust/py`."""

from collections.abc import Sequence
from typing import final

__all__ = ["Engine", "RawCounts", "Scan", "build_info", "fingerprint", "has_model", "lines"]

@final
class Engine:
    """A loaded tokenizer and the path chosen for it; immutable, safe to share between threads.

    Truncation and padding of the file are off unless `truncation` is set.

    Args:
        tokenizer_json: The bytes of a tokenizer.json.
        add_special_tokens: Count the tokens that the post-processor adds to each row.
        path: `"auto"`, or to force one: `"row"` (every row through the library), `"generic"` (the library's own
            splitting, a table of pieces, the library's model) or `"native"` (a native scanner).
        truncation: Truncate as the file says; every row then goes through the library.

    Raises:
        TokenizerError: The library cannot load the tokenizer.
        UsageError: The path is unknown, or does not apply to this tokenizer.
    """

    def __new__(
        cls,
        tokenizer_json: bytes,
        *,
        add_special_tokens: bool = True,
        path: str = "auto",
        truncation: bool = False,
    ) -> Engine: ...
    @property
    def fingerprint(self) -> str:
        """sha256, in hex, of the library's own serialisation without truncation and padding."""

    @property
    def size(self) -> int:
        """Largest id + 1 over vocabulary and added tokens."""

    @property
    def path(self) -> str:
        """The path taken, such as `"native:gpt2"`, `"generic"` or `"row"`."""

    @property
    def path_reason(self) -> str:
        """Why this path."""

    @property
    def has_truncation(self) -> bool:
        """Whether the file truncates."""

    @property
    def has_padding(self) -> bool:
        """Whether the file pads."""

    @property
    def oracle(self) -> str:
        """The library whose ids are the truth, with its version."""

    def encode(self, text: str, pair: str | None = None) -> list[int]:
        """The ids of a text, or of a pair, through the whole of the library.

        Raises:
            TokenizerError: The library cannot encode the text.
        """

    def tokens(self, ids: list[int]) -> list[str]:
        """The content of each id, added tokens included; an empty one where there is no token."""

    def start(
        self,
        columns: list[str],
        *,
        others: Sequence[Engine] = ...,
        pair: bool = False,
        threads: int = 1,
        memory: int | None = None,
        invalid_utf8: str = "error",
        sample: int | None = None,
    ) -> Scan:
        """Start worker threads that count the named columns of the batches pushed to them.

        Args:
            columns: Column names; nested fields by dotted path. Lists are walked; lists of integers are ready ids.
            others: Further tokenizers that count the same batches; those that cut alike share the work, and columns of
                ready ids are refused.
            pair: Encode exactly two text columns row by row as pairs.
            threads: Worker threads.
            memory: Bound in bytes for the piece tables of all workers, for all tokenizers.
            invalid_utf8: `"error"`, `"replace"` (by U+FFFD) or `"skip"`.
            sample: Count only the rows whose 64-bit hash lies below this number; None counts all.

        Raises:
            UsageError: Options that contradict each other or lie out of range.
        """

@final
class Scan:
    """A scan under way; feed it with `push`, end it with `finish` or `cancel`."""

    def push(self, batch: object, source: str = "", first_row: int = 0) -> None:
        """Hand over a batch; waits while the workers are behind, and answers Ctrl-C.

        Args:
            batch: Anything with `__arrow_c_array__` that is a record batch.
            source: Name of the file or object, for errors.
            first_row: Row of the source that the batch starts at, for errors.

        Raises:
            ColumnError: A column is missing or of a wrong type.
            InvalidTextError: A worker met a text that is not UTF-8, or a value that is no token id.
            TokenizerError: The library cannot encode a text.
        """

    def progress(self) -> tuple[int, int]:
        """Rows and bytes of text done so far."""

    def finish(self) -> RawCounts:
        """Wait for the workers and give the counts of the tokenizer that the scan was started with; answers Ctrl-C.

        Raises:
            InvalidTextError: A worker met a text that is not UTF-8, or a value that is no token id.
            TokenizerError: The library cannot encode a text.
        """

    def finish_each(self) -> list[RawCounts]:
        """The same for all tokenizers: that one first, then the others in their order."""

    def cancel(self) -> None:
        """Give the scan up; returns at once."""

@final
class RawCounts:
    """What a scan counted."""

    @property
    def ids(self) -> bytes:
        """Ids with a count above zero, ascending, as little-endian 32-bit unsigned integers."""

    @property
    def counts(self) -> bytes:
        """Their counts as little-endian 64-bit unsigned integers."""

    @property
    def rows(self) -> int:
        """Texts encoded; a row with two columns counts twice, a pair once."""

    @property
    def nulls(self) -> int:
        """Null values met."""

    @property
    def text_bytes(self) -> int:
        """Bytes of the texts."""

    @property
    def tokens(self) -> int:
        """Sum of the counts."""

    @property
    def fallback_rows(self) -> int:
        """Rows that took the whole-row path by themselves."""

    @property
    def invalid_rows(self) -> int:
        """Rows left out because they are not UTF-8."""

@final
class _Lines:
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __len__(self) -> int: ...

def fingerprint(tokenizer_json: bytes) -> str:
    """The fingerprint of a tokenizer.json; the same as `Engine(...).fingerprint`.

    Raises:
        TokenizerError: The library cannot load the tokenizer.
    """

def has_model(json: bytes) -> bool:
    """Whether a file is JSON with a model, as a `tokenizer.json` is.

    Raises:
        ValueError: It is no JSON.
    """

def lines(block: bytes) -> _Lines:
    r"""The rows of a block of text as an Arrow array of large strings.

    Rows end at `\n`; a `\r` before it is removed; a last line without `\n` is a row; nothing follows a final `\n`.

    Raises:
        InvalidTextError: A line is not UTF-8.
    """

def build_info() -> dict[str, str]:
    """Version, oracle and build profile of the extension."""
