"""From whatever names a tokenizer to the one `tokenizer.json` that is counted and rewritten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prunus._engine import has_model
from prunus.checkpoint.jsontext import read_bytes
from prunus.errors import FETCH, TokenizerError, TokenizerMismatchError, UsageError

if TYPE_CHECKING:
    from prunus.tokenizer.auto import AutoAnswer
    from prunus.tokenizer.compare import Comparison

LARGEST_FILE = 2**30
Origin = Literal["file", "transformers", "live"]
SLOW_FILES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "spm.model",
)
SPLIT = "split_special_tokens"
CHOOSE = (
    "Choose with --tokenizer-from (tokenizer_from=): 'file' is what tokenizer.json says, 'transformers' what "
    "AutoTokenizer runs with the installed version."
)
CONVERT = (
    "Convert it once: AutoTokenizer.from_pretrained(directory).save_pretrained(new_directory) writes a tokenizer.json."
)


@dataclass(frozen=True)
class ResolvedTokenizer:
    """The one tokenizer that a source stands for.

    Attributes:
        json: Content of a `tokenizer.json`.
        directory: The directory it was found in, if a directory was named.
        origin: `file`, `transformers` (the pipeline that AutoTokenizer runs) or `live` (an object).
        note: What a person should know about the comparison with transformers; empty if there is nothing to say.
    """

    json: bytes
    directory: Path | None
    origin: Origin
    note: str = ""


def resolve_tokenizer(source: object, tokenizer_from: str | None = None) -> ResolvedTokenizer:
    """Finds the tokenizer; of a directory, checks that its file and `AutoTokenizer` are one pipeline.

    Args:
        source: Path of a `tokenizer.json`, a directory that holds one, a live `tokenizers.Tokenizer`, a fast tokenizer
            of transformers, or what this function gave before.
        tokenizer_from: `file` or `transformers` where a directory yields two different pipelines; None compares them.

    Raises:
        TokenizerError: The file is absent or broken, there is only a slow tokenizer, or a live one has parts written
            in Python, two tokens of one id, or settings that change ids and that no file can say.
        TokenizerMismatchError: The file and AutoTokenizer are different pipelines, and no choice was made; or
            `split_special_tokens` is set, which no file can say.
        UsageError: `tokenizer_from` is no known choice, or asks transformers about something that is no directory.

    Example:
        >>> resolve_tokenizer("bert-base-uncased").origin  # doctest: +SKIP
        'file'
    """
    if tokenizer_from not in {None, "file", "transformers"}:
        raise UsageError(f"tokenizer_from must be 'file' or 'transformers', not {tokenizer_from!r}")
    if isinstance(source, ResolvedTokenizer):
        return source
    if not isinstance(source, (str, Path)):
        return _live(source, tokenizer_from)
    path = Path(source)
    if path.is_dir():
        return _directory(path, tokenizer_from)
    if not path.exists():
        raise TokenizerError(f"{path}: no such file or directory", hint=FETCH, file=str(path))
    if tokenizer_from == "transformers":
        raise UsageError(
            f"{path} is no directory, so transformers has no pipeline for it", hint="Name the model directory."
        )
    return ResolvedTokenizer(_read(path), None, "file")


def _live(source: Any, tokenizer_from: str | None) -> ResolvedTokenizer:
    name = type(source).__name__
    if tokenizer_from is not None:
        raise UsageError(f"tokenizer_from chooses between the pipelines of a directory; a live {name} is only one")
    backend: Any = source if hasattr(source, "to_str") else getattr(source, "backend_tokenizer", None)
    if not hasattr(backend, "to_str"):
        if hasattr(source, "convert_ids_to_tokens"):
            raise TokenizerError(f"{name} is a slow tokenizer: it has no pipeline of `tokenizers`", hint=CONVERT)
        hint = "Give a path, a directory, a tokenizers.Tokenizer or a fast tokenizer of transformers."
        raise TokenizerError(f"{name} is no tokenizer", hint=hint)
    _refuse_shared_ids(backend, name)
    _refuse_unwritten(source, backend, name)
    try:
        return ResolvedTokenizer(str(backend.to_str()).encode(), None, "live")
    except Exception as error:  # the wheel raises plain Exception
        hint = "Parts written in Python cannot be counted in Rust; use the built-in normalizers and pre-tokenizers."
        raise TokenizerError(f"the live {name} cannot be serialised: {error}", hint=hint) from error


def _refuse_shared_ids(backend: Any, name: str) -> None:
    """Serialising writes one token an id: of two tokens with one id it would lose one, and its text be miscounted."""
    tokens: dict[int, str] = {}
    for token, identifier in sorted(backend.get_vocab(with_added_tokens=False).items()):
        other = tokens.setdefault(identifier, token)
        if other != token:
            raise TokenizerError(
                f"the live {name} cannot be serialised: its tokens {other!r} and {token!r} share the id {identifier}",
                hint="Give each token of the model an id of its own.",
                id=identifier,
            )


def _refuse_unwritten(source: Any, backend: Any, name: str) -> None:
    """What changes ids but stands in no `tokenizer.json`: the counts would be those of another tokenizer."""
    if any(getattr(source, flag, False) for flag in ("encode_special_tokens", SPLIT)):
        raise TokenizerError(
            f"the live {name} is set to take special tokens in a text apart, which no tokenizer.json can say",
            hint=f"Set encode_special_tokens ({SPLIT} in transformers) to False.",
        )
    if getattr(backend.model, "alpha", None):
        raise TokenizerError(
            f"the live {name} draws lots (the alpha of its Unigram model), which no tokenizer.json can say",
            hint="Set model.alpha to None.",
        )


def _read(path: Path) -> bytes:
    """The bytes of a tokenizer.json that is JSON and has a model; all else is judged by the library."""
    data = read_bytes(path, TokenizerError, LARGEST_FILE)
    try:
        found = has_model(data)
    except ValueError as error:
        raise TokenizerError(f"{path}: is no JSON: {error}", hint="Is it complete?", file=str(path)) from error
    if not found:
        hint = "Name the tokenizer.json of a fast tokenizer, or the directory that holds it."
        raise TokenizerError(f"{path}: is no tokenizer.json: it has no model", hint=hint, file=str(path))
    return data


def _directory(directory: Path, tokenizer_from: str | None) -> ResolvedTokenizer:
    file = directory / "tokenizer.json"
    if not file.is_file():
        slow = [name for name in SLOW_FILES if (directory / name).is_file()]
        if slow:
            raise TokenizerError(f"{directory}: has only slow tokenizer files ({', '.join(slow)})", hint=CONVERT)
        raise TokenizerError(f"{directory}: has no tokenizer.json", hint="Name the directory of a model or tokenizer.")
    data = _read(file)
    if tokenizer_from == "file":
        return ResolvedTokenizer(data, directory, "file")
    from prunus.tokenizer.auto import transformers_installed

    if transformers_installed():
        return _beside_transformers(directory, data, tokenizer_from)
    if tokenizer_from == "transformers":
        hint = "Install it, or use --tokenizer-from file."
        raise TokenizerError(f"{directory}: asked for the tokenizer of transformers, which is not installed", hint=hint)
    return ResolvedTokenizer(data, directory, "file", "not compared with AutoTokenizer: transformers is not installed")


def _beside_transformers(directory: Path, data: bytes, tokenizer_from: str | None) -> ResolvedTokenizer:
    from prunus.tokenizer.auto import AutoInquiry, AutoQuestion
    from prunus.tokenizer.compare import read_pipeline

    _check_json(directory)
    if _config(directory).get(SPLIT):
        raise TokenizerMismatchError(
            f"{directory}: {SPLIT} in tokenizer_config.json lets AutoTokenizer take special tokens in a text apart, "
            "which no tokenizer.json can say",
            hint="Take it out of tokenizer_config.json, or count what the file says: --tokenizer-from file "
            "(tokenizer_from='file').",
            directory=str(directory),
        )
    if tokenizer_from == "transformers":
        (answer,) = AutoInquiry(AutoQuestion(str(directory), pipeline=True)).answers()
        return ResolvedTokenizer(_pipeline_of(answer, directory).encode(), directory, "transformers")
    (answer,) = AutoInquiry(AutoQuestion(str(directory), compare=True)).answers()
    if answer.comparison is None:
        read_pipeline(data, str(directory / "tokenizer.json"))
        return ResolvedTokenizer(data, directory, "file", _not_loaded(answer, directory))
    if answer.comparison.file_error:
        raise TokenizerError(answer.comparison.file_error, file=str(directory / "tokenizer.json"))
    if answer.comparison.differs or (answer.comparison.slow and answer.comparison.edge):
        raise _mismatch(directory, answer, answer.comparison)
    return ResolvedTokenizer(data, directory, "file", _note(answer, answer.comparison))


def _check_json(directory: Path) -> None:
    """A broken file would make AutoTokenizer fail, or leave it out silently."""
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        path = directory / name
        try:
            json.loads(path.read_bytes()) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise TokenizerError(f"{path}: cannot be read as JSON: {error}", file=str(path)) from error


def _config(directory: Path) -> dict[str, Any]:
    path = directory / "tokenizer_config.json"
    config = json.loads(path.read_bytes()) if path.is_file() else {}
    return config if isinstance(config, dict) else {}


def _pipeline_of(answer: AutoAnswer, directory: Path) -> str:
    if answer.error is not None:
        raise TokenizerError(f"{directory}: AutoTokenizer does not load it: {': '.join(answer.error)}"[:600])
    if answer.json is None:
        raise TokenizerError(f"{directory}: AutoTokenizer yields the slow {answer.class_name}", hint=CONVERT)
    return answer.json


def _not_loaded(answer: AutoAnswer, directory: Path) -> str:
    """A note, since there is no second pipeline; but code in the directory would be one, and is not run to find out."""
    said = ": ".join(answer.error or ()).strip()
    if _config(directory).get("auto_map"):
        raise TokenizerMismatchError(
            f"{directory}: its tokenizer is Python code in the directory (auto_map), which Prunus does not run; "
            "whether it agrees with tokenizer.json is not known",
            hint="If you load the file, or know that they agree: --tokenizer-from file (tokenizer_from='file').",
        )
    reason = said.splitlines()[0][:200] if said else "no reason given"
    return f"not compared: AutoTokenizer does not load {directory}: {reason}"


def _mismatch(directory: Path, answer: AutoAnswer, comparison: Comparison) -> TokenizerMismatchError:
    who = f"AutoTokenizer ({answer.class_name}, transformers {answer.transformers})"
    lines = [f"{directory}: tokenizer.json and {who} are different pipelines"]
    for name, mine, theirs in comparison.sections:
        lines += [f"  {name}", f"    file          {mine}", f"    transformers  {theirs}"]
    lines += [f"  token {entry}" for entry in comparison.vocabulary]
    probe = comparison.ordinary or comparison.edge
    if probe is not None:
        lines.append(f"  first text tokenised differently: {probe.text[:80]!r}")
        lines += [f"    file          {_around(probe.file, probe.other)}"]
        lines += [f"    transformers  {_around(probe.other, probe.file)}"]
    details = {"sections": [name for name, _, _ in comparison.sections], "text": probe.text if probe else None}
    return TokenizerMismatchError("\n".join(lines), hint=CHOOSE, directory=str(directory), **details)


def _around(tokens: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """The tokens from just before the first difference."""
    same = next(
        (i for i, (a, b) in enumerate(zip(tokens, others, strict=False)) if a != b), min(len(tokens), len(others))
    )
    return list(tokens[max(0, same - 2) : same + 8])


def _note(answer: AutoAnswer, comparison: Comparison) -> str:
    if not comparison.probes:
        return ""
    who = f"AutoTokenizer ({answer.class_name}, transformers {answer.transformers})"
    names = ", ".join(name for name, _, _ in comparison.sections)
    spelt = "is a slow tokenizer" if comparison.slow else f"spells {names} otherwise than tokenizer.json"
    edge = comparison.edge
    if edge is None:
        return f"{who} {spelt}; {comparison.probes} probe texts gave the same tokens"
    return (
        f"{who} {spelt}: ordinary text gives the same tokens, but {edge.text[:40]!r} does not (file "
        f"{_around(edge.file, edge.other)}, transformers {_around(edge.other, edge.file)}); tokenizer.json "
        "is followed, --tokenizer-from transformers follows AutoTokenizer"
    )
