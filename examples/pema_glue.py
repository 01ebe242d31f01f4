"""The paper's second example (`run_glue`), in Prunus's terms: a pair of sentences in, a class or a score out.

    pema_glue.py MODEL DATA.parquet OUT [--steps N] [--rows N]

DATA has the columns `split`, `sentence1`, `sentence2`, and `label` (classes) or `score` (a number, as in STS-B). All
splits are counted, the one without labels too, as in the paper: whatever will be predicted can be looked up.
"""

import argparse

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

import prunus

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--steps", type=int, default=-1)
parser.add_argument("--rows", type=int, default=10**9, help="rows of a split at most")
arguments = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(arguments.model)
whole = Dataset.from_parquet(arguments.data)
target = "score" if "score" in whole.column_names else "label"
whole = whole.rename_column(target, "labels")
whole = whole.map(lambda rows: tokenizer(rows["sentence1"], rows["sentence2"], truncation=True), batched=True)
splits = DatasetDict()
for split in ("train", "validation", "test"):
    chosen = np.flatnonzero(np.array(whole["split"]) == split)[: arguments.rows]
    splits[split] = whole.select(chosen).select_columns(["input_ids", "attention_mask", "labels"])
classes = 1 if target == "score" else max(splits["train"]["labels"]) + 1
model = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=classes)


def metrics(prediction):  # noqa: ANN001, ANN201
    """Accuracy, or the correlation of scores."""
    found, labels = prediction.predictions, prediction.label_ids
    return {"score": np.corrcoef(found[:, 0], labels)[0, 1] if classes == 1 else (found.argmax(-1) == labels).mean()}


options = TrainingArguments(arguments.out, max_steps=arguments.steps, report_to="none", save_strategy="no")
with prunus.fine_tuning(model, splits, tokenizer) as session:
    trainer = Trainer(
        model, options, train_dataset=splits["train"], eval_dataset=splits["validation"],
        processing_class=tokenizer, compute_metrics=metrics,
    )  # fmt: skip
    trainer.train()
    print(session, trainer.evaluate())
    print("predicted:", trainer.predict(splits["test"].remove_columns("labels")).predictions.shape)
model.save_pretrained(arguments.out)
tokenizer.save_pretrained(arguments.out)
