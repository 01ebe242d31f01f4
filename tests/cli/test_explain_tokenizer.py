"""`prunus explain-tokenizer` says what the engine chose."""

from __future__ import annotations

import json

from tokenizers import Tokenizer, models, pre_tokenizers

from prunus._engine import Engine
from prunus.cli import main


def test_it_says_what_the_engine_chose(tmp_path, capsys):
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    for pre_tokenizer in (pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.CharDelimiterSplit("-")):
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.enable_truncation(7)
        file = tmp_path / "tokenizer.json"
        tokenizer.save(str(file))
        engine = Engine(file.read_bytes())
        assert main(["explain-tokenizer", str(file), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["path"], facts["why"], facts["ids"]) == (engine.path, engine.path_reason, engine.size)
        assert "truncates" in facts["file says"]
        assert main(["explain-tokenizer", str(file)]) == 0
        assert engine.path_reason in capsys.readouterr().out
