"""`TokenCounts`: how often each token id occurred, and with which tokenizer and options it was counted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.errors import CorpusError, UsageError
from prunus.fieldtypes import checked
from prunus.parts import Part
from prunus.sampling import sampled_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from os import PathLike

    import pandas as pd  # type: ignore[import-untyped, unused-ignore]
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

_FORMAT = 1
_U64 = 2**64


@dataclass(frozen=True, kw_only=True)
class ScanInfo:
    """Where counts come from: two of them add up only if tokenizer, options and oracle are the same.

    Attributes:
        fingerprint: Sha256 of the tokenizer's canonical form.
        size: Largest id of the tokenizer, added tokens included, plus one.
        rows: Texts that were encoded; a row with two columns counts twice, a pair once.
        nulls: Null texts, which count nothing.
        text_bytes: UTF-8 bytes of the encoded texts.
        tokens: Sum of all counts.
        options: What changes the counts: `add_special_tokens`, `truncate`, `pair`, `invalid_utf8`, and `sample` where
            only that share of the rows was counted.
        oracle: Library and version whose result the counts equal, for example `tokenizers 0.23.2`.
        path: Which way through the scanner was taken, for example `native:gpt2`, `generic`, `row`.
        path_reason: Why that way.
        fallback_rows: Rows that took the whole-row way instead.
        invalid_rows: Rows of invalid UTF-8 that were replaced or skipped, as the options ask.
        sources: What was read: `{"path", "bytes", "format"}` of a file, `{"object"}` of a live object.
        version: Version of Prunus.
        part: Which units of a planned scan these are; None of a whole scan.
    """

    fingerprint: str
    size: int
    rows: int
    nulls: int
    text_bytes: int
    tokens: int
    options: Mapping[str, Any] = field(hash=False)
    oracle: str
    path: str
    path_reason: str
    fallback_rows: int
    invalid_rows: int = 0
    sources: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    version: str = ""
    part: Part | None = None

    def to_json(self) -> str:
        """The record as JSON, the same bytes for equal records."""
        record = {name: value for name, value in asdict(self).items() if name != "part" or value is not None}
        return json.dumps({"format": _FORMAT, **record}, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> ScanInfo:
        """The record that `to_json` wrote.

        Raises:
            CorpusError: Not such a record, or one of a later version.
        """
        try:
            record = json.loads(text)
            written = record.pop("format")
            sources = tuple(record.pop("sources"))
            if written == _FORMAT:
                part = record.pop("part", None)
                values = checked(cls, {**record, "sources": sources})
                return cls(part=part and Part.from_record(part), **values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(f"the counts' metadata is damaged: {error}") from error
        raise CorpusError(
            f"the counts are of format {written!r}, this version of Prunus reads format {_FORMAT}",
            hint="Install the version of Prunus that wrote them, or a later one.",
        )


@dataclass(frozen=True, eq=False, repr=False)
class TokenCounts:
    """How often each token id occurred; ids that did not occur are absent.

    Attributes:
        ids: Token ids `(seen,)`, ascending, `uint32`, read-only.
        counts: Occurrences of each `(seen,)`, above zero, `uint64`, read-only.
        tokens: The token of each id, `(seen,)`; a function of the ids is asked when they are first looked at.
        info: What was counted, and how.

    Raises:
        CorpusError: The three columns and `info` do not fit together.

    Example:
        >>> info = ScanInfo(fingerprint="3fa2", size=9, rows=2, nulls=0, text_bytes=8, tokens=5, options={},
        ...                 oracle="tokenizers 0.23.2", path="row", path_reason="asked", fallback_rows=0)
        >>> counts = TokenCounts([2, 7], [4, 1], ("a", "b"), info)
        >>> counts.most_common(1), counts.coverage(1), (counts + counts).counts.tolist()
        ([('a', 2, 4)], 0.8, [8, 2])
    """

    ids: NDArray[np.uint32]
    counts: NDArray[np.uint64]
    info: ScanInfo
    _spell: Callable[[NDArray[np.uint32]], Iterable[str]] = field(init=False)

    def __init__(
        self,
        ids: ArrayLike,
        counts: ArrayLike,
        tokens: Iterable[str] | Callable[[NDArray[np.uint32]], Iterable[str]],
        info: ScanInfo,
    ) -> None:
        object.__setattr__(self, "ids", _frozen(ids, np.uint32))
        object.__setattr__(self, "counts", _frozen(counts, np.uint64))
        object.__setattr__(self, "info", info)
        if callable(tokens):
            object.__setattr__(self, "_spell", tokens)
        else:
            object.__setattr__(self, "tokens", tuple(tokens))
        spelled = len(self.ids) if callable(tokens) else len(self.tokens)
        if not len(self.ids) == len(self.counts) == spelled:
            raise CorpusError(f"{len(self.ids)} ids, {len(self.counts)} counts and {spelled} tokens do not align")
        check_rows(self.ids, self.counts, info)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, `(seen,)`."""
        return tuple(self._spell(self.ids))

    def __getstate__(self) -> dict[str, Any]:
        return {"ids": self.ids, "counts": self.counts, "tokens": self.tokens, "info": self.info}

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        info = self.info
        return (
            f"TokenCounts({len(self):,} ids seen of {info.size:,}, {info.tokens:,} tokens in {info.rows:,} rows, "
            f"tokenizer {info.fingerprint[:8]})"
        )

    def summary(self) -> str:
        """What was counted, in a few lines for a person."""
        info = self.info
        share = len(self) / info.size if info.size else 0.0
        lines = [
            f"{info.tokens:,} tokens in {info.rows:,} texts ({info.text_bytes / 1e6:,.1f} MB, {info.nulls:,} nulls)",
            f"{len(self):,} of {info.size:,} token ids seen ({share:.1%})",
            f"tokenizer {info.fingerprint[:12]}, as {info.oracle} encodes",
            f"path {info.path} ({info.path_reason}), {_by_the_library(info)}",
        ]
        if "sample" in info.options:
            lines.append(sampled_summary(self))
        if info.part is not None and not info.part.complete:
            lines.append(f"only a part: {info.part}; merge all parts before pruning")
        if info.invalid_rows:
            lines.append(f"{info.invalid_rows:,} rows of invalid UTF-8: {info.options.get('invalid_utf8')}")
        return "\n".join(lines)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TokenCounts)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.counts, other.counts)
            and self.tokens == other.tokens
            and self.info == other.info
        )

    def __hash__(self) -> int:
        return hash((self.ids.tobytes(), self.counts.tobytes(), self.info.fingerprint))

    def __add__(self, other: TokenCounts) -> TokenCounts:
        """Counts of both corpora together; the order of adding does not matter.

        Raises:
            TokenizerMismatchError: They were counted with different tokenizers or by different oracles.
            UsageError: They were counted with different options, or a sum does not fit 64 bits.
        """
        if not isinstance(other, TokenCounts):
            return NotImplemented
        return merge([self, other])

    def _by_frequency(self) -> NDArray[np.int64]:
        return np.lexsort((self.ids, _U64 - 1 - self.counts))

    def most_common(self, n: int | None = None) -> list[tuple[str, int, int]]:
        """The `n` most frequent tokens as `(token, id, count)`, ties by ascending id; all of them if `n` is None."""
        order = self._by_frequency()[:n].tolist()
        return [(self.tokens[i], int(self.ids[i]), int(self.counts[i])) for i in order]

    def coverage(self, tokens: int | Collection[int]) -> float:
        """Share of all occurrences that some tokens cover; 1.0 where nothing was counted.

        Args:
            tokens: How many of the most frequent tokens (ties by ascending id), or their ids.

        Raises:
            UsageError: The number is negative.
        """
        if not isinstance(tokens, int):
            covered = self.counts[np.isin(self.ids, np.fromiter(tokens, np.int64))]
        elif tokens < 0:
            raise UsageError(f"coverage of {tokens} tokens: the number must not be negative")
        else:
            covered = self.counts[self._by_frequency()[:tokens]]
        return _total(covered) / self.info.tokens if self.info.tokens else 1.0

    def to_arrow(self) -> pa.Table:
        """A pyarrow table with the columns and metadata of `counts.parquet`."""
        import pyarrow as pa

        schema = pa.schema(
            [("id", pa.uint32()), ("token", pa.string()), ("count", pa.uint64())],
            metadata={"prunus": self.info.to_json()},
        )
        columns = [pa.array(self.ids), pa.array(self.tokens, pa.string()), pa.array(self.counts)]
        return pa.table(columns, schema=schema)

    @classmethod
    def from_arrow(cls, table: pa.Table) -> TokenCounts:
        """The counts that `to_arrow` gave.

        Raises:
            CorpusError: The table has other columns, no metadata, or rows that do not fit together.
        """
        cls.check_schema(table.schema)
        if any(column.null_count for column in table.columns):
            raise CorpusError("the counts hold nulls: the file is damaged")
        info = ScanInfo.from_json(table.schema.metadata[b"prunus"])
        return cls(table["id"].to_numpy(), table["count"].to_numpy(), table["token"].to_pylist(), info)

    @staticmethod
    def check_schema(schema: pa.Schema) -> None:
        """Refuse a table that does not hold counts.

        Raises:
            CorpusError: It has other columns, or no metadata.
        """
        marked = b"prunus" in (schema.metadata or {})
        columns = [f"{name} {kind}" for name, kind in zip(schema.names, schema.types, strict=True)]
        if not marked or columns != ["id uint32", "token string", "count uint64"]:
            raise CorpusError(
                f"not counts of Prunus: columns {', '.join(columns)}, {'with' if marked else 'no'} metadata",
                hint="Counts are written by `prunus scan -o counts.parquet` or TokenCounts.save.",
            )

    def to_numpy(self) -> NDArray[np.uint64]:
        """The full histogram `(tokenizer size,)`: the count of each id, zero where unseen."""
        histogram = np.zeros(self.info.size, np.uint64)
        histogram[self.ids] = self.counts
        return histogram

    def to_pandas(self) -> pd.DataFrame:
        """A pandas frame with the columns `id`, `token`, `count`."""
        return self.to_arrow().to_pandas()

    def save(self, path: str | PathLike[str]) -> None:
        """Write `counts.parquet`: a temporary sibling, then a rename; equal counts give equal bytes.

        Raises:
            OutputError: The file cannot be written, or one that is no counts file is there.
        """
        from prunus.countsfile import save

        save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> TokenCounts:
        """Read what `save` wrote.

        Raises:
            CorpusError: No such file, a truncated or foreign one, or one whose parts do not fit together.
        """
        from prunus.countsfile import load

        return load(path)


def merge(counts: Iterable[TokenCounts]) -> TokenCounts:
    """The sum of several counts of one tokenizer; their order does not matter.

    Raises:
        UsageError: There are none, their options differ, or a sum does not fit 64 bits.
        TokenizerMismatchError: They were counted with different tokenizers or by different oracles.
    """
    from prunus.summing import summed

    return summed(counts)


def _frozen(values: ArrayLike, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    given = np.asarray(values)
    array = given.astype(dtype)
    if not np.array_equal(array, given):
        raise CorpusError(f"ids or counts of type {given.dtype} do not fit {np.dtype(dtype).name}")
    array.setflags(write=False)
    return array


def _total(counts: NDArray[np.uint64]) -> int:
    """Sum as a Python integer: a `uint64` sum would wrap."""
    if not len(counts) or int(counts.max()) < _U64 // len(counts):
        return int(counts.sum())
    low = int(np.sum(counts & np.uint64(0xFFFFFFFF)))
    return (int(np.sum(counts >> np.uint64(32))) << 32) + low


def check_rows(ids: NDArray[np.uint32], counts: NDArray[np.uint64], info: ScanInfo) -> None:
    """Refuse ids and counts that do not fit each other or what is said of them.

    Raises:
        CorpusError: They do not.
    """
    if not bool(np.all(ids[1:] > ids[:-1])):
        raise CorpusError("the ids of the counts are not strictly ascending")
    if len(ids) and int(ids[-1]) >= info.size:
        raise CorpusError(f"id {int(ids[-1])} is not below the tokenizer's size {info.size}")
    if not bool(np.all(counts)):
        raise CorpusError(f"id {int(ids[np.argmin(counts)])} has a count of zero")
    if info.part is not None and len(info.part.files) != len(info.sources):
        raise CorpusError(f"a part that names {len(info.part.files)} of its {len(info.sources)} sources")
    if _total(counts) != info.tokens:
        raise CorpusError(f"the counts sum to {_total(counts):,}, their metadata says {info.tokens:,} tokens")


def _by_the_library(info: ScanInfo) -> str:
    """How many rows went through the `tokenizers` library one by one."""
    if info.path == "row":
        return "every row went through the library by itself"
    return f"{info.fallback_rows:,} rows fell back to the whole row"
