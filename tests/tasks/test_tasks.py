"""Every built-in task: a perfect model scores best, a perfectly wrong one worst, and prompts do not change silently.

`python tests/tasks/test_tasks.py` brings golden.json up to date.
"""

import json
import os
import sys
from pathlib import Path

import golden
import pytest

from harness import run as running
from harness.data import at_hand
from harness.errors import Unsupported
from harness.sandbox import confined
from harness.scorers.checked import checked
from harness.types import Estimate, Metric, Settings, Task
from harness_tasks import GROUPS, TASKS

MIRROR = Path(os.environ.get("HARNESS_DATA") or Path(__file__).parents[3] / "shared" / "data")
ALIKE = {
    "mmlu/": ("mmlu/anatomy",),
    "mgsm/": ("mgsm/bn",),
    "xcopa/": ("xcopa/et",),
    "flores/": ("flores/en-de", "flores/de-zh"),
}  # one or two stand for their like
RUDE = checked("rude", {}, lambda texts: [float("zounds" in text) for text in texts], sample="zounds")
CHECKED = [
    task.bind(task, RUDE) if task.bind else task
    for task in TASKS
    if all(task.name in kept or not task.name.startswith(like) for like, kept in ALIKE.items())
]


def planned(task: Task, limit: int | None = 40) -> running.Planned:
    if not all(at_hand(d, MIRROR) and not d.id.startswith("datasets--") for d in task.dataset):
        pytest.skip(f"{task.name}: its data is not in {MIRROR}")
    return running.plan([task], Settings(limit=limit, limit_order="first", shots=0), MIRROR)[0]


def whole(task: Task) -> Task:
    """A task whose judge runs code with the sandbox of this machine; the test is skipped where none holds."""
    try:
        [own] = confined([task], allowed=True)
    except Unsupported as error:
        pytest.skip(str(error))
    return own


def totals(task: Task, found: running.Finished) -> dict[str, Estimate]:
    return {e.metric: e for e in found.estimates if e.slice == "all"}


def better(metric: Metric, one: float, other: float) -> bool:
    if metric.better == "ideal":
        return True  # neither side of a preference is better: the two only have to differ
    return one > other if metric.better == "higher" else one < other


@pytest.mark.parametrize("task", CHECKED, ids=lambda t: t.name)
def test_oracle_is_best_and_opposite_is_worst(task: Task) -> None:
    p = planned(whole(task), 3) if task.confine else planned(task)
    finished = [
        running.finish([p], [answer for example in p.examples for answer in respond(example)])
        for respond in (task.best, task.worst)
    ]
    best, worst = (totals(p.task, f) for f in finished)
    for metric in task.metrics:
        one, other = best[metric.name], worst[metric.name]
        assert one.failed == other.failed == 0 and one.n == other.n > 0
        assert one.value is not None and other.value is not None
        if metric.interval == "none":
            continue  # a reference value, no score
        assert one.value != other.value and better(metric, one.value, other.value), metric.name
        if metric.interval == "wilson" and metric.better == "higher":
            biased = any(m.better == "ideal" for m in task.metrics)  # the worst answers follow the stereotype
            assert one.value == 1.0 and (other.value == 0.0 or biased)
    if task.metrics[0].interval == "wilson" and task.metrics[0].better == "higher":
        assert {o.judged.correct for o in finished[0].outcomes[task.name] if o.judged} <= {True, None}


@pytest.mark.parametrize("task", CHECKED, ids=lambda t: t.name)
def test_the_first_five_requests_are_those_of_this_version(task: Task) -> None:
    golden.require(task.name, golden.fingerprint(task, planned(task, 5)))


def test_groups_name_existing_tasks() -> None:
    from harness.plugins import catalogue, select

    for group in GROUPS:
        assert select(catalogue(), [group])


def test_every_card_says_what_a_task_does_not_show() -> None:
    assert [t.name for t in TASKS if not (t.card.measures and t.card.limits and t.card.source and t.card.licence)] == []
    assert len({t.name for t in TASKS}) == len(TASKS)


@pytest.mark.parametrize("name", ["sentiment", "qa", "en_de", "pronouns"])
def test_demonstration_data_has_30_to_100_rows(name: str) -> None:
    rows = (Path(__file__).parents[2] / "tasks" / "data" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    assert 30 <= len(rows) <= 100
    assert len({json.dumps({k: v for k, v in json.loads(r).items() if k != "id"}) for r in rows}) == len(rows)


def _fingerprints() -> dict[str, str | None]:
    """Of every checked task; None where its data is not at hand."""
    own: dict[str, str | None] = {}
    for task in CHECKED:
        try:
            own[task.name] = golden.fingerprint(task, planned(task, 5))
        except pytest.skip.Exception:
            own[task.name] = None
    return own


if __name__ == "__main__":
    sys.exit(golden.main(_fingerprints(), sys.argv[1:]))
