"""Which tokens to keep: a policy over counts, and tokens asked for or dropped by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunus.counts import TokenCounts, merge
from prunus.errors import SelectionError, TokenizerMismatchError, UsageError
from prunus.given import several
from prunus.ranking import amounts_of, by_count
from prunus.rules import TokenRules
from prunus.wholefile import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

METADATA_KEY = b"prunus.keep"


@dataclass(frozen=True)
class NamedTokens:
    """Tokens named by a person, in four ways; resolved against the tokenizer when the plan is made.

    Attributes:
        tokens: Token contents, exactly as the vocabulary spells them.
        ids: Token ids.
        regex: Python regular expressions, searched in a token's content and in the text that it stands for.
        texts: Texts; every token of each is meant.
    """

    tokens: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    regex: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tokens or self.ids or self.regex or self.texts)


@dataclass(frozen=True, eq=False)
class KeepSet:
    """The ids chosen by counts, and the tokens kept and dropped by name. Made by `select`.

    Attributes:
        ids: Ids chosen by counts `(chosen,)`, ascending, `uint32`.
        counts: All counted ids and their occurrences, or None where nothing was counted.
        keep: Tokens to keep whatever their count.
        drop: Tokens to drop whatever their count; what a config, the post-processor or a kept token needs cannot go.
        policy: How `ids` were chosen, for the report.
        fingerprint: Fingerprint of the tokenizer it belongs to; None if only names were given.
        rules: What is asked beyond counts and names.
        ranked: All counted ids, most worth keeping first; empty where nothing was counted.
    """

    ids: NDArray[np.uint32]
    counts: TokenCounts | None
    keep: NamedTokens
    drop: NamedTokens
    policy: str
    fingerprint: str | None
    rules: TokenRules = field(default_factory=TokenRules)
    ranked: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))

    @property
    def exact(self) -> bool:
        """Whether every counted token was chosen, so that the counted corpus keeps its segmentation."""
        complete = self.counts is not None and len(self.ids) == len(self.counts.ids)
        return complete and not self.drop and not self.rules.narrows

    @property
    def ranked_choice(self) -> NDArray[np.uint32]:
        """The chosen ids, most worth keeping first."""
        return self.ranked[np.isin(self.ranked, self.ids)] if len(self.ranked) else self.ids

    def __or__(self, other: KeepSet) -> KeepSet:
        """What either selection keeps, of counts and names; dropped by name is what either drops.

        Raises:
            UsageError: The rules of the two differ, or only one of them was counted.
            TokenizerMismatchError: They belong to different tokenizers.
        """
        from prunus.union import union

        return union(self, other)

    def __repr__(self) -> str:
        named = [f"{verb} by name: {which}" for verb, which in (("keep", self.keep), ("drop", self.drop)) if which]
        return f"KeepSet({'; '.join([f'{len(self.ids):,} ids by {self.policy}', *named])})"

    def save(self, path: str | Path) -> None:
        """Writes ids and counts as Parquet, the named tokens in its metadata.

        Raises:
            OutputError: The file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        named = {"keep": asdict(self.keep), "drop": asdict(self.drop), "policy": self.policy}
        named["rules"] = self.rules.to_dict()
        order = self.ranked if len(self.ranked) else self.ids
        table = pa.table({"id": pa.array(order, pa.uint32()), "chosen": np.isin(order, self.ids)})
        metadata = {METADATA_KEY: json.dumps(named | {"fingerprint": self.fingerprint})}
        with whole_file(path) as file:
            pq.write_table(table.replace_schema_metadata(metadata), file, compression="zstd")

    @classmethod
    def load(cls, path: str | Path, counts: TokenCounts | None = None) -> KeepSet:
        """Reads what `save` wrote; `counts` are the ones it was selected from, if they are at hand.

        Raises:
            SelectionError: The file is no saved selection.
            TokenizerMismatchError: `counts` belong to another tokenizer.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
            named = json.loads((table.schema.metadata or {})[METADATA_KEY])
        except (pa.ArrowException, OSError, KeyError) as error:
            raise SelectionError(f"{path}: no selection that `KeepSet.save` wrote: {error}") from error
        keep, drop = ({k: tuple(v) for k, v in named[name].items()} for name in ("keep", "drop"))
        ranked, marked = (table.column(name).to_numpy() for name in ("id", "chosen"))
        ids, rules = np.sort(ranked[marked]), TokenRules.from_dict(named["rules"])
        names = NamedTokens(**keep), NamedTokens(**drop)
        chosen = cls(ids, None, *names, named["policy"], named["fingerprint"], rules, ranked)
        return chosen if counts is None else replace(chosen, counts=_of_same(counts, chosen.fingerprint))


def select(
    counts: TokenCounts | Sequence[TokenCounts] | None = None,
    *,
    tokenizer: object = None,
    weights: Sequence[float] = (),
    min_count: int = 1,
    top_k: int | None = None,
    coverage: float | None = None,
    keep_tokens: Iterable[str] = (),
    keep_ids: Iterable[int] = (),
    keep_regex: Iterable[str] = (),
    keep_text: Iterable[str] = (),
    drop_tokens: Iterable[str] = (),
    drop_ids: Iterable[int] = (),
    drop_regex: Iterable[str] = (),
    drop_text: Iterable[str] = (),
    scripts: Iterable[str] = (),
    only_scripts: Iterable[str] = (),
    script_quotas: Mapping[str, int] | None = None,
    size: int | None = None,
    unseen: str | None = None,
    drop_unused_added: bool = False,
    allow_sample: bool = False,
) -> KeepSet:
    """Chooses tokens by count, by name, and by rules that need the tokenizer.

    Every limit narrows the seen tokens further: `min_count`, then `coverage`, then `top_k`. Equal counts are ordered by
    id, so the result is deterministic. What the tokenizer itself needs (special tokens, byte alphabet, merge path) is
    added by `plan`.

    Args:
        counts: What `scan` counted, of one corpus or of several; without it, only named tokens are kept.
        tokenizer: The tokenizer, if there are no counts to name it: a path, a directory or a live object.
        weights: One weight for each of several counts: tokens are ordered by the weighted sum of their shares, so that
            a large corpus does not drown a small one. Without weights occurrences are added.
        min_count: Fewest occurrences that a seen token needs.
        top_k: How many seen tokens to keep at most, most frequent first.
        coverage: Share of all occurrences, above 0 and up to 1; the smallest set of tokens that covers it is kept.
        keep_tokens: Token contents to keep in any case.
        keep_ids: Ids to keep in any case.
        keep_regex: Regular expressions; tokens in whose content or text one is found are kept.
        keep_text: Texts all of whose tokens are kept.
        drop_tokens: Token contents to drop in any case.
        drop_ids: Ids to drop in any case.
        drop_regex: Regular expressions; matching tokens are dropped unless kept by content or id.
        drop_text: Texts all of whose tokens are dropped unless kept by content or id.
        scripts: Scripts (`Latin`) or languages (`ja`): all tokens written in them alone are kept.
        only_scripts: Scripts or languages: seen tokens with a character of another are not kept.
        script_quotas: Scripts, each with how many of its most frequent seen tokens stay whatever the limits.
        size: Tokens of the pruned tokenizer, everything included: exactly so many are kept.
        unseen: Quality of the fallback for text that was not counted: `bytes`, `characters` or `unk`; by default the
            safest that the tokenizer allows.
        drop_unused_added: Whether added tokens go that were not seen and that no config names.
        allow_sample: Take counts of a sample: tokens that only the other rows hold are dropped.

    Raises:
        UsageError: `counts` are none, a limit is out of range, a limit is given without counts, neither counts nor
            names are given, or the counts are only a part of a scan, or of a sample that was not allowed.
        SelectionError: A token is both kept and dropped by name.
        TokenizerMismatchError: `counts` belong to another tokenizer than `tokenizer`.

    Example:
        >>> import prunus
        >>> keep = prunus.select(keep_ids=[0, 1, 2])
        >>> keep.keep.ids
        (0, 1, 2)
    """
    keep = NamedTokens(several(keep_tokens), tuple(keep_ids), several(keep_regex), several(keep_text))
    drop = NamedTokens(several(drop_tokens), tuple(drop_ids), several(drop_regex), several(drop_text))
    both = (set(keep.tokens) & set(drop.tokens)) or (set(keep.ids) & set(drop.ids))
    if both:
        raise SelectionError(f"{sorted(both)[0]!r} is both kept and dropped by name", hint="Name it once.")
    rules = TokenRules.of(
        script_quotas or {}, scripts, only_scripts, size=size, unseen=unseen, drop_unused_added=drop_unused_added
    )
    fingerprint = _fingerprint(tokenizer) if tokenizer is not None else None
    if counts is None:
        if min_count != 1 or top_k is not None or coverage is not None or weights or rules.quotas:
            raise UsageError(
                "min_count, top_k, coverage, weights and script_quotas need counts",
                hint="Scan a corpus first: prunus scan.",
            )
        if not (keep or rules.scripts or rules.size):
            raise UsageError("nothing to keep: neither counts nor tokens were given", hint="Give counts, or keep_ids.")
        return KeepSet(np.zeros(0, np.uint32), None, keep, drop, "name", fingerprint, rules)
    parts = _parts(counts)
    total = merge(parts)
    _refuse_less_than_all(total, allow_sample=allow_sample)
    ranked, chosen, policy = by_count(total, amounts_of(total, parts, weights), min_count, top_k, coverage)
    if weights:
        policy += f", weighted {':'.join(f'{weight:g}' for weight in weights)}"
    if fingerprint is not None:
        _of_same(total, fingerprint)
    return KeepSet(np.sort(chosen), total, keep, drop, policy, total.info.fingerprint, rules, ranked)


def _parts(counts: Any) -> list[TokenCounts]:
    """The counts, of one corpus or of several.

    Raises:
        UsageError: They are something else, such as the path of a file.
    """
    given = counts if isinstance(counts, Iterable) and not isinstance(counts, (str, TokenCounts)) else [counts]
    parts: list[TokenCounts] = []
    for part in given:
        if not isinstance(part, TokenCounts):
            raise UsageError(
                f"{part!r:.80} is no counts but a {type(part).__name__}",
                hint="Give what `scan` returned, or TokenCounts.load(path); ids of tokens are keep_ids of `select`.",
            )
        parts.append(part)
    return parts


def _refuse_less_than_all(counts: TokenCounts, *, allow_sample: bool) -> None:
    sample = counts.info.options.get("sample")
    if sample is not None and not allow_sample:
        raise UsageError(
            f"the counts are of a sample of {sample:.6g} of the rows: tokens of the others would be dropped",
            hint="Scan without --sample, or accept it with --allow-sample (allow_sample=True).",
        )
    if counts.info.part is not None and not counts.info.part.complete:
        raise UsageError(
            f"the counts hold only {counts.info.part}: tokens of the rest would be dropped",
            hint="Merge the counts of all shards first: prunus merge.",
        )


def _fingerprint(tokenizer: object) -> str:
    from prunus._engine import fingerprint
    from prunus.tokenizer.resolve import resolve_tokenizer

    return fingerprint(resolve_tokenizer(tokenizer).json)


def _of_same(counts: TokenCounts, fingerprint: str | None) -> TokenCounts:
    if fingerprint is not None and counts.info.fingerprint != fingerprint:
        raise TokenizerMismatchError(
            f"the counts belong to tokenizer {counts.info.fingerprint[:12]}, not to {fingerprint[:12]}",
            hint="Scan the corpus again with this model's tokenizer.",
        )
    return counts
