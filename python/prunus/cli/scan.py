"""`prunus scan`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.cli.inputs import check_counts_out, say, scan_corpus, scanned, show
from prunus.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from prunus.counts import TokenCounts


def run(parsed: argparse.Namespace) -> int:
    """Counts a corpus, writes the counts if asked, and sums up."""
    if len(parsed.tokenizer) > 1:
        return _many(parsed)
    if parsed.out:
        check_counts_out(parsed.out)
    counts = _counted(parsed)
    if parsed.out:
        counts.save(parsed.out)
    if parsed.json:
        show({"out": parsed.out, "ids": len(counts.ids), "info": asdict(counts.info)})
    say(parsed, counts.summary())
    if not parsed.out and not parsed.json:
        say(parsed, "the counts were not saved; give -o FILE to keep them")
    return 0


def _counted(parsed: argparse.Namespace) -> TokenCounts:
    if parsed.engine == "local":
        if parsed.address:
            raise UsageError("--address names a cluster, but nothing asks for one", hint="Add --engine ray.")
        return scanned(parsed, parsed.corpus, parsed.tokenizer[0], **_options(parsed))
    if parsed.shard:
        raise UsageError("--shard shares work between machines, as --engine does", hint="Leave one of them out.")
    from prunus.engine import ray
    from prunus.progress import ProgressLine

    with ProgressLine(quiet=parsed.quiet) as progress:
        return ray.scan(
            scan_corpus(parsed, parsed.corpus),
            parsed.tokenizer[0],
            pair=bool(parsed.pair),
            address=parsed.address,
            threads=parsed.threads or 1,
            unit_bytes=parsed.unit_size,
            resume=parsed.resume,
            progress=progress,
            tokenizer_from=parsed.tokenizer_from,
            invalid_utf8=parsed.invalid_utf8,
            memory=parsed.memory,
            **_options(parsed),
        )


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    return {
        "add_special_tokens": not parsed.no_special_tokens,
        "truncate": parsed.truncate,
        "truncate_side": parsed.truncate_side,
        "truncate_strategy": parsed.truncate_strategy,
        "path": parsed.path,
        "sample": parsed.sample,
    }


def _many(parsed: argparse.Namespace) -> int:
    """Counts with several tokenizers in one pass; the results appear together in a new directory."""
    from prunus.checkpoint.staging import Staging
    from prunus.many import names_of, scan_many
    from prunus.progress import ProgressLine

    if not parsed.out:
        raise UsageError("several tokenizers give several results", hint="Name a directory for them with -o.")
    if parsed.resume or parsed.shard or parsed.engine != "local":
        raise UsageError("--resume, --shard and --engine take one tokenizer", hint="Scan in units once for each.")
    with Staging(parsed.out, parsed.tokenizer[0]) as staging:
        with ProgressLine(quiet=parsed.quiet) as progress:
            results = scan_many(
                scan_corpus(parsed, parsed.corpus),
                tokenizers=parsed.tokenizer,
                pair=bool(parsed.pair),
                threads=parsed.threads,
                tokenizer_from=parsed.tokenizer_from,
                invalid_utf8=parsed.invalid_utf8,
                memory=parsed.memory,
                progress=progress,
                **_options(parsed),
            )
        files = [f"{name}.parquet" for name in names_of(parsed.tokenizer, results)]
        for file, counts in zip(files, results, strict=True):
            counts.save(staging.path / file)
        staging.publish()
    _report(parsed, files, results)
    return 0


def _report(parsed: argparse.Namespace, files: list[str], results: tuple[TokenCounts, ...]) -> None:
    written = [str(Path(parsed.out) / file) for file in files]
    if parsed.json:
        pairs = zip(written, results, strict=True)
        show([{"out": out, "ids": len(counts.ids), "info": asdict(counts.info)} for out, counts in pairs])
    for out, counts in zip(written, results, strict=True):
        say(parsed, f"{out}\n{counts.summary()}")
