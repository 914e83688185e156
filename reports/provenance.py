"""What every report says of its runs beside their numbers: what was asked of whom, with what, and under which terms."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from harness.energy.costs import cost_table
from harness.subset import extent
from harness.types import Run, TaskRecord
from harness_reports.document import Block, Bullets, Grid, Paragraph, ReportSection, Verbatim

NO_COMMAND = "It was made from Python: no command was stored."


def subject(runs: Sequence[Run]) -> Grid:
    """The runs of a report, one a row."""
    head = ("Model", "Run", "Weights sha256", "Started", "Status", "Tasks", "Examples asked")
    rows = tuple(
        (
            run.model, run.id, run.fingerprint.get("weights", "-")[:16], _minute(run.started), run.status,
            str(len(run.tasks)), f"{sum(task.n for task in run.tasks):,}",
        )
        for run in runs
    )  # fmt: skip
    return Grid(head, rows, numbers=frozenset({"Tasks", "Examples asked"}), codes=frozenset({"Run", "Weights sha256"}))


def tasks(run: Run, chosen: Sequence[TaskRecord]) -> Grid:
    """Which questions were asked: version, number, few-shot examples, the data's hash and licence."""
    head = ("Task", "Version", "Examples asked", "Shots", "Data sha256", "Licence of the data")
    rows = tuple(
        (t.name, str(t.version), extent(run, t), str(t.shots), t.data_sha256[:16], t.card.licence) for t in chosen
    )
    return Grid(head, rows, numbers=frozenset({"Version", "Shots"}), codes=frozenset({"Data sha256"}))


def limits(chosen: Sequence[TaskRecord]) -> Bullets:
    """What the tasks measure and what they do not show, as their cards say."""
    cards = dict.fromkeys((t.name, t.card.measures, t.card.limits) for t in chosen)
    return Bullets(tuple(f"{name}: {measures} {limit}".strip() for name, measures, limit in cards))


def settings(run: Run) -> list[Block]:
    """The command and the settings of a run."""
    words = "; ".join(f"{key} {_shown(value)}" for key, value in run.settings.items())
    return [Verbatim(run.command) if run.command else Paragraph(NO_COMMAND), Paragraph(f"Settings: {words or 'none'}")]


def versions(run: Run) -> Paragraph:
    """The versions of what a run was made with, on one line."""
    return Paragraph("Versions: " + ("; ".join(f"{name} {version}" for name, version in run.versions.items()) or "-"))


def how(run: Run, level: int = 2) -> Iterator[ReportSection]:
    """What answering took, and everything that can change an answer."""
    yield ReportSection("What answering took", [Grid(("What", "How much"), tuple(cost_table(run)))], level)
    parts = (("Model", run.fingerprint), ("Engine", run.engine))
    told = [Paragraph(f"{name}: {'; '.join(f'{k} {_shown(v)}' for k, v in own.items())}") for name, own in parts if own]
    yield ReportSection("How it was made", [*settings(run), versions(run), *told], level)


def model(run: Run, counts: Sequence[str]) -> Grid:
    """The hashes of a model, how it was asked, and these ``counts`` of the engine."""
    counted = {key: value for key, value in run.engine.items() if key in counts}
    rows = tuple((key, _shown(value)) for group in (run.fingerprint, counted) for key, value in group.items())
    return Grid(("Model and engine", "Value"), rows, codes=frozenset({"Value"}))


def _minute(text: str) -> str:
    """A time as people write it; a text that is none as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:.6g}"
    return "none" if value is None or value == "" else str(value)
