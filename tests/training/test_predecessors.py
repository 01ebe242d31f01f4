"""Cases that break the paper's code (PEMA) and transformer-smaller-training-vocab, found by running them.

Numbers are PEMA defects, found at commit 1e9fae5; letters are those of transformer-smaller-training-vocab 0.4.2.
Un-padded data (2) and labels of causal models (5) over fifty steps are in test_fifty_steps, exceptions (d) in
test_interrupted.
"""

from __future__ import annotations

import pytest

import prunus
from prunus.errors import LiveModelError, UnseenTokenError

from .conftest import ROWS, TINY, USED, batches, same_bits, torch, train, transformers, twin

datasets = pytest.importorskip("datasets")


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)


def ragged(*rows: list[int]):
    return datasets.Dataset.from_dict({"input_ids": list(rows)})


def test_ragged_rows_are_counted_and_the_data_set_stays_as_it_was(classifier) -> None:
    """2: a TypeError, ragged arrays unsupported; and the caller's format is changed in place."""
    data = ragged([5, 9, 5], [7]).with_format("torch")
    before = data.format
    with prunus.fine_tuning(classifier, data) as session:
        assert session.remap.old_ids.tolist() == [0, 5, 7, 9]
    assert data.format == before
    assert data[0]["input_ids"].tolist() == [5, 9, 5]


@pytest.mark.parametrize("pad", [None, 350], ids=["no pad token", "pad behind the others"])
def test_the_pad_token_may_be_absent_or_move(pad: int | None) -> None:
    """3: a ValueError wherever the pad id is not the lowest kept one, so for nearly all decoders."""
    torch.manual_seed(0)
    ids = {"bos_token_id": 350, "eos_token_id": 350, "pad_token_id": pad}
    config = transformers.GPT2Config(vocab_size=ROWS, n_embd=16, n_layer=1, n_head=2, **ids)
    model = transformers.GPT2ForTokenClassification(config).eval()
    batch = torch.tensor([[9, 40, 350, 350], [7, 60, 8, 350]])
    want = model(batch).logits
    with prunus.fine_tuning(model, ragged([9, 40], [7, 60, 8])) as session:
        assert session.remap.old_ids.tolist() == [7, 8, 9, 40, 60, 350]  # eos is named by the config
        assert torch.equal(model(batch).logits, want)


@pytest.mark.parametrize("head", ["bert", "gpt2"])
def test_a_tied_head_is_never_untied(tied, head: str) -> None:
    """4 and b: silently untied, so that the model grows; the tie stays broken after the restore."""
    if head == "gpt2":
        config = transformers.GPT2Config(vocab_size=ROWS, n_embd=8, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=2)
        tied = transformers.GPT2LMHeadModel(config)
    count = sum(parameter.numel() for parameter in tied.parameters())
    with pytest.raises(LiveModelError, match="softmax"), prunus.fine_tuning(tied, USED):
        pass
    with prunus.fine_tuning(tied, USED, mode="input+output"):
        assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
        assert sum(parameter.numel() for parameter in tied.parameters()) < count
    assert tied.get_output_embeddings().weight is tied.get_input_embeddings().weight
    assert sum(parameter.numel() for parameter in tied.parameters()) == count


def test_encoder_and_decoder_of_t5_read_the_small_table() -> None:
    """6: only `shared` is replaced, encoder and decoder keep the full tables: wrong outputs without an error."""
    torch.manual_seed(0)
    config = transformers.T5Config(vocab_size=ROWS, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    model = transformers.T5Model(config).eval()
    ids = {"input_ids": torch.from_numpy(USED[9:14])[None], "decoder_input_ids": torch.from_numpy(USED[20:23])[None]}
    want = model(**ids).last_hidden_state
    with prunus.fine_tuning(model, USED):
        rows = {m.weight.shape[0] for m in model.modules() if isinstance(m, torch.nn.Embedding)}
        assert ROWS not in rows
        assert torch.equal(model(**ids).last_hidden_state, want)


def test_a_frozen_table_stays_frozen(classifier) -> None:
    """7: a frozen embedding becomes trainable again."""
    classifier.get_input_embeddings().weight.requires_grad_(False)
    with prunus.fine_tuning(classifier, USED):
        assert not classifier.get_input_embeddings().weight.requires_grad
    assert not classifier.get_input_embeddings().weight.requires_grad


def test_an_optimizer_with_two_groups_that_was_made_before(classifier) -> None:
    """8: it keeps the stale full parameter. e: the re-pointing drops another parameter where there are two groups."""

    def grouped(model):
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [{"params": others, "weight_decay": 0.0}, {"params": matrices, "weight_decay": 0.1}]
        return torch.optim.AdamW(groups, 1e-2)

    full, tuned = classifier, twin(classifier)
    optimizer = grouped(tuned)
    members = [[id(p) for p in group["params"]] for group in optimizer.param_groups]
    want = train(full, batches(6), grouped(full))
    with prunus.fine_tuning(tuned, USED):
        assert train(tuned, batches(6), optimizer) == want
    assert [[id(p) for p in group["params"]] for group in optimizer.param_groups] == members
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_sizes_are_true_inside_and_afterwards(classifier, tied) -> None:
    """9: `num_embeddings` says the reduced size after the restore. 10: the config's size. c: `padding_idx` is lost."""
    embedding = classifier.get_input_embeddings()
    with prunus.fine_tuning(classifier, USED):
        assert embedding.num_embeddings == embedding.weight.shape[0] == len(USED)
    assert (embedding.num_embeddings, embedding.padding_idx) == (ROWS, 0)
    with prunus.fine_tuning(tied, USED, mode="input+output"):
        assert tied.config.vocab_size == len(USED)
    assert tied.config.vocab_size == ROWS


def test_a_checkpoint_from_inside_is_whole_and_training_goes_on(tmp_path) -> None:
    """PEMA's saving of an XLM-R stops with a RuntimeError; here it is an ordinary checkpoint, and training goes on."""
    config = transformers.XLMRobertaConfig(**TINY, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    torch.manual_seed(0)
    model = transformers.XLMRobertaForSequenceClassification(config)
    with prunus.fine_tuning(model, USED):
        optimizer = adamw(model)
        train(model, batches(2), optimizer)
        model.save_pretrained(tmp_path / "saved")
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        train(model, batches(2), optimizer)
    loaded = transformers.XLMRobertaForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert same_bits(state, loaded.state_dict()) == []


def test_text_that_nobody_counted_is_an_error_and_never_a_row_beyond_the_table(classifier) -> None:
    """a: ids beyond the table, so an index error or a CUDA assert (flair issue 3368: context was not counted)."""
    with prunus.fine_tuning(classifier, ragged([5, 9, 7])), pytest.raises(UnseenTokenError, match="token id 40"):
        classifier(torch.tensor([[5, 9, 40]]))
