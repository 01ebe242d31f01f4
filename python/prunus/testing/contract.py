"""The contract of a model family, as a pytest class that plugin authors subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from prunus.testing.checkpoints import TinyCheckpoint, build_checkpoint
from prunus.testing.comparison import Comparison, compare_models, one_thread
from prunus.testing.differential import task_classes
from prunus.testing.sweep import check_declared, counts_positions_from, default_ids
from prunus.testing.tokenizers import tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from prunus.plugin.family import ModelFamily

# Between them every option: tied or not, one file or several, two dtypes, rows beyond the tokenizer's ids.
_PLAIN = "tied"
_OTHERWISE = "untied-bf16-shards-padded"
_VARIANTS: dict[str, dict[str, Any]] = {
    _PLAIN: {},
    _OTHERWISE: {"tied": False, "dtype": "bfloat16", "shards": True, "padding_rows": 13},
}
_WITH_HEAD = ("HeadModel", "HeadsModel", "MaskedLM", "CausalLM", "ConditionalGeneration", "PreTraining", "Decoder")


class FamilyContract:
    """Checks a family against transformers: subclass it and name a model type, and pytest does the rest.

    For every model class of the type, the family's tensors are held against those whose shape depends on the vocabulary
    size; then tiny checkpoints are pruned on disk through the public API and compared with their source by reading and
    running both.

    Attributes:
        model_type: The model type to check.
        fields: Config fields over the derived tiny ones, where those do not fit.
        tokenizer: Kind of the tiny tokenizer: `wordpiece`, `byte-bpe` or `unigram`.
        classes: Names of the model classes; all of transformers if empty.
        pruned_classes: Those of them that are pruned and run; all of them if empty.

    Example:
        >>> from prunus.testing import FamilyContract
        >>> class TestGpt2(FamilyContract):
        ...     model_type = "gpt2"
        ...     tokenizer = "byte-bpe"
    """

    model_type: ClassVar[str] = ""
    fields: ClassVar[Mapping[str, Any]] = {}
    tokenizer: ClassVar[str] = "wordpiece"
    classes: ClassVar[tuple[str, ...]] = ()
    pruned_classes: ClassVar[tuple[str, ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each model class, or for each model class and variant."""
        if "class_name" not in metafunc.fixturenames:
            return
        classes = self.classes or task_classes(self.model_type)
        if "variant" in metafunc.fixturenames:
            pairs = [(name, variant) for name in self.pruned_classes or classes for variant in self.variants(name)]
            metafunc.parametrize(("class_name", "variant"), pairs)
        else:
            metafunc.parametrize("class_name", classes)

    def variants(self, class_name: str) -> tuple[str, ...]:
        """Names of the checkpoints that are built of a class: both for one with a head, one for the others."""
        return tuple(_VARIANTS) if class_name.endswith(_WITH_HEAD) else (_OTHERWISE,)

    def family(self) -> ModelFamily:
        """The installed family that claims the model type."""
        from prunus.plugin.manager import family_for

        return family_for(self.model_type)

    def test_tensors_are_declared(self, class_name: str) -> None:
        """The family names exactly the tensors that depend on the vocabulary, along the right axes."""
        wrong = check_declared(self.family(), self.model_type, class_name)
        assert not wrong, "\n".join(wrong)

    def test_default_ids_are_declared(self) -> None:
        """The family's defaults are those of the config class."""
        declared = {f.path: f.default for f in self.family().id_fields if f.default is not None}
        expected = default_ids(self.model_type)
        assert declared == expected, f"the config class says {expected}, the family {declared}"

    def test_position_rule_is_declared(self) -> None:
        """The pad id is pinned if positions are counted from it."""
        if counts_positions_from(self.model_type, fields=self.fields):
            assert "pad_token_id" in self.family().pinned_fields, "positions are counted from pad_token_id"

    def test_prune(self, class_name: str, variant: str, tmp_path: Path) -> None:
        """A pruned checkpoint computes what its source computes."""
        found = self.prune_and_compare(class_name, variant, tmp_path)
        assert found.looked > 0
        assert not found.wrong, "\n".join(found.wrong)

    def prune_and_compare(self, class_name: str, variant: str, folder: Path) -> Comparison:
        """Builds a tiny checkpoint, keeps every third token, prunes on disk, and compares."""
        # Where AutoTokenizer is imported already, Prunus asks it in this process, which is many times faster.
        from transformers import AutoTokenizer  # noqa: F401

        import prunus

        tokenizer = tiny_tokenizer(self.tokenizer)
        wanted = TinyCheckpoint(self.model_type, class_name, tokenizer, self.fields, **_VARIANTS[variant])
        source, out = folder / "model", folder / "out"
        with one_thread():
            build_checkpoint(wanted, source)
            keep = prunus.select(tokenizer=source, keep_ids=range(0, tokenizer.size, 3))
            report = prunus.prune(source, keep, out, forward=False)
            return compare_models(source, out, class_name, report.plan.remap)
