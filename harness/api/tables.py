"""Stored runs as a table for a paper: models x tasks with intervals, the best number marked only if it is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import differences, plugins
from harness.api.sentence import names_of
from harness.api.table_formats import FORMATS
from harness.errors import HarnessError, UnknownName
from harness.gate.judge import drop_of
from harness.metrics import stats
from harness.store import Store, open_store
from harness.types import AVERAGE, Estimate, Metric, MetricRecord, Run

ALPHA = 0.05
"""The best number of a column is marked where p, after Holm over the other runs, is below it for each of them."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One metric of one task; ``n``: judged examples, None where the runs differ in it."""

    task: str
    record: MetricRecord
    n: int | None

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.record.name


@dataclass(frozen=True, slots=True)
class TableRow:
    """One run: what to call it, and its number in every column, None where it has none; ``best`` by column."""

    name: str
    run: str
    numbers: tuple[Estimate | None, ...]
    best: tuple[bool, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ResultTable:
    """Runs x tasks. ``notes``: why no number of a column could be marked as the best."""

    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """The table as Markdown."""
        return self.text()

    def _repr_html_(self) -> str:
        return self.text("html")

    def text(self, format: str = "md") -> str:
        """The table as "md", "latex" (booktabs), "csv", "json" or "html". Raises UnknownName for another format.

        CSV and JSON have values as they are stored; the others show shares in percent, as all other tables do.
        """
        if format not in FORMATS:
            raise UnknownName("format", format, FORMATS)
        return FORMATS[format](self)


def table(
    runs: Sequence[str], *, metric: str | None = None, tasks: Sequence[str] = (), store: str | None = None
) -> ResultTable:
    """A table of stored runs, in their order.

    ``metric``: the same one of every task that has it; by default each task's first. ``tasks`` narrows it.
    A number is marked as the best of its column where its run answered the same questions as all others and the paired
    test tells it from each of them. Raises UnknownName for a run, metric or task that there is not.
    """
    opened = open_store(store, create=False)
    return table_of(opened, [opened.run(name) for name in runs], metric, tasks)


def table_of(opened: Store, chosen: Sequence[Run], metric: str | None = None, tasks: Sequence[str] = ()) -> ResultTable:
    """The table of runs of an open store; see ``table``."""
    numbers = {run.id: {(e.task, e.metric): e for e in opened.results(run.id) if e.slice == "all"} for run in chosen}
    columns = _columns(chosen, numbers, metric, tasks)
    known = plugins.installed_metrics(column.task for column in columns)
    marks, notes = [], []
    for column in columns:
        mark, note = _best(opened, known, numbers, column)
        marks.append(mark)
        notes += [f"{column.task} {column.metric}: {note}"] if note else []
    rows = [
        TableRow(
            name,
            run.id,
            tuple(numbers[run.id].get((c.task, c.metric)) for c in columns),
            tuple(mark == run.id for mark in marks),
        )
        for name, run in zip(names_of(chosen), chosen, strict=True)
    ]
    return ResultTable(tuple(columns), tuple(rows), tuple(notes))


Numbers = Mapping[str, Mapping[tuple[str, str], Estimate]]
"""Of every run its numbers over all examples, by task and metric."""
Known = Mapping[str, Mapping[str, Metric]]
"""Metrics of the installed tasks, by task and name."""


def _columns(runs: Sequence[Run], numbers: Numbers, metric: str | None, tasks: Sequence[str]) -> list[TableColumn]:
    """One for every task, in the order of the runs; then the averages of groups. Raises UnknownName."""
    columns: dict[tuple[str, str], MetricRecord] = {}
    for run in runs:
        for record in run.tasks:
            for kept in record.metrics if metric else record.metrics[:1]:
                if metric in (None, kept.name):
                    columns.setdefault((record.name, kept.name), kept)
    averages = dict.fromkeys(key for run in runs for key in numbers[run.id] if key[1] == AVERAGE)
    known = {record.name for run in runs for record in run.tasks} | {task for task, _ in averages}
    for name in tasks:
        if name not in known:
            raise UnknownName("task of these runs", name, known)
    if metric not in (None, AVERAGE) and not columns:
        own = {kept.name for run in runs for record in run.tasks for kept in record.metrics}
        raise UnknownName("metric of these runs", str(metric), own)
    columns |= {key: MetricRecord(name=AVERAGE) for key in averages if metric in (None, AVERAGE)}
    return [
        TableColumn(task, kept, _same_n(numbers, (task, name)))
        for (task, name), kept in columns.items()
        if not tasks or task in tasks
    ]


def _same_n(numbers: Numbers, key: tuple[str, str]) -> int | None:
    sizes = {own[key].n for own in numbers.values() if key in own}
    return sizes.pop() if len(sizes) == 1 else None


def _best(store: Store, known: Known, numbers: Numbers, column: TableColumn) -> tuple[str, str]:
    """The id of the run whose number is better than every other, "" for none; and why that could not be told."""
    key = (column.task, column.metric)
    values = {run: value for run, own in numbers.items() if key in own and (value := own[key].value) is not None}
    if len(values) < 2 or column.metric == AVERAGE:
        return "", ""

    def badness(run: str) -> float:
        value = values[run]
        if column.record.better == "ideal":
            return abs(value - (column.record.ideal or 0.0))
        return value if column.record.better == "lower" else -value

    first = min(values, key=badness)
    ps = []
    for other in values:
        if other != first:
            try:
                p = _worse(store, first, other, known, column)
            except HarnessError as error:
                return "", str(error)
            if p is None:
                return "", ""
            ps.append(p)
    return (first if max(stats.holm(ps)) < ALPHA else ""), ""


def _worse(store: Store, best: str, other: str, known: Known, column: TableColumn) -> float | None:
    """The paired p of the difference to the best run; None where nothing was tested or the best is not better."""
    rows, _ = differences.compare(store, best, other, known, tasks=[column.task], flips=False)
    for row in rows:
        if (row.metric, row.slice) == (column.metric, "all") and drop_of(row) > 0:
            return row.paired.p
    return None
