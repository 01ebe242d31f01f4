"""PEFT, sentence-transformers and TRL, as their users run them: the same training with and without the block."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import prunus
from prunus.errors import SelectionError

from .conftest import ROWS, TINY, USED, batches, same_bits, torch, train, transformers, twin
from .test_trainer import minilm

if TYPE_CHECKING:
    from pathlib import Path

datasets = pytest.importorskip("datasets")
TOKENS = [int(USED[9]), int(USED[30])]


def adamw(model):
    return torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), 1e-2, weight_decay=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"modules_to_save": ["word_embeddings", "classifier"]},
        {"trainable_token_indices": {"word_embeddings": TOKENS}},
    ],
    ids=["frozen embeddings", "embeddings saved", "trainable tokens"],
)
def test_lora(classifier, options: dict, tmp_path: Path) -> None:
    """Traps 3.12 and 4.3: what was frozen stays frozen, and the adapter is that of full training."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"], lora_dropout=0.1, **options)
    full = peft.get_peft_model(classifier, config)
    tuned = twin(full)
    trained = [name for name, parameter in full.named_parameters() if parameter.requires_grad]
    want = train(full, batches(8), adamw(full))
    full.save_pretrained(tmp_path / "full")
    with prunus.fine_tuning(tuned, USED):
        rows = {m.weight.shape[0] for m in tuned.modules() if isinstance(m, torch.nn.Embedding)}
        assert len(USED) in rows
        assert ROWS not in rows
        assert train(tuned, batches(8), adamw(tuned)) == want
        tuned.save_pretrained(tmp_path / "inside")
        with tuned.eval().disable_adapter(), torch.no_grad():
            inside = tuned(**batches(1)[0]).loss
    with full.eval().disable_adapter(), torch.no_grad():
        assert torch.equal(inside, full(**batches(1)[0]).loss)
    assert [name for name, parameter in tuned.named_parameters() if parameter.requires_grad] == trained
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
    files = [tmp_path / where / "adapter_model.safetensors" for where in ("full", "inside")]
    assert files[0].read_bytes() == files[1].read_bytes()
    train(full, batches(3, torch.arange(ROWS).numpy()), adamw(full))
    train(tuned, batches(3, torch.arange(ROWS).numpy()), adamw(tuned))
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


def test_trainable_tokens_are_kept_or_refused(classifier) -> None:
    peft = pytest.importorskip("peft")
    missing = next(i for i in range(5, ROWS) if i not in USED)
    config = peft.LoraConfig(
        task_type="SEQ_CLS", target_modules=["query"], trainable_token_indices={"word_embeddings": [missing]}
    )
    model = peft.get_peft_model(classifier, config)
    with pytest.raises(SelectionError, match=str(missing)), prunus.fine_tuning(model, USED):
        pass
    with prunus.fine_tuning(model, [{"input_ids": [50]}]) as session:
        assert missing in session.remap.old_ids  # joined to what a data set uses
        model(torch.tensor([[50, missing]]))
    model(torch.tensor([[ROWS - 1, missing]]))


@pytest.mark.slow
def test_sentence_transformers_trainer_on_korsts(shared_corpora: Path, tmp_path: Path) -> None:
    st = pytest.importorskip("sentence_transformers")
    from sentence_transformers.losses import CosineSimilarityLoss

    table = pq.read_table(shared_corpora / "korsts.parquet").slice(0, 8)
    pairs = {name: table.column(name).to_pylist() for name in ("sentence1", "sentence2", "score")}
    data = datasets.Dataset.from_dict(pairs | {"score": [score / 5 for score in pairs["score"]]})
    counts = prunus.scan(pairs["sentence1"] + pairs["sentence2"], tokenizer=minilm())
    full = st.SentenceTransformer(str(minilm()), device="cpu")
    tuned = twin(full)

    def fitted(model, folder: str) -> list[float]:
        options = st.SentenceTransformerTrainingArguments(
            str(tmp_path / folder), max_steps=2, per_device_train_batch_size=4, use_cpu=True, report_to="none",
            logging_steps=1, seed=5, weight_decay=0.01, save_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer = st.SentenceTransformerTrainer(model, options, data, loss=CosineSimilarityLoss(model))
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    want = fitted(full, "full")
    with prunus.fine_tuning(tuned, counts, tuned.tokenizer) as session:
        assert fitted(tuned, "tuned") == want
        assert len(session.remap) < 600
        inside = tuned.encode(pairs["sentence1"][:4])
    assert (inside == full.encode(pairs["sentence1"][:4])).all()
    assert same_bits(full.state_dict(), tuned.state_dict()) == []


@pytest.mark.slow
def test_sft_trainer_of_trl(shared_tokenizers: Path, shared_corpora: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trl = pytest.importorskip("trl")
    folder = shared_tokenizers / "smollm2-135m"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = pq.read_table(shared_corpora / "tinyshakespeare.parquet").column("text").slice(0, 16).to_pylist()
    counts = prunus.scan(texts, tokenizer=folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        **TINY | {"vocab_size": len(tokenizer)}, bos_token_id=1, eos_token_id=2, pad_token_id=2,
        tie_word_embeddings=False,
    )  # fmt: skip
    full = transformers.LlamaForCausalLM(config)
    tuned = twin(full)

    def fitted(model, name: str) -> list[float]:
        options = trl.SFTConfig(
            str(tmp_path / name), max_steps=3, per_device_train_batch_size=4, use_cpu=True, report_to="none",
            bf16=False, logging_steps=1, seed=5, weight_decay=0.01, save_strategy="no", disable_tqdm=True,
            max_length=64,
        )  # fmt: skip
        data = datasets.Dataset.from_dict({"text": texts})
        trainer = trl.SFTTrainer(model, args=options, train_dataset=data, processing_class=tokenizer)
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    want = fitted(full, "full")
    with prunus.fine_tuning(tuned, counts, tokenizer) as session:
        assert tuned.get_input_embeddings().weight.shape[0] == len(session.remap) < 1500
        assert fitted(tuned, "tuned") == want
    assert same_bits(full.state_dict(), tuned.state_dict()) == []
