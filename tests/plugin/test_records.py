"""Whatever is malformed in a family is found when it is loaded, and named."""

from __future__ import annotations

import dataclasses

import pytest

from prunus import IdField, ModelFamily, Role, VocabTensor
from prunus.errors import PluginError
from prunus.plugin.records import check_family

EMBEDDING = VocabTensor("*embed.weight", 0, Role.INPUT)
TOY = ModelFamily(name="toy", model_types=frozenset({"toy"}), tensors=(EMBEDDING,))


def test_a_well_formed_family_passes_through():
    assert check_family(TOY) is TOY


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "`name` is empty"),
        ({"model_types": frozenset()}, "`model_types` is empty"),
        ({"model_types": {"toy"}}, "`model_types` is no frozenset"),
        ({"model_types": frozenset({""})}, "`model_types` is no frozenset of non-empty strings"),
        ({"tensors": ()}, "`tensors` is no tuple with an entry"),
        ({"tensors": [EMBEDDING]}, "`tensors` is no tuple"),
        ({"tensors": ("embed",)}, "'embed' is no VocabTensor"),
        ({"tensors": (dataclasses.replace(EMBEDDING, pattern=""),)}, "the pattern is empty"),
        ({"tensors": (dataclasses.replace(EMBEDDING, axis=-1),)}, "axis -1"),
        ({"tensors": (dataclasses.replace(EMBEDDING, axis=True),)}, "axis True"),
        ({"tensors": (dataclasses.replace(EMBEDDING, role="input"),)}, "role 'input' is no Role"),
        ({"tensors": (dataclasses.replace(EMBEDDING, optional=None),)}, "optional None is no bool"),
        ({"tensors": (EMBEDDING, EMBEDDING)}, "names one pattern twice"),
        ({"tensors": (dataclasses.replace(EMBEDDING, role=Role.OUTPUT),)}, "no tensor has the role INPUT"),
        ({"id_fields": [IdField("x")]}, "`id_fields` is no tuple"),
        ({"id_fields": ("pad_token_id",)}, "'pad_token_id' is no IdField"),
        ({"id_fields": (IdField(""),)}, "the path is empty"),
        ({"id_fields": (IdField("x", -1),)}, "the default is no token id"),
        ({"size_fields": "vocab_size"}, "`size_fields` is no tuple"),
        ({"pinned_fields": ("",)}, "`pinned_fields` is no tuple of non-empty strings"),
        ({"not_vocabulary": (1,)}, "`not_vocabulary` is no tuple of non-empty strings"),
    ],
)
def test_a_malformed_family_is_refused(change, said):
    with pytest.raises(PluginError) as caught:
        check_family(dataclasses.replace(TOY, **change))
    assert said in str(caught.value)


def test_something_else_is_refused():
    with pytest.raises(PluginError, match="not a ModelFamily"):
        check_family({"name": "toy"})
