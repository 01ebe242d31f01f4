"""`StoredCounts`: a counts file of which the tokens are read only when somebody asks, so that many add up quickly."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunus.counts import ScanInfo, TokenCounts, check_rows
from prunus.countsfile import MARK, naming
from prunus.errors import CorpusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prunus.knowntokens import KnownTokens


class StoredCounts:
    """The ids and counts of a file, checked as `TokenCounts.load` checks them; its tokens stay on disk.

    Args:
        path: The file.

    Attributes:
        ids: As in `TokenCounts`.
        counts: As in `TokenCounts`.
        info: As in `TokenCounts`.

    Raises:
        CorpusError: No such file, a truncated or foreign one, or one whose parts do not fit together.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with naming(self.path):
            table = self._columns(["id", "count"])
            metadata = table.schema.metadata
            self.info = ScanInfo.from_json(metadata[b"prunus"])
            self.ids: NDArray[np.uint32] = table["id"].to_numpy()
            self.counts: NDArray[np.uint64] = table["count"].to_numpy()
            check_rows(self.ids, self.counts, self.info)
        self._mark = metadata.get(MARK)

    def _columns(self, names: list[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        # One small file a call: threads and read-ahead inside of it cost more than they give.
        with pa.OSFile(self.path) as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
            TokenCounts.check_schema(file.schema_arrow)
            table = file.read(columns=names, use_threads=False)
        if any(column.null_count for column in table.columns):
            raise CorpusError("the counts hold nulls: the file is damaged")
        return table

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, read now.

        Raises:
            CorpusError: The file cannot be read any more.
        """
        with naming(self.path):
            tokens = tuple(self._columns(["token"])["token"].to_pylist())
            if len(tokens) != len(self.ids):
                raise CorpusError("the file changed while it was read")
        return tokens

    def agrees(self, known: KnownTokens, ids: NDArray[np.intp]) -> bool:
        """Whether the mark written with the file says that the tokens of its ids are the known ones."""
        return self._mark is not None and self._mark == b"%016x" % known.mark(ids)

    def whole(self) -> TokenCounts:
        """All of it."""
        return TokenCounts(self.ids, self.counts, self.tokens, self.info)
