"""The main job on a tiny model made here, with nothing but Prunus and what it requires; run on an installed wheel."""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

import prunus
from prunus import ModelFamily, Role, VocabTensor, hookimpl
from prunus.plugin.manager import plugin_manager

TEXTS = ["the cat sat", "a cat", None]
WORDS = ["[UNK]", "the", "cat", "sat", "a", "dog", "ran"]
NAME = "toy.embed.weight"


class Toy:
    """A plugin for the model below, so that no family distribution is needed."""

    @hookimpl
    def prunus_families(self) -> list[ModelFamily]:
        """The one family."""
        tensor = VocabTensor(NAME, 0, Role.INPUT)
        return [ModelFamily(name="toy", model_types=frozenset({"toy"}), tensors=(tensor,))]


def write_model(folder: Path) -> None:
    """A directory with config, tokenizer and a safetensors file of one tensor."""
    folder.mkdir()
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "toy", "vocab_size": len(WORDS)}))
    rows = np.arange(len(WORDS) * 4, dtype="<f4").reshape(-1, 4)
    header = json.dumps({NAME: {"dtype": "F32", "shape": rows.shape, "data_offsets": [0, rows.nbytes]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + rows.tobytes())


def main() -> int:
    """Scan, plan, prune, verify; raises where one of them is not right."""
    if "torch" in sys.modules:
        raise SystemExit("torch was imported")
    plugin_manager().register(Toy(), "toy")
    with tempfile.TemporaryDirectory() as folder:
        model, small = Path(folder) / "model", Path(folder) / "small"
        write_model(model)
        counts = prunus.scan(TEXTS, tokenizer=model)
        if dict(zip(counts.tokens, counts.counts.tolist(), strict=True)) != {"the": 1, "cat": 2, "sat": 1, "a": 1}:
            raise SystemExit(f"wrong counts: {counts.most_common()}")
        report = prunus.prune(model, counts, small, corpus=[text for text in TEXTS if text])
        kept = np.frombuffer((small / "model.safetensors").read_bytes()[-5 * 16 :], "<f4").reshape(-1, 4)
        if kept[:, 0].tolist() != [0, 4, 8, 12, 16]:
            raise SystemExit(f"wrong rows: {kept}")
        sizes = {"before": report.plan.tokens_before, "after": report.plan.tokens_after}
    print(json.dumps({"python": sys.version.split()[0], "prunus": prunus.__version__, **sizes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
