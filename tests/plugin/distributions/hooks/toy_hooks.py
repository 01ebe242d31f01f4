"""A plugin that protects an id of BERT models and checks their output."""

import os

from prunus import Check, ProtectedId, hookimpl


@hookimpl
def prunus_protected_ids(context):
    if context.config["model_type"] != "bert" or "TOY_PROTECT" not in os.environ:
        return []
    return [ProtectedId(int(os.environ["TOY_PROTECT"]), "the toy wants it")]


@hookimpl
def prunus_verify(context):
    status = os.environ.get("TOY_VERIFY", "passed")
    if status == "raise":
        raise ValueError("the toy broke")
    rows = len(context.remap)
    findings = ("the toy is unhappy",) if status == "failed" else ()
    return [Check("toy.rows", status, rows, f"looked at {rows} rows of {context.pruned_dir.name}", findings)]
