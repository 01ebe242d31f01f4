"""What transformers makes of a model directory. Runs in this process, or as a script in one of its own.

As a script it blocks torch before transformers is imported (the tokenizers need none of it, and it costs seconds and
hundreds of megabytes), and replaces `sys.path` by its parent's before anything but the standard library is imported.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

ATTRIBUTES = ("padding_side", "truncation_side", "model_max_length", "chat_template", "do_lower_case")
NAMED_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
BLOCKED = ("torch", "tensorflow", "jax", "flax")


def load(directory: str) -> Any:
    """The tokenizer that `AutoTokenizer` makes of the directory, without network and without code from there."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def backend_json(tokenizer: Any) -> str | None:
    """The pipeline of a fast tokenizer, truncation and padding off from now on; None where the class is a slow one.

    Not parsed again: the library's JSON reader moves the last digit of a Unigram score.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        return None
    backend.no_truncation()
    backend.no_padding()
    return str(backend.to_str())


def encoded(tokenizer: Any, texts: list[str], *, special_tokens: bool = True) -> list[list[int]]:
    """Ids of each text, as a user of the tokenizer gets them."""
    return [list(tokenizer(text, add_special_tokens=special_tokens)["input_ids"]) for text in texts]


def described(tokenizer: Any) -> dict[str, Any]:
    """Attributes and named special tokens that pruning must not change."""
    tokens = {name: _text(getattr(tokenizer, name, None)) for name in NAMED_TOKENS}
    extra = getattr(tokenizer, "extra_special_tokens", None) or getattr(tokenizer, "additional_special_tokens", None)
    named = sorted(map(str, extra.values() if isinstance(extra, dict) else extra or ()))
    return (
        {name: _plain(getattr(tokenizer, name, None)) for name in ATTRIBUTES} | tokens | {"extra_special_tokens": named}
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carries out one request: `directory`, `texts`, `pipeline`, `compare`, `describe`.

    Returns `{"error": [type, message]}` if the directory does not load; else the class, the version of transformers,
    the ids of `texts` and what they decode to; and on demand the pipeline, its comparison with `tokenizer.json`, the
    vocabulary and attributes.
    """
    try:
        import transformers

        transformers.logging.set_verbosity_error()
        tokenizer = load(request["directory"])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a foreign class raises is the answer
        return {"error": [type(error).__name__, str(error)]}
    return told(tokenizer, request, transformers.__version__)


def told(tokenizer: Any, request: dict[str, Any], version: str) -> dict[str, Any]:
    """What a tokenizer of transformers that is loaded says to a request."""
    found: dict[str, Any] = {"class_name": type(tokenizer).__name__, "transformers": version}
    found["ids"] = encoded(tokenizer, request["texts"])
    found["decoded"] = [tokenizer.decode(ids) for ids in found["ids"]]
    if request["pipeline"]:
        found["json"] = backend_json(tokenizer)
    if request["describe"]:
        found["described"] = described(tokenizer)
        found["vocabulary"] = {str(token): int(i) for token, i in tokenizer.get_vocab().items()}
    if request["compare"]:
        from prunus.tokenizer.compare import compare_with_file

        found["comparison"] = compare_with_file(request["directory"], tokenizer)
    return found


def main() -> None:
    """Answers the request on standard input; the answer alone goes to the real standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for name in BLOCKED:
        sys.modules[name] = None  # type: ignore[assignment]
    json.dump([answer(request) for request in json.loads(sys.stdin.buffer.read())], out)
    out.close()


if __name__ == "__main__":
    sys.path[:] = sys.argv[1].split(os.pathsep)
    main()
