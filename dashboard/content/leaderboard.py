"""The leaderboard as a matrix of each task's main metric: models, and how they were asked, by tasks or groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import pandas as pd

from harness import plugins
from harness.api.sentence import Direction
from harness.marks import INK, signed
from harness.metrics import words
from harness.store import Store
from harness.store.frames import standings_frame
from harness.store.queries import leaderboard
from harness.store.queries.leaderboard import LeaderboardFilter, Standing
from harness.store.queries.tasks import measured, records
from harness.types import AVERAGE, MetricRecord
from harness.visible import short_names
from harness_dashboard.content.compare import apart
from harness_dashboard.content.numbers import drawn
from harness_dashboard.content.safety import side

VIEWS = ("Heat", "Interval", "Place", "Change")
WIDE = 15
"""The most tasks that stand side by side unless the user opens them; more of them are shown by their groups."""

LIGHT, STRONG = (255, 255, 255), (127, 186, 228)
"""The tints of the worst and of the best number of a column; dark words are readable on all between them."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A model asked in one way: its number for each task, and the mean of the places that it may have.

    ``best`` to ``worst``: means of its best and worst ranks over the tasks on which it has rivals; None without any.
    """

    label: str
    asked: str
    run: str
    cells: Mapping[str, Standing]
    best: float | None
    worst: float | None

    @property
    def name(self) -> str:
        """The model and how it was asked."""
        return f"{self.label} {self.asked}".strip()


@dataclass(frozen=True, slots=True)
class Board:
    """Rows, the best first, and the main metric of every task."""

    rows: Sequence[BoardRow]
    metrics: Mapping[str, MetricRecord]


def board(store: Store, slice: str = "all", model: str = "") -> Board:
    """The newest numbers of every model and way of asking, of each task's main metric."""
    metrics = main_metrics(store)
    wanted = LeaderboardFilter(metrics=tuple({m.name for m in metrics.values()}), slice=slice, model=model)
    of_row: dict[tuple[str, str], dict[str, Standing]] = defaultdict(dict)
    for one in leaderboard.standings(store, wanted):
        if one.task in metrics and one.metric == metrics[one.task].name:
            cells = of_row[one.model, "" if one.shots is None else one.asked]
            if one.task not in cells or one.run > cells[one.task].run:  # asked alike of other data: the newest counts
                cells[one.task] = one
    names = short_names(name for name, _ in of_row)
    rows = [_row(names[name], asked, cells) for (name, asked), cells in of_row.items()]
    ordered = sorted(rows, key=lambda row: (row.best is None, (row.best or 0) + (row.worst or 0), row.name))
    return Board(ordered, {task: m for task, m in metrics.items() if any(task in row.cells for row in rows)})


def asked_any(whole: Board, columns: Mapping[str, Sequence[str]]) -> Board:
    """The board without rows that have no number in these columns."""
    tasks = {task for own in columns.values() for task in own}
    return replace(whole, rows=[row for row in whole.rows if tasks & row.cells.keys()])


def main_metrics(store: Store) -> dict[str, MetricRecord]:
    """The first headline metric of every task; the average of every group that has one."""
    first: dict[str, MetricRecord] = {}
    for (task, _), record in records(store).items():
        if record.is_headline:
            first.setdefault(task, record)
    averages = {task: MetricRecord(name=AVERAGE) for task, metric in measured(store) if metric == AVERAGE}
    return averages | first


def _row(label: str, asked: str, cells: Mapping[str, Standing]) -> BoardRow:
    ranked = [(one.best, one.worst) for one in cells.values() if one.best and one.worst and one.of > 1]
    best, worst = (fmean(ends) for ends in zip(*ranked, strict=True)) if ranked else (None, None)
    newest = max(cells.values(), key=lambda one: one.run)
    return BoardRow(label, asked, newest.run, cells, best, worst)


def groups(store: Store, tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Each task in one group: what stands before "/" in its name, else its first tag or group, else the task alone."""
    known = plugins.catalogue().tasks
    members: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        tags = sorted(known[task].tags) if task in known else []
        members[task.partition("/")[0] if "/" in task else (tags or [task])[0]].append(task)
    return {name: tuple(own) for name, own in sorted(members.items())}


# -------------------------------------------------------------------------------------------------------------- cells
def matrix(whole: Board, columns: Mapping[str, Sequence[str]], view: str, against: str = "") -> pd.DataFrame:
    """The board as text: model and how it was asked, place, then a column for each group of tasks or single task.

    ``against``: the run that the view "Change" holds all numbers against. ``failed`` is of the tasks shown.
    """
    base = {task: cell for row in whole.rows for task, cell in row.cells.items() if cell.run == against}
    rows = []
    for row in whole.rows:
        own = {name: _cell(whole, row, tasks, view, base) for name, tasks in columns.items()}
        shown = [row.cells[task] for tasks in columns.values() for task in tasks if task in row.cells]
        rows.append(
            {"model": row.name, "place": _place(row)} | own | {"tasks": len(shown), "failed": failures_of(shown)}
        )
    return pd.DataFrame(rows)


def failures_of(cells: Sequence[Standing]) -> str:
    """How many answers failed, and of how many; those of a group's average are counted with its tasks."""
    own = [cell for cell in cells if cell.metric != AVERAGE]
    failed, asked = sum(cell.failed for cell in own), sum(cell.n + cell.failed for cell in own)
    return f"{failed:,} of {asked:,}" if failed else "0"


def _place(row: BoardRow) -> str:
    if row.best is None or row.worst is None:
        return "no rival"
    low, high = f"{row.best:.3g}", f"{row.worst:.3g}"
    return low if low == high else f"{low}-{high}"


def _cell(whole: Board, row: BoardRow, tasks: Sequence[str], view: str, base: Mapping[str, Standing]) -> str:
    own = [row.cells[task] for task in tasks if task in row.cells]
    if not own:
        return "-"
    if view == "Change":
        return _changes(own, base, whole.metrics)
    if view == "Place":
        ranked = [(one.best + one.worst) / 2 for one in own if one.best and one.worst and one.of > 1]
        return own[0].rank if len(tasks) == 1 else f"{fmean(ranked):.3g}" if ranked else "no rival"
    record = whole.metrics[tasks[0]]
    if len(tasks) > 1:
        mean = mean_of(whole, row, tasks)
        return _of_group(whole, own, tasks) if mean is None else words.brief(mean, record)
    (one,) = own
    text = words.short(one.value, one.low, one.high, record) if view == "Interval" else words.brief(one.value, record)
    return text + f" ✗ {one.failed}" * bool(one.failed)


def _of_group(whole: Board, own: Sequence[Standing], tasks: Sequence[str]) -> str:
    """A group without a mean: how many of its numbers differ from their ideals, else how many there are."""
    sides = [side(one.estimate, whole.metrics[one.task]) for one in own]
    if "judged" in sides or len(own) < len(tasks):
        return f"{len(own)} of {len(tasks)} tasks"
    differ = sum(lies in ("above", "below") for lies in sides)
    return f"{signed('above' if differ else 'within')[0]} {differ} of {len(own)} differ"


def mean_of(whole: Board, row: BoardRow, tasks: Sequence[str]) -> float | None:
    """The mean over tasks that have one unit and direction; None where they have not, or one of them is missing."""
    metrics = [whole.metrics[task] for task in tasks]
    values = [row.cells[task].value for task in tasks if task in row.cells]
    alike = len({(words.factor(m), m.better) for m in metrics}) == 1 and metrics[0].better != "ideal"
    known = [value for value in values if value is not None]
    return fmean(known) if alike and len(known) == len(tasks) else None


def _changes(own: Sequence[Standing], base: Mapping[str, Standing], metrics: Mapping[str, MetricRecord]) -> str:
    told = {one.task: change_of(base[one.task], one, metrics[one.task]) for one in own if one.task in base}
    if not told:
        return "-"
    if len(told) == 1:
        ((task, (meaning, difference)),) = told.items()
        return f"{signed(meaning)[0]} {words.points(difference, metrics[task], signed=True)}"
    meanings = [meaning for meaning, _ in told.values()]
    kinds = [kind for kind in ("worse", "better", "unclear", "untested") if kind in meanings]
    return " ".join(f"{signed(kind)[0]} {meanings.count(kind)}" for kind in kinds)


def change_of(before: Standing, after: Standing, record: MetricRecord) -> tuple[Direction, float | None]:
    """A change by the two intervals alone, which shows less than a paired test; "untested" where asked otherwise."""
    if before.definition != after.definition or before.value is None or after.value is None:
        return "untested", None
    return apart(before.estimate, after.estimate, record), after.value - before.value


def on_task(whole: Board, task: str) -> list[BoardRow]:
    """The rows that have a number of a task, by their places on it."""

    def place(row: BoardRow) -> tuple[bool, int]:
        one = row.cells[task]
        return one.best is None, (one.best or 0) + (one.worst or 0)

    return sorted((row for row in whole.rows if task in row.cells), key=place)


def best_of(whole: Board, task: str) -> str:
    """Which model is best on a task and whether it can be told from the others, in a sentence."""
    first = [row for row in on_task(whole, task) if row.cells[task].best == 1 and row.cells[task].of > 1]
    if not first:
        return "No two models were asked the same: there is no best one."
    of = first[0].cells[task].of
    if len(first) == 1:
        return f"{first[0].name} is the best of {of} that were asked the same, distinguishable from all others."
    named = ", ".join(row.name for row in first[:5])
    return f"{len(first)} of {of} that were asked the same cannot be told apart as the best: {named}."


def drawn_task(whole: Board, task: str) -> pd.DataFrame:
    """All models on one task as a forest plot has them, with rank and run."""
    return pd.DataFrame(
        [
            drawn(row.label, one.asked or "group", one.estimate, whole.metrics[task])
            | {"rank": one.rank, "failed": one.failed, "run": one.run}
            for row in on_task(whole, task)
            for one in [row.cells[task]]
        ]
    )


def foremost(frame: pd.DataFrame, run: str, most: int = 20) -> pd.DataFrame:
    """The best of ``drawn_task`` and the row of a run, so that a picture stays small."""
    return frame[(frame.index < most) | (frame["run"] == run)]


# -------------------------------------------------------------------------------------------------------------- tints
def tints(whole: Board, columns: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A CSS style for every cell of ``matrix``: the better its place, the stronger; what may be the best is bold."""
    styles: list[dict[str, str]] = []
    for row in whole.rows:
        style = {}
        for name, tasks in columns.items():
            ranked = [row.cells[task] for task in tasks if task in row.cells and row.cells[task].best]
            shares = [((one.best or 1) + (one.worst or 1) - 2) / (2 * one.of - 2) for one in ranked if one.of > 1]
            style[name] = _style(fmean(shares), all(one.best == 1 for one in ranked)) if shares else ""
        styles.append(style)
    return pd.DataFrame(styles)


def _style(share: float, first: bool) -> str:
    """The tint of a place from 0, the best, to 1."""
    red, green, blue = (round(strong + share * (light - strong)) for light, strong in zip(LIGHT, STRONG, strict=True))
    return f"background-color: rgb({red},{green},{blue}); color: {INK}" + "; font-weight: bold" * first


def everything(store: Store, slice: str = "all", model: str = "") -> pd.DataFrame:
    """All numbers of all metrics, ranked: one row a number."""
    frame = standings_frame(leaderboard.standings(store, LeaderboardFilter(slice=slice, model=model)))
    return frame.assign(model=frame["model"].map(short_names(frame["model"])))
