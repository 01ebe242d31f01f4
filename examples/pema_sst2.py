"""The paper's first example (DistilBERT on SST-2), in Prunus's terms: one sentence in, one class out.

    pema_sst2.py MODEL DATA.parquet OUT [--steps N]       DATA has the columns `text` and `label`

There: tokenise, pad to the longest, count, rewrite every `input_ids`, prepare the model, train, restore. Here data and
tokenizer stay as they are, nothing is padded in advance, and the block does the rest.
"""

import argparse

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

import prunus

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--steps", type=int, default=-1)
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForSequenceClassification.from_pretrained(arguments.model)
data = Dataset.from_parquet(arguments.data)
data = data.map(lambda rows: tokenizer(rows["text"], truncation=True), batched=True, remove_columns="text")
data = data.train_test_split(0.2, seed=0)
options = TrainingArguments(arguments.out, max_steps=arguments.steps, report_to="none", save_strategy="no")

with prunus.fine_tuning(model, data, tokenizer) as session:
    trainer = Trainer(model, options, None, data["train"], data["test"], tokenizer)
    trainer.train()
    print(session, trainer.evaluate())
model.save_pretrained(arguments.out)
tokenizer.save_pretrained(arguments.out)
