"""The hooks that a plugin can implement. Each has the prefix `prunus_` and returns frozen records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunus.plugin.family import Check, ModelFamily, ProtectContext, ProtectedId, VerifyContext

PROJECT = "prunus"
ENTRY_POINT_GROUP = "prunus"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def prunus_families() -> Iterable[ModelFamily]:  # type: ignore[empty-body]
    """The model families that the plugin serves.

    Called once, when plugins are loaded: import neither torch nor transformers here.

    Example:
        >>> from prunus import ModelFamily, Role, VocabTensor, hookimpl
        >>> @hookimpl
        ... def prunus_families():
        ...     embedding = VocabTensor("*embed.weight", 0, Role.INPUT)
        ...     return [ModelFamily(name="toy", model_types=frozenset({"toy"}), tensors=(embedding,))]
    """


@hookspec
def prunus_protected_ids(context: ProtectContext) -> Iterable[ProtectedId]:  # type: ignore[empty-body]
    """Token ids that must stay for the model at hand, beyond those that the tokenizer and the configs name.

    Example:
        >>> from prunus import ProtectedId, hookimpl
        >>> @hookimpl
        ... def prunus_protected_ids(context):
        ...     return [ProtectedId(0, "the model adds it by itself")] if context.config["model_type"] == "toy" else []
    """


@hookspec
def prunus_verify(context: VerifyContext) -> Iterable[Check]:  # type: ignore[empty-body]
    """Further checks on the pruned directory, run before it is published; a failed one fails the command.

    Example:
        >>> from prunus import Check, hookimpl
        >>> @hookimpl
        ... def prunus_verify(context):
        ...     return [Check("toy.files", "passed", 1, "looked for toy.json")]
    """
