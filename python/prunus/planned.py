"""The plan as a value: what will stay and why, which tensors become smaller, which ids change where."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunus.checkpoint.config import ConfigEdit
from prunus.checkpoint.inventory import FileAction
from prunus.errors import UsageError
from prunus.fieldtypes import checked
from prunus.kept import KeptTokens
from prunus.version import __version__
from prunus.wholefile import write_whole

if TYPE_CHECKING:
    from prunus.heldout import HeldOutEstimate
    from prunus.remap import IdRemap


@dataclass(frozen=True)
class PlannedTensor:
    """One tensor that becomes smaller.

    Attributes:
        name: Name in the checkpoint.
        file: The safetensors file that holds it.
        axis: The axis that is indexed by token id.
        role: `input`, `output`, `output-bias` or `auxiliary`.
        dtype: As the file says, for example `BF16`.
        shape: Shape before.
        new_shape: Shape after.
    """

    name: str
    file: str
    axis: int
    role: str
    dtype: str
    shape: tuple[int, ...]
    new_shape: tuple[int, ...]


@dataclass(frozen=True)
class PrunePlan:
    """Everything that `prune` will do to one model directory. Made by `plan`; printable, saveable, loadable.

    Attributes:
        model_dir: The source directory, absolute.
        model_type: `model_type` of its config.
        family: The family that described its tensors.
        fingerprint: Fingerprint of its tokenizer.
        policy: How tokens were selected.
        exact: Whether every counted token is kept, so that the counted corpus keeps its segmentation.
        kept: The kept tokens and why.
        tensors: The tensors that become smaller.
        ties: What the tensor names say about heads and their twins.
        edits: Every value that changes in the configs.
        files: What happens to every file of the directory.
        tokens_before: Tokens of the tokenizer before, added ones included.
        rows_before: Rows of the vocabulary tensors before; may be more than tokens.
        rows_after: Rows after, zero rows of `pad_to_multiple_of` included.
        parameters: Parameters before and after.
        tensor_bytes: Bytes of all tensors before and after.
        share_of_counted: Share of all counted occurrences whose token is kept; None where nothing was counted.
        tokenizer_from: Which pipeline was taken, `file` or `transformers`.
        unseen: What becomes of text that was not counted: spelled in `bytes`, in `characters`, or `unk`.
        held_out: What pruning does to text that was held out, if any was.
        note: What a person should know about the tokenizer beside transformers; mostly empty.
        unclear: Fields of configs that look like token ids, are none that Prunus knows, and stay as they are.
        version: Version of Prunus.
    """

    model_dir: str
    model_type: str
    family: str
    fingerprint: str
    policy: str
    exact: bool
    kept: KeptTokens
    tensors: tuple[PlannedTensor, ...]
    ties: tuple[str, ...]
    edits: tuple[ConfigEdit, ...]
    files: tuple[FileAction, ...]
    tokens_before: int
    rows_before: int
    rows_after: int
    parameters: tuple[int, int]
    tensor_bytes: tuple[int, int]
    share_of_counted: float | None
    tokenizer_from: str
    unseen: str = ""
    held_out: HeldOutEstimate | None = None
    note: str = ""
    unclear: tuple[str, ...] = ()
    version: str = __version__

    @property
    def remap(self) -> IdRemap:
        """The renumbering of the kept ids."""
        return self.kept.remap

    @property
    def tokens_after(self) -> int:
        """Tokens of the tokenizer after."""
        return len(self.kept)

    def __str__(self) -> str:
        from prunus.reporting import plan_text

        return plan_text(self)

    def to_dict(self, *, tokens: bool = True) -> dict[str, Any]:
        """Plain values for JSON; without the list of kept tokens if `tokens` is false."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kept"}
        for name in ("tensors", "edits", "files"):
            values[name] = [asdict(item) for item in values[name]]
        values["held_out"] = None if self.held_out is None else self.held_out.to_dict()
        values["kept"] = self.kept.to_dict() if tokens else {"tokens": len(self.kept), "why": dict(self.kept.reasons())}
        return values

    def save(self, path: str | Path) -> None:
        """Writes the plan as JSON, whole or not at all.

        Raises:
            OutputError: The file cannot be written; whatever was there before is untouched.
        """
        write_whole(path, json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> PrunePlan:
        """Reads what `save` wrote.

        Raises:
            UsageError: The file is no saved plan.
        """
        try:
            return cls._of(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "Name a file that `prunus plan -o` wrote."
            raise UsageError(f"{path}: cannot be read as a plan: {error}", hint=hint) from error

    @classmethod
    def _of(cls, values: dict[str, Any]) -> PrunePlan:
        tensors = (t | {"shape": tuple(t["shape"]), "new_shape": tuple(t["new_shape"])} for t in values["tensors"])
        read = {
            "kept": KeptTokens.from_dict(values["kept"]),
            "tensors": tuple(PlannedTensor(**checked(PlannedTensor, t)) for t in tensors),
            "edits": tuple(ConfigEdit(**checked(ConfigEdit, e)) for e in values["edits"]),
            "files": tuple(FileAction(**checked(FileAction, f)) for f in values["files"]),
            "ties": tuple(values["ties"]),
            "unclear": tuple(values.get("unclear", ())),
            "parameters": tuple(values["parameters"]),
            "tensor_bytes": tuple(values["tensor_bytes"]),
        }
        from prunus.heldout import HeldOutEstimate
        from prunus.reporting import UNSEEN

        held_out = values.get("held_out")
        if held_out is not None:
            read["held_out"] = HeldOutEstimate.from_dict(held_out)
        if values.get("unseen", "") not in {"", *UNSEEN}:
            raise ValueError(f"unseen is {values['unseen']!r}")
        return cls(**checked(cls, values | read))
