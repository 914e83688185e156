"""Ratings kept as runs: one for each system, so that gates, comparisons and the leaderboard take them as any number."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UsageError
from harness.metrics.classify import mean
from harness.metrics.estimate import estimate
from harness.metrics.stored import recorded
from harness.people.against import people_matrix
from harness.people.campaign import stored
from harness.people.ratings import Collected, collect
from harness.run import sliced
from harness.store.ratings import now
from harness.types import Card, Judged, Outcome, Run, TaskRecord

if TYPE_CHECKING:
    from harness.store import Store
    from harness.types import Metric

METRIC = "rating"
LIMITS = (
    "Intervals are over examples, for the raters of this campaign; those over other raters too are in "
    "`harness rate report`. Slices are those of the task."
)
MEANINGS = {
    "preference": "The share of ratings that prefer this system's answer; a tie is half.",
    "likert": "The mean rating on the campaign's scale, counted from 1.",
    "direct": "The mean direct assessment, from 0 to 100.",
    "mqm": "Minus the mean MQM score: 0 is faultless.",
}


def keep(store: Store, name: str) -> list[Run]:
    """Store every system's mean ratings as a run with the task ``people/NAME``, beside the run that was rated.

    The same example has the same id as there. Raises UsageError for labels, for a campaign without ratings and for
    one that was kept already: remove those runs first.
    """
    collected = collect(store, name)
    table, examples, _ = people_matrix(collected, collected.campaign.runs)
    runs = [
        _keep(store, collected, run, dict(zip(examples, table[:, column], strict=True)))
        for column, run in enumerate(collected.campaign.runs)
    ]
    known = {one.id for one in store.runs()}
    for run, _ in runs:
        if run.id in known:
            raise UsageError(f"campaign {name} was kept already: remove run {run.id} and its like first")
    for run, outcomes in runs:
        task = run.tasks[0].name
        metric = _metric(collected)
        groups = sliced(outcomes).items()
        numbers = [estimate(task, metric, group, [outcomes[i] for i in places]) for group, places in groups]
        store.start(run)
        store.finish(replace(run, finished=now()), {task: outcomes}, numbers)
    return [store.run(run.id) for run, _ in runs]


def _keep(store: Store, collected: Collected, run_id: str, ratings: dict[str, float]) -> tuple[Run, list[Outcome]]:
    campaign, rated = collected.campaign, store.run(run_id)
    original = next(task for task in rated.tasks if task.name == campaign.task)
    outcomes = [
        replace(one, judged=Judged(one.judged.prediction, {METRIC: ratings[one.example.id]}))
        for one in store.outcomes(run_id, campaign.task)
        if one.judged and np.isfinite(ratings.get(one.example.id, np.nan))
    ]
    definition = json.dumps(stored(campaign), sort_keys=True)
    record = TaskRecord(
        name=f"people/{campaign.name}",
        version=campaign.version,
        fingerprint=hashlib.sha256(definition.encode()).hexdigest(),
        data_sha256=original.data_sha256,
        data_source=original.data_source,
        n=len(outcomes),
        shots=original.shots,
        shots_source=original.shots_source,
        card=Card(
            measures=MEANINGS[campaign.kind], limits=LIMITS, source=f"{campaign.raters} raters", licence="unknown"
        ),
        metrics=(recorded(_metric(collected)),),
    )
    run = Run(
        id=f"{campaign.name}-{campaign.version}-{run_id}"[:128],
        model=rated.model,
        fingerprint=rated.fingerprint,
        tasks=(record,),
        settings={"campaign": campaign.id, "rated": run_id},
        versions=rated.versions,
        command="",
        started=now(),
    )
    return run, outcomes


def _metric(collected: Collected) -> Metric:
    ranges = {"preference": (0.0, 1.0), "likert": (1.0, float(len(collected.campaign.anchors))), "direct": (0.0, 100.0)}
    bounds = ranges.get(collected.campaign.kind, (-np.inf, 0.0))
    return mean(METRIC, bounds=bounds)
