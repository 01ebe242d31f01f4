"""The paper's third example (`run_xnli`), in Prunus's terms: some languages to train on, others to be tested in.

    pema_xnli.py MODEL DATA.parquet OUT --train-languages en,zh --test-languages zh [--steps N] [--rows N]

DATA has the columns `lang`, `split` (`validation` is trained on where there is no `train`), `sentence1`, `sentence2`,
`label`. Only the rows of the languages that are named stay in memory; a language that was left out is refused.
"""

import argparse

from datasets import Dataset, Value
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

import prunus

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--train-languages", default="en")
parser.add_argument("--test-languages", default="en")
parser.add_argument("--steps", type=int, default=-1)
parser.add_argument("--rows", type=int, default=10**9, help="rows of a language at most")
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
model = AutoModelForSequenceClassification.from_pretrained(arguments.model)
whole = Dataset.from_parquet(arguments.data)
split = "train" if "train" in whole.unique("split") else "validation"


def rows_of(languages: str, split: str) -> Dataset:
    """The rows of some languages, one language after the other, tokenised."""
    pairs = list(zip(whole["lang"], whole["split"], strict=True))
    chosen = [
        index
        for language in languages.split(",")
        for index in [i for i, pair in enumerate(pairs) if pair == (language, split)][: arguments.rows]
    ]
    rows = whole.select(chosen).map(lambda r: tokenizer(r["sentence1"], r["sentence2"], truncation=True), batched=True)
    return rows.select_columns(["input_ids", "attention_mask", "label"]).cast_column("label", Value("int64"))


data = {"train": rows_of(arguments.train_languages, split), "test": rows_of(arguments.test_languages, "test")}
options = TrainingArguments(arguments.out, max_steps=arguments.steps, report_to="none", save_strategy="no")
with prunus.fine_tuning(model, data, tokenizer) as session:
    trainer = Trainer(model, options, None, data["train"], data["test"], tokenizer)
    trainer.train()
    print(session, trainer.evaluate())
model.save_pretrained(arguments.out)
tokenizer.save_pretrained(arguments.out)
