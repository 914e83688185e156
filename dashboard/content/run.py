"""One run: its tasks' main numbers beside the baseline's, its slices worst first, how far it is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pandas as pd

from harness.marks import signed
from harness.metrics import words
from harness.metrics.ideals import against
from harness.store.queries.leaderboard import how_bad
from harness.types import Estimate, MetricRecord, Run
from harness_dashboard.content.compare import TaskChange, difference_of
from harness_dashboard.content.numbers import drawn

FEW = 30
"""Judged answers below which a number is called uncertain."""


def tasks(
    run: Run, results: Sequence[Estimate], told: Sequence[TaskChange], courses: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """Each task's main metric, with its change against the baseline and its course over runs where there are any."""
    records, changes = run.metrics(), {one.task: one for one in told}
    rows = []
    for e in main_numbers(run, results):
        record, one = records.get((e.task, e.metric)), changes.get(e.task)
        times, unit = words.factor(record)
        change = f"{signed(one.meaning)} {words.points(difference_of(one), record, signed=True)}" if one else ""
        rows.append(
            {
                "task": e.task,
                "metric": words.plain_name(e.metric),
                "better": words.arrow(record),
                "share": times * e.value if e.value is not None and unit else None,
                "value": words.short(e.value, e.low, e.high, record),
                "against the baseline": change,
                "course": list(courses.get(e.task, ())),
                "n": e.n,
                "failed": e.failed,
            }
        )
    names = ("task", "metric", "better", "share", "value", "against the baseline", "course", "n", "failed")
    return pd.DataFrame(rows, columns=list(names)).astype({"share": "float64"})


def main_numbers(run: Run, results: Sequence[Estimate]) -> list[Estimate]:
    """The first headline number of each task over all its examples, then the averages of groups."""
    records = run.metrics()
    first: dict[str, Estimate] = {}
    for e in results:
        record = records.get((e.task, e.metric))
        if e.slice == "all" and (record is None or record.is_headline):
            first.setdefault(e.task, e)
    return list(first.values())


def forest(run: Run, numbers: Sequence[Estimate]) -> dict[str, pd.DataFrame]:
    """Numbers as forest plots have them, by what the axis shows: all shares on one, each other metric on its own."""
    plots: dict[str, list[dict[str, object]]] = {}
    for e in numbers:
        record = run.metrics().get((e.task, e.metric))
        share = words.factor(record)[1]
        axis = "%" if share else words.plain_name(e.metric)
        plots.setdefault(axis, []).append(drawn(e.task, words.plain_name(e.metric), e, record))
    return {axis: pd.DataFrame(rows) for axis, rows in plots.items()}


def every_number(run: Run, results: Sequence[Estimate]) -> pd.DataFrame:
    """All numbers over all examples in words."""
    records = run.metrics()
    return pd.DataFrame([_line(e, records.get((e.task, e.metric))) for e in results if e.slice == "all"])


def slices(run: Run, results: Sequence[Estimate]) -> pd.DataFrame:
    """The main number of every slice, the worst against its whole task first."""
    mains = {(e.task, e.metric): e for e in main_numbers(run, results)}
    records, rows = run.metrics(), []
    for e in results:
        whole, record = mains.get((e.task, e.metric)), records.get((e.task, e.metric))
        if whole is None or e.slice == "all" or e.value is None or whole.value is None:
            continue
        gap = e.value - whole.value
        better, ideal = (record.better, record.ideal) if record else ("higher", None)
        loss = how_bad(e.value, better, ideal) - how_bad(whole.value, better, ideal)
        line = {"task": e.task, "slice": e.slice, "change": words.points(gap, record, signed=True)}
        rows.append((-loss * words.factor(record)[0], line | _line(e, record)))
    ordered = [line for _, line in sorted(rows, key=lambda row: row[0])]
    return pd.DataFrame(ordered).rename(columns={"change": "against the whole"})


def _line(e: Estimate, record: MetricRecord | None) -> dict[str, object]:
    return {
        "task": e.task,
        "metric": words.plain_name(e.metric),
        "value": words.value(e.value, record),
        "95 % interval": words.ends(e, record),
        "better": words.arrow(record),
        "n": e.n,
        "clusters": e.clusters,
        "failed": e.failed,
        "against the ideal": against(e, record),
        "name": e.metric,
    }


def duration(run: Run) -> str:
    """When a run was started and how long it took, to be read by people."""
    begun = datetime.fromisoformat(run.started)
    text = f"started {begun.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if not run.finished:
        return text
    return f"{text}, took {span((datetime.fromisoformat(run.finished) - begun).total_seconds())}"


def span(seconds: float) -> str:
    """``1 h 12 min``, ``3 min 20 s``, ``8 s``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def outlook(done: int, total: int, seen: Mapping[str, float], now: float) -> str:
    """How far a run is, how fast since it was first looked at, and when it will end.

    ``seen`` has the answers ("done") and the clock ("at", seconds) of the first look.
    """
    text = f"{done:,} of {total:,} answers"
    since, more = now - seen["at"], done - seen["done"]
    if since <= 0 or more <= 0:
        return text
    rate = more / since
    return f"{text}, {rate:.3g} a second, {span((total - done) / rate)} left"
