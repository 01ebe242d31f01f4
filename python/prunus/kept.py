"""The tokens that stay, with the reason for each: the content of `OUT/prunus/keep.parquet`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prunus.errors import SelectionError
from prunus.remap import IdRemap

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

COLUMNS = ("old_id", "new_id", "token", "count", "why", "because_of")


@dataclass(frozen=True, eq=False)
class KeptTokens:
    """One entry a kept token, in ascending order of the old id; the new id is the position.

    Attributes:
        old_ids: Ids in the unpruned tokenizer `(kept,)`, ascending, `uint32`.
        counts: Occurrences in the counted corpus `(kept,)`, `uint64`; zero where unseen or uncounted.
        tokens: Token contents, as the tokenizer spells them.
        why: Why each stays: `seen`, `asked`, `special`, `merge`, `alphabet`, `config` and so on.
        because_of: The kept token that needs it, empty where it stands for itself.
    """

    old_ids: NDArray[np.uint32]
    counts: NDArray[np.uint64]
    tokens: tuple[str, ...]
    why: tuple[str, ...]
    because_of: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.old_ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeptTokens) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.remap)

    def __repr__(self) -> str:
        return f"KeptTokens({len(self):,} tokens: {', '.join(f'{n:,} {why}' for why, n in self.reasons())})"

    @cached_property
    def remap(self) -> IdRemap:
        """The renumbering that these tokens define."""
        return IdRemap(self.old_ids)

    def reasons(self) -> list[tuple[str, int]]:
        """How many tokens stay for which reason, most frequent first."""
        return sorted(Counter(self.why).items(), key=lambda item: (-item[1], item[0]))

    def to_arrow(self) -> pa.Table:
        """A table with the columns `old_id`, `new_id`, `token`, `count`, `why`, `because_of`."""
        import pyarrow as pa

        columns = {
            "old_id": pa.array(self.old_ids, pa.uint32()),
            "new_id": pa.array(np.arange(len(self), dtype=np.uint32)),
            "token": pa.array(self.tokens, pa.string()),
            "count": pa.array(self.counts, pa.uint64()),
            "why": pa.array(self.why, pa.string()),
            "because_of": pa.array([token or None for token in self.because_of], pa.string()),
        }
        return pa.table(columns)

    def save(self, path: str | Path) -> None:
        """Writes the table as Parquet."""
        import pyarrow.parquet as pq

        pq.write_table(self.to_arrow(), path, compression="zstd")

    @classmethod
    def load(cls, path: str | Path) -> KeptTokens:
        """Reads what `save` wrote.

        Raises:
            SelectionError: The file is no `keep.parquet`, or its ids are not ascending and numbered from 0.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path, columns=list(COLUMNS))
            columns = {name: table.column(name).to_pylist() for name in COLUMNS}
        except FileNotFoundError as error:
            hint = "`prunus compare` audits a directory that another tool made."
            raise SelectionError(f"{path}: no such file, so nothing says which tokens are kept", hint=hint) from error
        except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
            hint = "Name the keep.parquet in the `prunus` folder of a directory that `prunus prune` wrote."
            raise SelectionError(f"{path}: cannot be read as a list of kept tokens: {error}", hint=hint) from error
        kept = cls.from_dict(columns)
        if table.column("new_id").to_pylist() != list(range(len(kept))):
            raise SelectionError(f"{path}: new ids are not 0..{len(kept) - 1} in order")
        return kept

    def to_dict(self) -> dict[str, list[object]]:
        """Columns as plain lists, for JSON."""
        return {
            "old_id": self.old_ids.tolist(),
            "token": list(self.tokens),
            "count": self.counts.tolist(),
            "why": list(self.why),
            "because_of": list(self.because_of),
        }

    @classmethod
    def from_dict(cls, columns: dict[str, list[object]]) -> KeptTokens:
        """The inverse of `to_dict`.

        Raises:
            SelectionError: The ids are not unique and ascending, or the columns not of one length or type.
        """
        if len({len(columns[name]) for name in ("old_id", "count", "token", "why", "because_of")}) > 1:
            raise SelectionError("the columns of the kept tokens are not of one length", hint="Is the file damaged?")
        try:
            ids, counts = np.array(columns["old_id"], np.uint32), np.array(columns["count"], np.uint64)
        except (OverflowError, TypeError, ValueError) as error:
            raise SelectionError(f"an id or count of the kept tokens is none: {error}") from error
        kept = cls(
            old_ids=ids,
            counts=counts,
            tokens=tuple(str(token) for token in columns["token"]),
            why=tuple(str(why) for why in columns["why"]),
            because_of=tuple(str(token or "") for token in columns["because_of"]),
        )
        kept.remap.old_ids  # noqa: B018 - building the remap checks the order
        return kept
