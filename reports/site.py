"""A folder of plain pages over many runs, to be handed on: no server, no script, nothing loaded from elsewhere."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from harness.api.sentence import names_of
from harness.errors import DataError
from harness.metrics.words import ends, value
from harness.store import Store
from harness.types import Estimate, MetricRecord, Run
from harness_reports import bias, bias_card, evaluation
from harness_reports.document import Grid, Paragraph, Picture, ReportDocument, ReportSection, html
from harness_reports.evaluation import BARS, bar_of

INDEX = "index.html"
CHARTS = 40
"""Tasks of which the first page draws the models."""

Results = dict[str, dict[tuple[str, str], Estimate]]
"""Of every run its numbers over all examples, by task and metric."""


def site(store: Store, runs: Sequence[str], baseline: str | None = None) -> dict[str, str]:
    """The pages by file name: an index with models x tasks, a report of each run, and its bias card if it has one."""
    chosen = sorted(map(store.run, runs), key=lambda run: run.started, reverse=True)
    cards = {run.id: card for run in chosen if (card := _card(store, run))}
    pages = {INDEX: html(_index(store, chosen))}
    for run in chosen:
        links = [("All runs", INDEX)] + [("Bias card", page_of(run, "bias"))] * (run.id in cards)
        pages[page_of(run)] = _linked(evaluation.document(store, [run.id], baseline), links)
    for run in chosen:
        if run.id in cards:
            links = [("All runs", INDEX), ("Report of this run", page_of(run))]
            pages[page_of(run, "bias")] = _linked(cards[run.id], links)
    return pages


def page_of(run: Run, kind: str = "run") -> str:
    """The file of a run's page: its id where that is a plain name, else a hash of it."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", run.id)
    return f"{kind}-{run.id if plain else sha256(run.id.encode()).hexdigest()[:20]}.html"


def _linked(document: ReportDocument, links: Sequence[tuple[str, str]]) -> str:
    return html(replace(document, links=tuple(links)))


def _card(store: Store, run: Run) -> ReportDocument | None:
    try:
        return bias_card.document(bias.gather(store, run.id))
    except DataError:  # it has nothing on bias
        return None


# --------------------------------------------------------------------------------------------------------- first page
def _index(store: Store, runs: Sequence[Run]) -> ReportDocument:
    results = {run.id: {(e.task, e.metric): e for e in store.results(run.id) if e.slice == "all"} for run in runs}
    models = len({run.model for run in runs})
    counts = f"{len(runs)} run{'s' * (len(runs) != 1)} of {models} model{'s' * (models != 1)}"
    lead = f"{counts}. These pages can be copied anywhere; they only show."
    sections = [
        ReportSection("Models and tasks", [_matrix(runs, results), Paragraph(NOTE)]),
        ReportSection("All runs", [_list(store, runs)]),
        *_charts(runs, results),
    ]
    return ReportDocument("Evaluations", lead, sections)


NOTE = (
    "Each task's first metric with its 95 % interval and n, of the model's newest run that asked it. Two models "
    "compare only where they were asked the same. A model's name leads to the report of its newest run."
)


def _by_model(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each model, newest first; where a number of few-shot examples was chosen, by that too."""
    rows: dict[tuple[str, object], list[Run]] = {}
    for run in runs:
        rows.setdefault((run.model, run.settings.get("shots")), []).append(run)
    models = {run.model: run for run in runs}
    names = dict(zip(models, names_of(list(models.values())), strict=True))
    return {names[model] + ("" if shots is None else f", {shots} shots"): own for (model, shots), own in rows.items()}


def _columns(runs: Sequence[Run]) -> dict[str, MetricRecord]:
    """Each task's first metric, tasks by name."""
    columns = {task.name: task.metrics[0] for run in runs for task in run.tasks if task.metrics}
    return dict(sorted(columns.items()))


def _newest(own: Sequence[Run], results: Results, task: str, record: MetricRecord) -> Estimate | None:
    """The number of the newest of these runs that has it."""
    return next((e for run in own if (e := results[run.id].get((task, record.name)))), None)


def _matrix(runs: Sequence[Run], results: Results) -> Grid:
    columns, rows = _columns(runs), _by_model(runs)
    cells = tuple(
        (label, *(_cell(_newest(own, results, task, record), record) for task, record in columns.items()))
        for label, own in rows.items()
    )
    heads = [f"{task}\n{record.name}" for task, record in columns.items()]
    links = tuple(page_of(own[0]) for own in rows.values())
    return Grid(("Model", *heads), cells, numbers=frozenset(heads), links=links)


def _cell(e: Estimate | None, record: MetricRecord) -> str:
    if e is None:
        return "-"
    failed = f", {e.failed} failed" if e.failed else ""
    return f"{value(e.value, record)}\n{ends(e, record)}, n {e.n}{failed}"


def _list(store: Store, runs: Sequence[Run]) -> Grid:
    tags = store.tags()
    rows = tuple(
        (run.id, run.model, run.started[:16].replace("T", " "), ", ".join(task.name for task in run.tasks),
         ", ".join(tags.get(run.id, ())))
        for run in runs
    )  # fmt: skip
    links = tuple(page_of(run) for run in runs)
    return Grid(("Run", "Model", "Started (UTC)", "Tasks", "Tags"), rows, links=links)


def _charts(runs: Sequence[Run], results: Results) -> Iterator[ReportSection]:
    """A picture of the models for each task that several of them were asked."""
    rows = _by_model(runs)
    drawn = 0
    for task, record in _columns(runs).items():
        numbers = {label: _newest(own, results, task, record) for label, own in rows.items()}
        bars = [bar for label, e in numbers.items() if e and (bar := bar_of(e, record, label))]
        if len(bars) > 1 and drawn < CHARTS:
            drawn += 1
            parts = [Picture(tuple(bars[start : start + BARS])) for start in range(0, len(bars), BARS)]
            yield ReportSection(f"{task}, {record.name}", parts, 3)
