"""Coverage-guided fuzzing of the readers by atheris (`pip install atheris`). Figures: docs/reliability.md.

    python tools/fuzz.py header|counts|record|plan|tokenizer [-max_total_time=60 and other options of libFuzzer]

A file may be read, or refused by an error of Prunus; anything else ends the run and is kept as `crash-*`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["prunus"]):
    import prunus
    from prunus.checkpoint.header import read_header
    from prunus.counts import TokenCounts
    from prunus.errors import PrunusError
    from prunus.planned import PrunePlan
    from prunus.tokenizer.document import TokenizerDocument

sys.path.insert(0, str(Path(__file__).parent))
import smoke

from prunus.plugin.manager import plugin_manager

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1 << 16


def targets(folder: Path) -> dict[str, tuple[Callable[[bytes], object], bytes]]:
    """Each reader as a function of bytes, and a sound file to begin with."""
    plugin_manager().register(smoke.Toy(), "toy")
    smoke.write_model(folder / "model")
    counts = prunus.scan(smoke.TEXTS, tokenizer=folder / "model", tokenizer_from="file")
    counts.save(folder / "counts.parquet")
    prunus.plan(folder / "model", counts, tokenizer_from="file").save(folder / "plan.json")
    table, file = counts.to_arrow(), folder / "input"

    def read(reader: Callable[[Path], object]) -> Callable[[bytes], object]:
        def run(data: bytes) -> object:
            file.write_bytes(data)
            return reader(file)

        return run

    def record(data: bytes) -> object:
        return TokenCounts.from_arrow(table.replace_schema_metadata({b"prunus": data})).summary()

    return {
        "header": (read(read_header), (folder / "model" / "model.safetensors").read_bytes()),
        "counts": (read(lambda path: TokenCounts.load(path).summary()), (folder / "counts.parquet").read_bytes()),
        "record": (record, table.schema.metadata[b"prunus"]),
        "plan": (read(lambda path: str(PrunePlan.load(path))), (folder / "plan.json").read_bytes()),
        "tokenizer": (
            lambda data: TokenizerDocument.parse(data).tokens,
            (folder / "model/tokenizer.json").read_bytes(),
        ),
    }


def words(seed: bytes) -> list[str]:
    """The names in a file, for libFuzzer to put together."""
    return sorted({json.dumps(part) for part in seed.decode(errors="ignore").split('"') if part.isidentifier()})


def main() -> None:
    """Fuzzes one target until an option of libFuzzer ends it."""
    name, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with atheris.instrument_imports(include=["prunus"]):  # most modules are imported on first use
            act, seed = targets(folder)[name]
        (folder / "corpus").mkdir()
        (folder / "corpus" / "seed").write_bytes(seed)
        (folder / "words").write_text("\n".join(words(seed)))

        def once(data: bytes) -> None:
            with contextlib.suppress(PrunusError):
                act(data)

        arguments = [sys.argv[0], str(folder / "corpus"), f"-dict={folder / 'words'}", f"-max_len={LARGEST}", *options]
        atheris.Setup(arguments, once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
