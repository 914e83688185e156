"""A training on two processes: ``two_processes.py DATA FOLDER`` writes the scores that each has logged to FOLDER.

The second is forked once everything is imported, which takes longest.
"""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import transformers
from trained import trainee, watched

from harness.train import TrainerCallback

LIMIT = 6
"""Seconds after which the processes of the training give up waiting for each other."""


def train(data: Path, folder: Path) -> dict[int, float]:
    """The score at each step of an evaluation."""
    made = trainee()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "ddp"),
        max_steps=8,
        eval_strategy="steps",
        eval_steps=4,
        save_steps=8,
        learning_rate=3e-3,
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        ddp_backend="gloo",
        ddp_timeout=LIMIT,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        made.model, arguments, train_dataset=made.texts, eval_dataset=made.texts[:16], processing_class=made.tokenizer
    )
    late = [LIMIT + 1]

    def slow(done: int, total: int) -> None:
        if late:
            time.sleep(late.pop())

    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(folder / "runs"), progress=slow))
    trainer.train()
    key = "eval_harness/made/next:acc"
    return {line["step"]: line[key] for line in trainer.state.log_history if key in line}


def main() -> None:
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    second = os.fork()
    rank = "0" if second else "1"
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank}
    (folder / f"scores{rank}.json").write_text(json.dumps(train(data, folder)))
    if second:
        sys.exit(os.waitpid(second, 0)[1] != 0)


if __name__ == "__main__":
    main()
