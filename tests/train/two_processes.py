"""A training on two processes: ``two_processes.py DATA FOLDER HOW`` writes what each has logged, or its error.

HOW is ``whole`` for a Trainer, or the version of FSDP by which the weights of a model that is asked are sharded. The
second process is forked once everything is imported, which takes longest. ``EVALUATION_SECONDS`` in the environment is
how long the first evaluation takes the first process.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import torch
import transformers
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from trained import trainee, watched

from harness.errors import HarnessError
from harness.train import TrainerCallback
from harness.train.evaluating import Evaluating, Watching
from harness.train.ranks import Ranks
from harness.train.seen import Moment

LIMIT = 15
"""Seconds after which the processes of the training give up waiting for each other."""
TAKES = float(os.environ.get("EVALUATION_SECONDS", LIMIT + 1))


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
    late = [TAKES]

    def slow(done: int, total: int) -> None:
        if late:
            time.sleep(late.pop())

    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(folder / "runs"), progress=slow))
    trainer.train()
    key = "eval_harness/made/next:acc"
    return {line["step"]: line[key] for line in trainer.state.log_history if key in line}


def ask_sharded(data: Path, folder: Path, version: str) -> Any:
    """What a model is worth of which each process has half. Without a Trainer, which shards no model on CPUs."""
    distributed.init_process_group("gloo")
    made = trainee()
    whole = sum(weight.numel() for weight in made.model.parameters())
    if version == "1":
        model = FullyShardedDataParallel(made.model, device_id=torch.device("cpu"))
        held = sum(weight.numel() for weight in model.parameters())
    else:
        model = fully_shard(made.model, mesh=init_device_mesh("cpu", (2,)))
        held = sum(weight.to_local().numel() for weight in model.parameters())
    assert held < 0.6 * whole

    def asked() -> Any:
        watching = Watching([watched()], None, None)
        evaluating = Evaluating(watching, "sharded", {"data": data, "store": str(folder / "runs")})
        return evaluating.asked(model, made.tokenizer, Moment(1, 0.0, 0.0))

    return Ranks().shared(asked)


def main() -> None:
    data, folder, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    second = os.fork()
    rank = "0" if second else "1"
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank}
    try:
        came = json.dumps(train(data, folder) if how == "whole" else ask_sharded(data, folder, how))
    except HarnessError as error:
        came = json.dumps(str(error))
    (folder / f"scores{rank}.json").write_text(came)
    if second:
        sys.exit(os.waitpid(second, 0)[1] != 0)


if __name__ == "__main__":
    main()
