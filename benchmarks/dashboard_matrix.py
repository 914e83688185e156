"""Make a store of 50 models x 60 tasks, the widest that the dashboard's matrix is measured on.

python benchmarks/dashboard_matrix.py --store DIR
python benchmarks/dashboard.py --store DIR --pages overview,leaderboard,trends

Seconds of work: numbers of six families of tasks with calibration and four slices each, no samples. Some models
share the last part of their names, one has failures, every seventh was asked without examples.
"""

import argparse
from pathlib import Path

import numpy as np

from harness.store import open_store
from harness.types import Card, Estimate, MetricRecord, Run, TaskRecord

MODELS = 50
CARD = Card(measures="speed", limits="nothing else", source="made", licence="none")
KNOWLEDGE = (
    MetricRecord(name="acc", interval="wilson"),
    MetricRecord(name="brier", better="lower", family="calibration"),
    MetricRecord(name="ece", better="lower", family="calibration"),
)
TRANSLATION = (MetricRecord(name="bleu", bounds=(0.0, 100.0)), MetricRecord(name="chrf", bounds=(0.0, 100.0)))
LEANING = (MetricRecord(name="prefers", better="ideal", ideal=0.5, interval="wilson"),)
HARM = (
    MetricRecord(name="compliance_unsafe", better="lower", interval="wilson"),
    MetricRecord(name="refusal_safe", better="lower", interval="wilson"),
)
FAMILIES = {
    "mmlu": (20, KNOWLEDGE), "glue": (9, KNOWLEDGE), "superglue": (8, KNOWLEDGE), "flores": (10, TRANSLATION),
    "bbq": (7, LEANING), "safety": (6, HARM),
}  # fmt: skip
TASKS = [(f"{family}/t{i:02}", metrics) for family, (count, metrics) in FAMILIES.items() for i in range(count)]


def name_of(i: int) -> str:
    """Model number i: checkpoints of several seeds, then models of four owners."""
    return f"runs/seed{40 + i // 5}/model-{i % 5}/checkpoint-12000" if i < 20 else f"org{i % 4}/Model-{i}-7B-Instruct"


def record(i: int) -> Run:
    """The run of model number i."""
    tasks = tuple(
        TaskRecord(
            name=name, version=1, fingerprint=name, data_sha256="0" * 64, data_source="made", n=200,
            shots=3 if i % 7 else 0, shots_source="", card=CARD, metrics=metrics,
        )
        for name, metrics in TASKS
    )  # fmt: skip
    day = f"2026-11-{1 + i // 3:02}T{i % 24:02}"
    return Run(
        id=f"{i:03}-run", model=name_of(i), fingerprint={"weights": str(i)}, settings={"seed": 0}, versions={},
        command="benchmark", started=f"{day}:00:00+00:00", finished=f"{day}:30:00+00:00", tasks=tasks,
        engine={"seconds_compute": 10.0 + i, "tokens_computed": 1e5 + i, "tokens_asked": 2e5, "peak_memory": 1e9},
    )  # fmt: skip


def numbers(i: int) -> list[Estimate]:
    """What model number i came to: its skill and some luck on every task."""
    draw, failed = np.random.default_rng(i), 20 * (i == 3)
    skill, found = draw.normal(0, 0.8), []
    for task, metrics in TASKS:
        for metric in metrics:
            top = 40.0 if metrics is TRANSLATION else 1.0
            value = float(top / (1 + np.exp(-(skill + draw.normal(0, 0.5)))))
            for where, half in (("all", 0.07), *((f"subject=s{s}", 0.14) for s in range(4) if metric is metrics[0])):
                low, high = max(0.0, value - half * top), min(100.0 if top > 1 else 1.0, value + half * top)
                n = 200 if where == "all" else 50
                found.append(Estimate(task, metric.name, where, value, low, high, n, n, failed))
    return found


def main() -> None:
    """Make the store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True, type=Path)
    store = open_store(str(parser.parse_args().store))
    for i in range(MODELS):
        store.finish(record(i), {}, numbers(i))
    store.set_baseline("main", record(10).id)


if __name__ == "__main__":
    main()
