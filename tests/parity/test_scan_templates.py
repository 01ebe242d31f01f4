"""Templates that leave out, double or swap the texts, truncated and not: what the library gives, or its error."""

from __future__ import annotations

import itertools
import json

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from prunus._engine import Engine
from prunus.errors import TokenizerError

TEMPLATES = ["", "Q", "A", "Q A", "A Q A", "A B", "Q B Q", "B A", "A B A", "B"]
TEXTS = ["", "a", "a a a a", "b b b", "a b"]
STRATEGIES = ["longest_first", "only_first", "only_second"]


def templated(single: str, pair: str, strategy: str | None, length: int) -> Tokenizer:
    """A tokenizer whose templates come from a file, where the library's builder does not check them."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0, "a": 1, "b": 2, "Q": 3}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if strategy is not None:
        tokenizer.enable_truncation(length, strategy=strategy)

    def pieces(template: str) -> list[dict[str, object]]:
        kinds = {"Q": "SpecialToken", "A": "Sequence", "B": "Sequence"}
        return [{kinds[name]: {"id": name, "type_id": 0}} for name in template.split()]

    processor = {"type": "TemplateProcessing", "single": pieces(single), "pair": pieces(pair)}
    processor["special_tokens"] = {"Q": {"id": "Q", "ids": [3], "tokens": ["Q"]}}
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | {"post_processor": processor}))


def expected(oracle: Tokenizer, row: tuple[str, ...]) -> list[int] | None:
    """The library's ids, sorted; None if it refuses."""
    try:
        return sorted(oracle.encode(*row).ids)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - a template that asks for an absent text makes the library panic
        return None


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("strategy", [None, *STRATEGIES])
def test_pairs_and_single_texts(template, strategy, run_scan, histogram_of):
    """A template for single texts that drops its text emptied truncated pairs; texts too short to cut then passed."""
    outcomes = set()
    for pair in (False, True):
        rows = list(itertools.product(TEXTS, repeat=2)) if pair else [(text,) for text in TEXTS]
        # With three special tokens a length of 5 leaves room, and cuts.
        oracle = templated("A" if pair else template, template if pair else "A B", strategy, 5)
        other = templated(template, "A Q B", strategy, 5)
        for tokenizer, row in [(t, row) for t in (oracle, *([other] if pair else [])) for row in rows]:
            engine = Engine(tokenizer.to_str().encode(), truncation=strategy is not None)
            table = pa.table({name: [text] for name, text in zip("xy", row, strict=False)})
            want = expected(tokenizer, row)
            outcomes.add(want is None)
            if want is None:
                with pytest.raises(TokenizerError):
                    run_scan(engine, table, table.column_names, pair=pair)
                continue
            counts = histogram_of(run_scan(engine, table, table.column_names, pair=pair))
            assert sorted(i for i, n in counts.items() for _ in range(n)) == want, (template, row)
    assert False in outcomes
