"""The command line's grammar."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from prunus.cli.arguments import Parser, options
from prunus.cli.output import emit
from prunus.cli.values import shard, size, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

DESCRIPTION = """Exact vocabulary pruning for pre-trained language models.

  prunus scan corpus.parquet --tokenizer MODEL -o counts.parquet
  prunus plan MODEL --counts counts.parquet
  prunus prune MODEL --counts counts.parquet -o SMALL
  prunus verify MODEL SMALL --corpus corpus.parquet"""
EPILOGUE = "exit codes: 0 done, 1 an error, 2 wrong usage, 3 a check failed, 130 interrupted"


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `parsed.run(parsed)` runs the chosen one."""
    parser = Parser(
        prog="prunus", description=DESCRIPTION, epilog=EPILOGUE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument("--config", metavar="FILE", help="options by command, instead of ./prunus.toml")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _scan(commands.add_parser("scan", help="count every token id of a corpus, exactly"))
    _merge(commands.add_parser("merge", help="add counts of the same tokenizer"))
    _plan(commands.add_parser("plan", help="show what pruning would do; a dry run"))
    _prune(commands.add_parser("prune", help="write a smaller model, verified"))
    _prune_head(commands.add_parser("prune-head", help="prune the output head alone: changes what the model is"))
    _prune_input(commands.add_parser("prune-input", help="prune an encoder's input alone: changes what the model is"))
    _verify(commands.add_parser("verify", help="prove a pruned directory against its source"))
    _compare(commands.add_parser("compare", help="audit a pruned directory that any tool made"))
    _forecast(commands.add_parser("forecast", help="show what fine-tuning on fewer rows would save"))
    _restore(commands.add_parser("restore", help="bring a pruned, perhaps fine-tuned model back to full size"))
    _pack(commands.add_parser("pack", help="write a pruned model as a delta to its base"), "SMALL")
    _pack(commands.add_parser("unpack", help="put a packed model together again, byte for byte"), "DELTA")
    _convert(commands.add_parser("convert", help="rewrite pytorch_model.bin as safetensors; needs torch"))
    _report(commands.add_parser("report", help="show counts and pruned models as tables and plots"))
    _plugins(commands.add_parser("plugins", help="list the installed model families"))
    _completion(commands.add_parser("completion", help="write what a shell needs to complete prunus"))
    _new_family(commands.add_parser("new-family", help="write a working plugin package to start a family from"))
    _explain_tokenizer(commands.add_parser("explain-tokenizer", help="say which path a scan takes, and why"))
    return parser


def _run(verb: str) -> Callable[[argparse.Namespace], int]:
    """A function that imports the verb's module only when it is called."""

    def run(parsed: argparse.Namespace) -> int:
        code: int = import_module(f"prunus.cli.{verb}").run(parsed)
        return code

    return run


class _Version(argparse.Action):
    """Prints the version; looked up only when asked, since it reads the installed metadata."""

    def __init__(self, option_strings: list[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and the oracle's")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from prunus._engine import build_info
        from prunus.version import __version__

        emit(f"prunus {__version__} ({', '.join(f'{k} {v}' for k, v in build_info().items())})\n")
        parser.exit()


def _scan(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("scan"))
    parser.add_argument("corpus", nargs="+", metavar="CORPUS", help="files, directories, globs; - is standard input")
    parser.add_argument("--tokenizer", action="append", required=True, metavar="T",
        help="a tokenizer.json or a directory with one; with several, one pass and -o DIR")  # fmt: skip
    parser.add_argument("-o", "--out", metavar="FILE|DIR", help="where to write the counts (Parquet)")
    _corpus_options(parser)
    parser.add_argument("--pair", nargs=2, metavar=("A", "B"), help="encode two columns as pairs")
    parser.add_argument("--no-special-tokens", action="store_true", help="leave out what the post-processor adds")
    _truncation(parser)
    parser.add_argument("--sample", type=float, metavar="F", help="count only this share of rows, as 0.01; labelled")
    parser.add_argument("--path", choices=["auto", "native", "generic", "row"], default="auto", help=argparse.SUPPRESS)
    _tokenizer_from(parser)
    _units(parser)
    _common(parser)


def _truncation(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("truncation (default: none)")
    group.add_argument("--truncate", type=tokens, metavar="N", help="most tokens a row; `configured` as its file says")
    group.add_argument("--truncate-side", choices=["right", "left"], help="which side is cut off (default: right)")
    strategies = ["longest_first", "only_first", "only_second"]
    group.add_argument("--truncate-strategy", choices=strategies, help="of a pair (default: longest_first)")


def _units(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("in units, to be taken up again or shared by machines")
    group.add_argument("--resume", metavar="DIR", help="keep the result of each unit in DIR; go on where it stopped")
    group.add_argument("--shard", type=shard, metavar="I/N", help="only the I-th of N shares, from 1; merge them after")
    group.add_argument("--unit-size", type=size, metavar="SIZE", help="text a unit, about (default: 128MB)")
    group.add_argument("--engine", choices=["local", "ray"], default="local", help="who scans (default: this process)")
    group.add_argument("--address", metavar="A", help="cluster of --engine ray, as ray.init takes it; auto finds one")


def _merge(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("merge"))
    parser.add_argument(
        "counts",
        nargs="+",
        metavar="FILE|DIR",
        help="files that `prunus scan` wrote, or a directory that `prunus scan --resume` did",
    )
    parser.add_argument("--partial", action="store_true", help="accept that parts of a sharded scan are missing")
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="where to write the sum")
    _common(parser)


def _plan(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("plan"))
    parser.add_argument("model", metavar="MODEL", help="a Hugging Face model directory")
    parser.add_argument("-o", "--out", metavar="FILE", help="write the plan as JSON; prune takes it with --plan")
    _selection(parser)
    _held_out(parser)
    _surgery(parser)
    _corpus_options(parser)
    _common(parser)


def _prune(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("prune"))
    parser.add_argument("model", metavar="MODEL", help="a Hugging Face model directory; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the directory to write; must not exist")
    parser.add_argument("-n", "--dry-run", action="store_true", help="show the plan; write nothing")
    parser.add_argument("--plan", metavar="FILE", help="carry out a plan that `prunus plan -o` wrote")
    _selection(parser)
    _held_out(parser)
    _surgery(parser)
    _corpus_options(parser)
    parser.add_argument("--no-forward", action="store_true", help="do not compare forward passes in verification")
    _common(parser)


def _prune_head(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.prune_head import grammar

    parser.set_defaults(run=_run("prune_head"))
    grammar(parser)
    _selection(parser)
    _tokenizer_from(parser)
    _corpus_options(parser)
    _common(parser)


def _prune_input(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.prune_input import grammar

    parser.set_defaults(run=_run("prune_input"))
    grammar(parser)
    _selection(parser)
    _surgery(parser)
    _corpus_options(parser)
    _common(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("verify"))
    parser.add_argument("model", metavar="MODEL", help="the unpruned directory")
    parser.add_argument("out", metavar="OUT", help="the pruned directory")
    parser.add_argument("--corpus", nargs="+", metavar="PATH", help="texts that must give the same tokens")
    _corpus_options(parser)
    parser.add_argument("--no-forward", action="store_true", help="do not compare forward passes")
    _tokenizer_from(parser)
    _common(parser)


def _compare(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.compare import grammar

    parser.set_defaults(run=_run("compare"))
    grammar(parser)
    _corpus_options(parser)
    _tokenizer_from(parser)
    _common(parser)


def _forecast(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("forecast"))
    parser.add_argument("model", metavar="MODEL", help="a Hugging Face model directory; only its headers are read")
    _selection(parser)
    _corpus_options(parser)
    parser.add_argument("--optimizer", choices=["sgd", "sgd-momentum", "adamw"], default="adamw")
    parser.add_argument("--precision", choices=["fp32", "mixed", "bf16"], default="fp32")
    parser.add_argument("--lora-rank", type=int, default=8, metavar="R", help="of the adapters to compare with")
    _tokenizer_from(parser)
    _common(parser)


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("restore"))
    parser.add_argument("pruned", metavar="PRUNED", help="a directory that `prunus prune` wrote, tuned or not")
    parser.add_argument("--base", required=True, metavar="MODEL", help="the unpruned directory; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="FULL", help="the directory to write; must not exist")
    parser.add_argument("--record", metavar="DIR", help="the `prunus` folder of the pruning, if PRUNED has none")
    _common(parser)


def _pack(parser: argparse.ArgumentParser, what: str) -> None:
    from prunus.cli.pack import grammar

    parser.set_defaults(run=_run("pack"))
    grammar(parser, what)
    _common(parser)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("convert"))
    parser.add_argument("model", metavar="MODEL", help="a directory with pytorch_model.bin; only ever read")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="the directory to write; must not exist")
    parser.add_argument("--drop-file", action="append", default=[], metavar="NAME", help="leave this file out")
    _common(parser)


def _report(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.report import grammar

    parser.set_defaults(run=_run("report"))
    grammar(parser)
    _common(parser)


def _plugins(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run("plugins"))
    parser.add_argument(
        "--trace", action="store_true", help="say what is imported, how long it takes, what hooks return"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable result on standard output")


def _new_family(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.new_family import grammar

    parser.set_defaults(run=_run("new_family"))
    grammar(parser)
    _common(parser)


def _completion(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.completion import grammar

    parser.set_defaults(run=_run("completion"))
    grammar(parser)


def _explain_tokenizer(parser: argparse.ArgumentParser) -> None:
    from prunus.cli.explain_tokenizer import grammar

    parser.set_defaults(run=_run("explain_tokenizer"))
    grammar(parser)


def _corpus_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("corpus")
    group.add_argument("--column", action="append", metavar="C", help="text column, dotted if nested; may be repeated")
    group.add_argument("--format", choices=["parquet", "arrow", "jsonl", "text"], help="instead of its extension")
    group.add_argument("--text-rows", choices=["line", "file"], default="line", help="what is a row of plain text")
    group.add_argument("--invalid-utf8", choices=["error", "replace", "skip"], default="error")
    group.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    group.add_argument("--memory", type=size, metavar="SIZE", help="bound of the scanner's tables, as 500MB or 2GB")


def _selection(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("what was seen")
    source.add_argument("--counts", nargs="+", metavar="FILE", help="files that `prunus scan` wrote; several are added")
    source.add_argument(
        "--corpus",
        nargs="+",
        metavar="PATH",
        help="scan this first, where no counts are given; prune also verifies on it",
    )
    source.add_argument("--allow-sample", action="store_true", help="accept counts of a sample; rare tokens may go")
    limits = parser.add_argument_group("limits on what was seen; each narrows further")
    limits.add_argument("--min-count", type=int, default=1, metavar="N")
    limits.add_argument("--coverage", type=float, metavar="P", help="smallest set with this share, as 0.999")
    limits.add_argument("--top-k", type=int, metavar="K")
    limits.add_argument("--weights", nargs="+", type=float, default=[], metavar="W", help="one for each --counts file")
    rules = parser.add_argument_group("rules")
    rules.add_argument("--size", type=int, metavar="N", help="keep exactly N tokens, everything included")
    rules.add_argument("--script", metavar="S,S", help="keep all tokens of these scripts or languages: Latin,ja")
    rules.add_argument("--only-script", metavar="S,S", help="of what was seen, keep these scripts or languages only")
    rules.add_argument("--script-quota", action="append", default=[], metavar="S=N", help="keep N of a script at least")
    rules.add_argument("--unseen", choices=["bytes", "characters", "unk"], help="fallback (default: the safest)")
    rules.add_argument("--drop-unused-added", action="store_true", help="drop added tokens that nothing uses or names")
    named = parser.add_argument_group("tokens by name, whatever their count")
    for verb in ("keep", "drop"):
        named.add_argument(f"--{verb}-tokens", metavar="FILE", help=f"{verb} these tokens: a file, one token a line")
        named.add_argument(f"--{verb}-ids", metavar="FILE|IDS", help=f"{verb} these ids: a file, or 1,2,3")
        named.add_argument(f"--{verb}-regex", action="append", default=[], metavar="RE", help=f"{verb} matching tokens")
        named.add_argument(f"--{verb}-text", metavar="FILE", help=f"{verb} all tokens of these texts, one a line")


def _held_out(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what becomes of text that was not counted")
    group.add_argument("--holdout", nargs="+", metavar="PATH", help="say what pruning does to this other text")
    group.add_argument("--holdout-every", type=int, metavar="K", help="hold out every K-th row of --corpus for that")


def decided_by_a_plan() -> dict[str, argparse.Action]:
    """The options of `prune` that a plan from a file has decided already, by their spelling."""
    parser = Parser(add_help=False)
    _selection(parser)
    _held_out(parser)
    _surgery(parser)
    return {option: action for option, action in options(parser).items() if action.dest != "corpus"}


def _surgery(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument("--pad-to-multiple-of", type=int, default=1, metavar="M", help="add zero rows up to a multiple")
    group.add_argument("--drop-file", action="append", default=[], metavar="NAME", help="leave out a file")
    _tokenizer_from(parser)


def _tokenizer_from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokenizer-from", choices=["file", "transformers"], help="which one, where the two differ")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable result on standard output")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("-v", "--verbose", action="store_true", help="with an error, where it was raised")
