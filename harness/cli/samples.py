"""`harness samples RUN TASK`: the questions of a run and what came back."""

import json
from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import cut

if TYPE_CHECKING:
    import pandas as pd

    from harness.store import Store
    from harness.types import Run


class SampleOptions(TypedDict):
    """The options of ``harness samples``."""

    where: str | None
    sort: str | None
    limit: int
    offset: int
    columns: str | None
    full: str | None
    store: str | None
    json_file: Path | None


LONGEST = 400
"""Characters of a text in the list; ``--full`` shows all of it."""


@click.command("samples")
@click.argument("run")
@click.argument("task")
@click.option("--where", metavar="SQL", help='Condition, such as "correct = false and value.acc_norm > 0".')
@click.option("--sort", metavar="SQL", help='Ordering, such as "value.acc desc, example_id".')
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many to skip first.")
@click.option("--columns", metavar="A,B", help="A table of these columns instead, such as prediction,value.acc.")
@click.option("--full", metavar="ID", help="One sample in full, with its choices.")
@store_option
@json_option
def command(run: str, task: str, **options: Unpack[SampleOptions]) -> int:
    """Show samples of TASK in RUN that match a condition: question, answer and gold. --json writes all their columns.

    \b
    harness samples latest arc_easy --where "correct = false"
    harness samples latest arc_easy --full Mercury_7175875
    """
    from harness.store import open_store

    opened = open_store(options["store"], create=False)
    columns, json_file, full = options["columns"], options["json_file"], options["full"]
    if full is not None:
        if columns or options["where"] or options["sort"]:
            raise click.UsageError("--full shows one sample: leave out --where, --sort and --columns")
        frame = _one(opened, run, task, full)
    else:
        selected = [name.strip() for name in columns.split(",")] if columns else None
        page = (options["where"], options["sort"], options["limit"], options["offset"])
        frame = opened.samples(run, task, *page, selected)
    if json_file:
        write_json(json_file, records(opened.samples(run, task, *page) if columns else frame))
    if frame.empty:
        click.echo("no samples match")
    elif full is not None:
        for text in (*_in_full(records(frame)[0]), *_chat(opened.run(run), task)):
            click.echo(text)
    elif columns:
        _print(frame)
    else:
        _list(opened, run, task, frame)
    return 0


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Samples as JSON: a missing value is null."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _one(store: "Store", run: str, task: str, example: str) -> "pd.DataFrame":
    """The sample of this name. Raises UsageError where there is none."""
    from harness.errors import UsageError, quoted
    from harness.store.queries.samples import SampleFilter, condition

    frame = store.samples(run, task, condition(SampleFilter(examples=(example,))), limit=1)
    if frame.empty:
        raise UsageError(f"{task} of run {run} has no example {quoted(example)}; `harness samples` lists them")
    return frame


# ---------------------------------------------------------------------------------------------------------------- list
def _list(store: "Store", run: str, task: str, frame: "pd.DataFrame") -> None:
    """A few lines for each sample: the question without what all prompts begin with, the answer, gold as text."""
    from harness.store.queries.questions import preamble

    shared = preamble(store, run, task)
    for row in records(frame):
        for text in _lines(row, shared):
            click.echo(text)
    click.echo(f"{len(frame)} sample{'s' * (len(frame) != 1)}; one in full: --full ID")


def _lines(row: Mapping[str, Any], shared: str) -> Iterator[str]:
    from harness.store.queries.questions import gold_of, outcome, question

    values = ", ".join(f"{name} {_cell(value)}" for name, value in _values(row).items())
    yield f"{_cell(row['example_id'])}  {outcome(row)}" + (f"  ({values})" if values else "")
    if row["prompt"] is not None:
        yield f"  question  {_flat(question(row['prompt'], shared, LONGEST))}"
    if row["prediction"] is not None:
        yield f"  answer    {_flat(row['prediction'])}"
    if gold := gold_of(row):
        yield f"  gold      {_flat(gold)}"
    if row["failure_message"]:
        yield f"  failed    {_flat(row['failure_message'])}"


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a sample by metric, those of calibration left out."""
    from harness.metrics.calibrate import METRICS

    beside = {f"value.{metric.name}" for metric in METRICS}
    names = (name for name in row if name.startswith("value.") and name not in beside)
    return {name.removeprefix("value."): row[name] for name in names if row[name] is not None}


def _flat(value: Any) -> str:
    """A text on one line, no longer than the list has room for."""
    text = " ".join(cut(str(value)).split())
    return text if len(text) <= LONGEST + 10 else f"{text[: LONGEST - 1]}…"


# --------------------------------------------------------------------------------------------------------- one in full
def _in_full(row: Mapping[str, Any]) -> Iterator[str]:
    """Everything about a sample that a person reads; the rest is in --json."""
    from harness.store.queries.questions import asked, choices, gold_of, outcome, reasoning

    yield f"{_cell(row['example_id'])}  {outcome(row)}"
    thought = reasoning(row)
    parts = ("prompt", asked(row)), ("reasoning", thought), ("answer", row["prediction"]), ("gold", gold_of(row))
    for name, text in parts:
        if text:
            yield from (f"--- {name}", cut(str(text)))
    listed = list(choices(row))
    if listed:
        yield "--- choices"
    for choice in listed:
        share = "" if choice.share is None else f", {choice.share:.1%}"
        marks = ["answer"] * choice.picked + ["gold"] * choice.gold
        yield f"{_flat(choice.text)}: {choice.logprob:.4g} nats{share}" + (f" <- {', '.join(marks)}" if marks else "")
    if row["failure_message"]:
        yield from ("--- failed", cut(str(row["failure_message"])))
    if values := {name: value for name, value in row.items() if name.startswith("value.") and value is not None}:
        yield from ("--- values", ", ".join(f"{name[6:]} {_cell(value)}" for name, value in values.items()))
    if slices := row["slices"]:
        yield from ("--- slices", _flat(", ".join(f"{name}={value}" for name, value in slices.items())))


def _chat(run: "Run", task: str) -> Iterator[str]:
    """How a chat was asked, whose prompt is kept as the task writes it."""
    known = {name: value for name, value in run.fingerprint.items() if value and value != "none"}
    told = [f"chat template {known['chat_template'][:16]}"] if "chat_template" in known else []
    told += ["the messages of a chat"] if known.get("endpoint") == "chat" else []
    if told:
        told += [f"system message: {known['system']}"] if "system" in known else []
        yield from ("--- asked in", _flat("; ".join(told)))
        yield f"harness show-prompt {task} --model MODEL --chat shows the whole text"


# --------------------------------------------------------------------------------------------------------------- table
def _print(frame: "pd.DataFrame") -> None:
    """A table of columns as they are stored."""
    from harness.cli.table import print_table

    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    print_table(list(frame.columns), rows, caption=f"{len(frame)} samples", width=160)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    text = " ".join(cut(str(value)).split())
    return text if len(text) <= 200 else f"{text[:40]} … {text[-150:]}"
