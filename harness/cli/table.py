"""How results look on a terminal and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.metrics import words
from harness.metrics.ideals import against
from harness.metrics.overfit import gaps
from harness.subset import shortfall
from harness.types import Estimate, MetricRecord, Run
from harness.visible import line

ROWS = 500
"""The most rows of a table that are printed: ten thousand slices take minutes and nobody reads them."""


def result_json(run: Run, estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The schema of ``--json``: run, model, status, energy (null where no meter was read), asked, left_out, results.

    ``asked``: by task how many examples of how many available ones (null in older runs); ``left_out``: by task why it
    was named and not asked.
    """
    energy = asdict(run.energy) if run.energy else None
    results = [asdict(e) for e in estimates]
    asked = {task.name: {"n": task.n, "available": task.available} for task in run.tasks}
    return {
        "run": run.id,
        "model": run.model,
        "status": run.status,
        "energy": energy,
        "asked": asked,
        "left_out": dict(run.left_out),
        "results": results,
    }


def wide_console(width: int = 160) -> Any:
    """A console; where there is no terminal, one of a fixed width. A closed pipe is told as everywhere."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Piped()
    return console if console.is_terminal else Piped(width=width)


def columns(rows: Sequence[Mapping[str, str]], nothing: str) -> Iterator[str]:
    """Lines of columns as wide as their content, of which nothing is cut: plain text that can be grepped.

    ``nothing`` is the line that stands for no rows.
    """
    if not rows:
        yield nothing
        return
    names = list(rows[0])
    cells = [names, *([line(row[name], 2_000) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def plain(*cells: object) -> list[Any]:
    """Cells of a rich table that are nothing but text: a bracket is no markup, a control character is visible."""
    from rich.text import Text

    return [Text(line(cell)) for cell in cells]


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", caption: str = "", width: int = 120
) -> None:
    """Print rows of cells that are nothing but text."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title_justify="left", caption_justify="left")
    table.title = Text(line(title)) if title else None
    table.caption = Text(line(caption)) if caption else None
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*plain(*row))
    wide_console(width).print(table)


def results_table(run: Run, estimates: Sequence[Estimate], *, slices: bool = False) -> None:
    """Print the numbers of a run; those of slices and of calibration only with ``slices``."""
    from rich.table import Table
    from rich.text import Text

    records = run.metrics()
    calibration = {key for key, metric in records.items() if metric.family == "calibration"}
    shown = [e for e in estimates if slices or (e.slice == "all" and (e.task, e.metric) not in calibration)]
    known = run.ideals()
    ideals = any((e.task, e.metric) in known for e in shown)
    cut = int(run.engine.get("prompts_cut") or 0)
    lost = f"; {cut} prompts were truncated on the left to fit the context" if cut else ""
    more = lost if slices or len(shown) == len(estimates) else f"{lost}; slices and calibration: harness show {run.id}"

    asked = f"asked {part}; " if (part := shortfall(run)) else ""
    like = ", for questions like these" if "sampled" in part else ""
    left = len(shown) - ROWS
    if left > 0:
        more += f"; {left:,} more rows are not shown: --task narrows them, --json has all"
    table = Table(
        title=Text(line(f"{run.model}  ·  run {run.id}")),
        title_justify="left",
        caption=Text(line(f"{asked}95 % intervals{like}; n: examples judged; a failed example has no score" + more)),
        caption_justify="left",
    )
    for name in ("task", "metric", *(("slice",) if slices else ())):
        table.add_column(name)
    for name in ("value", "95 % interval", "n", "clusters", "failed"):
        table.add_column(name, justify="right")
    if ideals:
        table.add_column("against the ideal")
    last = ""
    for e in shown[:ROWS]:
        where = (e.slice,) if slices else ()
        record = records.get((e.task, e.metric))
        cells = (
            e.task if e.task != last else "",
            e.metric,
            *where,
            words.value(e.value, record),
            words.ends(e, record),
            e.n,
            e.clusters,
            e.failed,
        )
        table.add_row(*plain(*cells, *([against(e, record)] if ideals else [])))
        last = e.task
    wide_console(120).print(table)


def runs_table(runs: Sequence[str], store: str | None) -> None:
    """Print tasks x runs with intervals: each task's first metric, the best number marked where a test says so."""
    from harness.api import table

    whole = table(runs, store=store)
    rows = [
        [one.task, one.metric, *(_marked(row.numbers[place], one.record, row.best[place]) for row in whole.rows)]
        for place, one in enumerate(whole.columns)
    ]
    caption = "95 % intervals; *: better than every other run (paired test, p < .05 after Holm)"
    print_table(["task", "metric", *(row.name for row in whole.rows)], rows, caption=caption, width=160)


def _marked(own: Estimate | None, record: MetricRecord, best: bool) -> str:
    return "-" if own is None else words.with_ends(own, record) + words.factor(record)[1] + " *" * best


def training_lines(run: Run, estimates: Sequence[Estimate]) -> Iterator[str]:
    """A fine-tuned model's scores on train, held-out and validation examples, with the gap, a line per metric."""
    own, records = {(e.task, e.metric): e.value for e in estimates if e.slice == "all"}, run.metrics()
    for training in run.training:
        overfit = gaps(training, estimates)
        for name, value in training.train.values.items():
            parts = [
                ("train", value),
                ("held-out", training.held_out.values.get(name)),
                ("validation", own.get((training.task, name))),
            ]
            record, gap = records.get((training.task, name)), overfit.get(name)
            told = [f"{part} {words.value(v, record)}" for part, v in parts if v is not None]
            if gap and gap.value is not None:
                ends = words.span(gap.low, gap.high, record)
                told.append(f"gap {words.points(gap.value, record, signed=True)}" + f" ({ends})" * (ends != "-"))
            yield f"{training.task} {name}: {', '.join(told)}"
