"""What pruning does to text that was not counted, measured on text that was held out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunus.checks.texts import sampled_texts
from prunus.errors import CorpusError
from prunus.fieldtypes import checked
from prunus.tokenizer.compare import read_pipeline
from prunus.tokenizer.document import TokenizerDocument
from prunus.tokenizer.kinds import module_of
from prunus.tokenizer.resolve import resolve_tokenizer
from prunus.tokenizer.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunus.planned import PrunePlan
    from prunus.remap import IdRemap

ROWS = 20_000
BLOCK = 1000


@dataclass(frozen=True)
class HeldOutEstimate:
    """Tokens of held-out text before and after pruning; special tokens that are added to each row are left out.

    Attributes:
        rows: Texts that were tokenised.
        words: Their words, as white space parts them.
        text_bytes: Their bytes in UTF-8.
        tokens: Tokens before and after.
        unknown: Unknown tokens before and after.
        changed: Texts that are segmented otherwise than before.
    """

    rows: int
    words: int
    text_bytes: int
    tokens: tuple[int, int]
    unknown: tuple[int, int]
    changed: int

    @property
    def unknown_rate(self) -> tuple[float, float]:
        """Share of unknown tokens before and after."""
        return _ratio(self.unknown[0], self.tokens[0]), _ratio(self.unknown[1], self.tokens[1])

    @property
    def per_word(self) -> tuple[float, float]:
        """Fertility: tokens a word, before and after."""
        return _ratio(self.tokens[0], self.words), _ratio(self.tokens[1], self.words)

    @property
    def per_byte(self) -> tuple[float, float]:
        """Tokens a byte of text, before and after."""
        return _ratio(self.tokens[0], self.text_bytes), _ratio(self.tokens[1], self.text_bytes)

    @property
    def changed_share(self) -> float:
        """Share of texts that are segmented otherwise."""
        return _ratio(self.changed, self.rows)

    def __str__(self) -> str:
        pairs = (
            ("unknown", "{:.3%}", self.unknown_rate),
            ("tokens a word", "{:.3f}", self.per_word),
            ("tokens a byte", "{:.4f}", self.per_byte),
        )
        said = [f"{name} {form.format(a)} -> {form.format(b)}" for name, form, (a, b) in pairs]
        head = f"held-out text ({self.rows:,} rows): {self.changed_share:.2%} segmented otherwise"
        return "; ".join([head, *said])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the rates among them."""
        rates = {name: list(getattr(self, name)) for name in ("unknown_rate", "per_word", "per_byte")}
        return asdict(self) | rates | {"changed_share": self.changed_share}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HeldOutEstimate:
        """The inverse of `to_dict`.

        Raises:
            KeyError: A number is missing.
            TypeError: One is no number.
        """
        read = {name: values[name] for name in ("rows", "words", "text_bytes", "changed")}
        pairs = {name: tuple(values[name]) for name in ("tokens", "unknown")}
        return cls(**checked(cls, read | pairs))


def estimate(
    plan: PrunePlan, source: Any, columns: Sequence[str] | None = None, *, rows: int = ROWS
) -> HeldOutEstimate:
    """Tokenises held-out text with the tokenizer before and after a plan.

    Args:
        plan: The plan; its source directory is read again.
        source: Text that was not counted, as `scan` takes it.
        columns: Columns of the text.
        rows: How many rows to look at, at even distances.

    Raises:
        CorpusError: The text cannot be read, or there is none.
        ColumnError: A column is missing, or it is not clear which one is meant.
        TokenizerError: The source's tokenizer cannot be read.

    Example:
        >>> import prunus
        >>> plan = prunus.plan("model", counts)  # doctest: +SKIP
        >>> prunus.estimate(plan, "other.parquet").changed_share  # doctest: +SKIP
        0.0417
    """
    texts = sampled_texts(source, columns, rows)
    if not texts:
        raise CorpusError("the held-out text has no rows", hint="Hold out more, or name another file.")
    data = resolve_tokenizer(plan.model_dir, plan.tokenizer_from).json
    document = TokenizerDocument.parse(data)
    old, new = read_pipeline(data, "before"), read_pipeline(rewrite(document, plan.remap).to_bytes(), "after")
    return _measured(old, new, texts, plan.remap, module_of(document.kind).unk(document))


def _measured(old: Any, new: Any, texts: Sequence[str], remap: IdRemap, unk: int | None) -> HeldOutEstimate:
    tokens, unknown, changed = [0, 0], [0, 0], 0
    for start in range(0, len(texts), BLOCK):
        block = list(texts[start : start + BLOCK])
        both = (tokenizer.encode_batch(block, add_special_tokens=False) for tokenizer in (old, new))
        for one, other in zip(*both, strict=True):
            changed += [remap.get(i) for i in one.ids] != other.ids
            for side, (ids, sign) in enumerate(((one.ids, unk), (other.ids, None if unk is None else remap.get(unk)))):
                tokens[side] += len(ids)
                unknown[side] += 0 if sign is None else ids.count(sign)
    words, text_bytes = sum(len(text.split()) for text in texts), sum(len(text.encode()) for text in texts)
    pairs = (tokens[0], tokens[1]), (unknown[0], unknown[1])
    return HeldOutEstimate(len(texts), words, text_bytes, *pairs, changed)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
