"""The appendix of a report: what is beside each task's main number, one row a task, and the slices of that number."""

from collections.abc import Iterator, Sequence

from harness.metrics.words import short
from harness_reports.document import Block, Grid, Paragraph
from harness_reports.facts import Number

ROWS = 2_000
"""The most rows of slices in a document: a page of ten thousand stops a browser."""
WIDE = 6
"""Metrics that stand beside each other on a page."""


def others(numbers: Sequence[Number]) -> Iterator[Block]:
    """A row a task, a column a metric; tasks that have the same metrics share a table."""
    of_task: dict[str, dict[str, Number]] = {}
    for number in numbers:
        of_task.setdefault(number.estimate.task, {})[number.estimate.metric] = number
    alike: dict[tuple[str, ...], list[str]] = {}
    for task, own in of_task.items():
        alike.setdefault(tuple(own), []).append(task)
    for metrics, tasks in alike.items():
        for start in range(0, len(metrics), WIDE):
            part = metrics[start : start + WIDE]
            rows = tuple((task, *_counts(of_task[task], part)) for task in tasks)
            yield Grid(("Task", "n", "Failed", *part), rows, numbers=frozenset({"n", "Failed", *part}))
    yield Paragraph(
        "Half a 95 % interval stands behind ±, both ends where it is lopsided; n of its own where a number has one. "
        "The JSON report has all numbers in full."
    )


def _counts(own: dict[str, Number], metrics: Sequence[str]) -> tuple[str, ...]:
    """n and failures of most of these numbers, then each of them."""
    counts = [(own[metric].estimate.n, own[metric].estimate.failed) for metric in metrics]
    usual = max(counts, key=counts.count)
    return str(usual[0]), str(usual[1]), *(_cell(own[metric], usual[0]) for metric in metrics)


def _cell(number: Number, usual: int) -> str:
    e = number.estimate
    sign = number.verdict[:1]
    return f"{sign} {short(e.value, e.low, e.high, number.metric)}".strip() + f" (n {e.n})" * (e.n != usual)


def slices(numbers: Sequence[Number]) -> Iterator[Block]:
    """The slices of each task's main number, a row each."""
    shown = numbers[:ROWS]
    kept = None if any(n.verdict for n in shown) else -1
    head = ("Task", "Metric", "Slice", "Value", "n", "Clusters", "Failed", "Verdict")[:kept]
    rows = tuple(_slice(n)[:kept] for n in shown)
    yield Grid(head, rows, numbers=frozenset({"Value", "n", "Clusters", "Failed"}))
    left = len(numbers) - len(shown)
    more = f"{left:,} more slices are not shown; the" if left else "The"
    yield Paragraph(f"{more} JSON report has the slices of every metric.")


def _slice(number: Number) -> tuple[str, ...]:
    e = number.estimate
    shown = short(e.value, e.low, e.high, number.metric)
    return e.task, e.metric, e.slice, shown, str(e.n), str(e.clusters), str(e.failed), number.verdict
