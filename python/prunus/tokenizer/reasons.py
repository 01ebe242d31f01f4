"""Why a token stays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why a token stays.

    Attributes:
        why: `special`, `added`, `post-processor`, `decoder`, `unk`, `padding`, `alphabet`, `character`, `lowest-score`,
            `control`, `merge`, `duplicate`, `unknown word`, or what the selection and the model add.
        because_of: The kept id that needs it, if one does.
    """

    why: str
    because_of: int | None = None
