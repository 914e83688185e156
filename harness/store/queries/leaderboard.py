"""The leaderboard: the newest numbers of every model on every definition of a task, with the ranks it may have."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, Subquery, func, select

from harness.store.database import reading
from harness.store.lookup import mapping, metrics
from harness.store.queries.runs import asked
from harness.store.queries.tasks import definitions
from harness.store.schema import MODELS, RESULTS, RUNS, TASKS
from harness.store.store import Store
from harness.types import Better, Estimate, MetricRecord

DEFINED = ("task_id", "name", "version", "shots")
Span = tuple[float, float]
"""How bad a number is at best and at worst."""


@dataclass(frozen=True, slots=True)
class LeaderboardFilter:
    """Which numbers are ranked; empty: all of them. ``model`` is looked for in the model's name."""

    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    model: str = ""
    slice: str = "all"


FAILURES = 0.05
"""The share of failed answers above which a number has no rank: what it would be without failures nobody knows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One number of the newest finished run of a model on a definition of a task.

    ``best`` to ``worst``: the ranks that it may have among the ``of`` numbers of models that were asked the same (same
    version, data and few-shot examples); None without an interval, and where more than FAILURES of the answers failed.
    ``asked``: how, beyond the task's own way ("3-shot, typos"). The average of a group has neither shots nor version.
    """

    task: str
    metric: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    best: int | None
    worst: int | None
    of: int
    n: int
    clusters: int
    failed: int
    shots: int | None
    version: int | None
    asked: str
    run: str
    definition: str

    @property
    def estimate(self) -> Estimate:
        """The number itself."""
        return Estimate(
            self.task, self.metric, "all", self.value, self.low, self.high, self.n, self.clusters, self.failed
        )

    @property
    def rank(self) -> str:
        """``2-4 of 15``; "no rival" for a number that stands alone, "-" for one without a rank."""
        if self.best is None:
            return "-"
        if self.of == 1:
            return "no rival"
        return f"{self.best}{f'-{self.worst}' if self.worst != self.best else ''} of {self.of}"


EVERYTHING = LeaderboardFilter()


def standings(store: Store, wanted: LeaderboardFilter = EVERYTHING) -> list[Standing]:
    """The numbers by task, metric and definition, the best first of those that were asked the same."""
    newest = _newest(wanted.tasks)
    everybody = replace(wanted, model="")  # others than those shown may be ahead of them
    with reading(store.engine) as connection:
        rows = connection.execute(_numbers(newest, everybody)).all()
        task_ids = {row.task_id for row in rows}
        tasks = connection.execute(select(TASKS.c.id, TASKS.c.metrics).where(TASKS.c.id.in_(task_ids))).all()
        finished = select(RUNS.c.id, RUNS.c.settings).where(RUNS.c.id.in_({row.run for row in rows}))
        settings = {row.id: mapping(row.settings) for row in connection.execute(finished)}
    rules = {(task.id, metric.name): metric for task in tasks for metric in metrics(task.metrics)}
    groups: dict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.task, row.metric, row.task_id].append(row)
    ordered = (
        standing
        for (_, metric, task_id), group in sorted(groups.items())
        for standing in _ranked(group, rules.get((task_id, metric)), settings)
    )
    return [one for one in ordered if wanted.model.lower() in one.model.lower()]


def _ranked(
    group: Sequence[Row[Any]], rule: MetricRecord | None, settings: Mapping[str, Mapping[str, Any]]
) -> list[Standing]:
    """The numbers of one metric of one definition, the best first; those without a rank stand last."""
    better, ideal = (rule.better, rule.ideal) if rule else ("higher", None)  # no rule for the average of a group
    spans = [_badness(row, better, ideal) if row.failed <= FAILURES * (row.n + row.failed) else None for row in group]
    ranges = rank_ranges(spans)
    count = len(spans) - spans.count(None)
    standings = [
        Standing(
            row.task, row.metric, row.model, row.value, row.low, row.high, best, worst, count, row.n, row.clusters,
            row.failed, row.shots, row.version, asked(settings.get(row.run, {}), row.shots), row.run, row.task_id,
        )
        for row, (best, worst) in zip(group, ranges, strict=True)
    ]  # fmt: skip
    middle = {id(one): how_bad(one.value, better, ideal) for one in standings}
    return sorted(standings, key=lambda one: (one.best is None, middle[id(one)], one.model, one.run))


def slices(store: Store) -> list[str]:
    """The slices that the leaderboard has numbers of."""
    query = _joined(_newest(), (RESULTS.c.slice,)).where(RESULTS.c.slice != "all").distinct()
    with reading(store.engine) as connection:
        return sorted(connection.execute(query).scalars())


def _newest(tasks: Sequence[str] = ()) -> Subquery:
    """(id, model_id, task_id, name, version, shots): the newest finished run of a model with a definition of a task.

    First the newest run of every model and set of tasks, which are few, then of every task in them.
    """
    by_time = [RUNS.c.started.desc(), RUNS.c.id.desc()]
    repeat = func.row_number().over(partition_by=[RUNS.c.model_id, RUNS.c.task_set], order_by=by_time).label("repeat")
    finished = select(RUNS.c.id, RUNS.c.model_id, RUNS.c.started, RUNS.c.task_set, repeat)
    runs = finished.where(RUNS.c.status == "finished").subquery()
    defined = definitions()
    rank = func.row_number().over(
        partition_by=[runs.c.model_id, defined.c.task_id], order_by=[runs.c.started.desc(), runs.c.id.desc()]
    )
    ranked = (
        select(runs.c.id, runs.c.model_id, *(defined.c[name] for name in DEFINED), rank.label("rank"))
        .join(defined, defined.c.task_set == runs.c.task_set)
        .where(runs.c.repeat == 1)
    )
    rows = (ranked.where(defined.c.name.in_(tasks)) if tasks else ranked).subquery()
    return select(rows).where(rows.c.rank == 1).subquery()


def _joined(newest: Subquery, columns: Sequence[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(newest)
        .join(RESULTS, (RESULTS.c.run_id == newest.c.id) & (RESULTS.c.task == newest.c.name))
    )


def _numbers(newest: Subquery, wanted: LeaderboardFilter) -> Select[Any]:
    r = RESULTS.c
    columns = (
        r.task,
        r.metric,
        MODELS.c.name.label("model"),
        r.value,
        r.low,
        r.high,
        r.n,
        r.clusters,
        r.failed,
        newest.c.shots,
        newest.c.version,
        newest.c.id.label("run"),
        newest.c.task_id,
    )
    query = _joined(newest, columns).join(MODELS, MODELS.c.id == newest.c.model_id).where(r.slice == wanted.slice)
    if wanted.tasks:
        query = query.where(r.task.in_(wanted.tasks))
    if wanted.metrics:
        query = query.where(r.metric.in_(wanted.metrics))
    return query


def rank_ranges(spans: Sequence[Span | None]) -> list[tuple[int | None, int | None]]:
    """The best and the worst rank that each number may have: another is ahead only where its whole span is better.

    A span is an interval of "how bad"; None, of a number that is not ranked, has no rank.
    """
    lows, highs = sorted(span[0] for span in spans if span), sorted(span[1] for span in spans if span)
    return [
        (None, None) if span is None else (1 + bisect_left(highs, span[0]), bisect_right(lows, span[1]))
        for span in spans
    ]


def _badness(row: Row[Any], better: Better, ideal: float | None) -> Span | None:
    """The interval of "how bad", so that smaller is ahead; None without an interval."""
    if row.value is None or row.low is None or row.high is None:
        return None
    if better == "lower":
        return row.low, row.high
    if better == "ideal" and ideal is not None:
        ends = sorted((abs(row.low - ideal), abs(row.high - ideal)))
        return (0.0 if row.low <= ideal <= row.high else ends[0]), ends[1]
    return -row.high, -row.low


def how_bad(value: float | None, better: Better, ideal: float | None) -> float:
    """How bad a value is, to sort by; what is undefined comes last."""
    if value is None:
        return math.inf
    if better == "ideal" and ideal is not None:
        return abs(value - ideal)
    return value if better == "lower" else -value
