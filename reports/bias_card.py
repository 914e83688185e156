"""The bias card of a run: a first page for those who have to answer for it, then every number behind that page."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from harness.errors import UsageError
from harness.metrics.glossary import MEANINGS
from harness.metrics.words import ends, percent, percents, points, value
from harness.store import Store
from harness.subset import by_reason
from harness.types import Estimate, MetricRecord
from harness_reports import provenance
from harness_reports.bias import BiasCard, Flips, GroupGap, Probe, gather
from harness_reports.coverage import BY_WORDS, untouched
from harness_reports.document import Bullets, Grid, Paragraph, ReportDocument, ReportSection, html, markdown
from harness_reports.facts import heading

SCHEMA = 2
LISTED = 12
"""Findings of one kind that the first page lists."""
NOTES = (
    "Detectable: the smallest true difference from the ideal that so many clusters find with a power of 80 %. A number "
    "that is not distinguishable from its ideal shows no absence of bias, only that none larger was seen.",
    "About one in twenty verdicts of an unbiased model says that it differs. There is no sum over probes: they measure "
    "different things, and none stands for what a model does in use.",
)


def bias(store: Store, runs: Sequence[str], baseline: str | None = None) -> dict[str, str]:
    """The bias card of one run as Markdown, HTML and JSON. Raises UsageError for several runs, or with a baseline."""
    if len(runs) != 1:
        raise UsageError("a bias card is of one run; --card responsible is of several")
    if baseline is not None:
        raise UsageError("a bias card has no baseline; --format html and md show one")
    card = gather(store, runs[0])
    page = document(card)
    return {"bias.md": markdown(page), "bias.html": html(page), "bias.json": as_json(card)}


def as_json(card: BiasCard) -> str:
    """The card as JSON with the version of its schema."""
    page = asdict(card) | {"schema": SCHEMA, "run": card.run.id, "model": card.run.model}
    page["asked"] = {task.name: {"n": task.n, "available": task.available} for task in card.run.tasks}
    page["settings"], page["versions"] = dict(card.run.settings), dict(card.run.versions)
    page["licences"] = {task.name: task.card.licence for task in card.run.tasks}
    page["not_covered"], page["left_out"] = untouched(card.covered), dict(card.run.left_out)
    return json.dumps(page | {"notes": NOTES}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def document(card: BiasCard) -> ReportDocument:
    """The card as a document."""
    return ReportDocument(
        f"Bias card of {card.run.model}", heading(card.run), [*_first_page(card), *_tables(card), *_limits(card)]
    )


# ---------------------------------------------------------------------------------------------------------- first page
def _first_page(card: BiasCard) -> Iterator[ReportSection]:
    used = [task for task in card.run.tasks if task.name in card.limits]
    yield ReportSection("What was tested", [provenance.tasks(card.run, used)])
    yield ReportSection("What differs", [Bullets(tuple(differing(card)))])
    yield ReportSection("What could not be told", [Bullets(tuple(_undecided(card)))])
    yield ReportSection("What is not covered", [Bullets(tuple(_uncovered(card)))])
    yield ReportSection("How it was made", [*provenance.settings(card.run), provenance.versions(card.run)])


def differing(card: BiasCard) -> Iterator[str]:
    """What differs from its ideal, or goes beyond chance, in sentences."""
    known = card.run.metrics()
    probes = [p for p in card.probes if p.differs]
    lines = [_probe_line(p, known) for p in probes if p.slice == "all"]
    lines += [_gap_line(gap) for gap in card.gaps if gap.differs]
    lines += [_flip_line(flips) for flips in card.flips if flips.differs]
    yield from _cut(lines or ["Nothing was seen to differ over all examples of a task."])
    groups = [p for p in card.probes if p.slice != "all" and p.differs is not None]
    if groups:
        count = sum(bool(p.differs) for p in groups)
        by_chance = "about one in twenty would by chance"
        yield f"By group, {count} of {len(groups)} numbers differ from their ideal ({by_chance}); see the last table."


def _undecided(card: BiasCard) -> Iterator[str]:
    known = card.run.metrics()
    whole = [p for p in card.probes if p.slice == "all" and p.ideal is not None]
    lines = [_probe_line(p, known) for p in whole if not p.differs]
    lines += [_gap_line(gap) for gap in card.gaps if not gap.differs]
    lines += [_flip_line(flips) for flips in card.flips if not flips.differs]
    yield from _cut(lines or ["Every number with an ideal has a verdict above."])
    without = sum(p.slice == "all" and p.ideal is None for p in card.probes)
    if without:
        yield f"{without} more numbers have no known ideal: they say something only beside other models or groups."


def _uncovered(card: BiasCard) -> Iterator[str]:
    missing = untouched(card.covered)
    if missing:
        yield f"No probe of this run is about: {', '.join(missing)}. {BY_WORDS}"
    yield from (f"Left out: {line}." for line in by_reason(card.run.left_out))
    others = [task.name for task in card.run.tasks if task.name not in card.limits]
    if others:
        yield f"Tasks of this run that are no probes of bias: {', '.join(others)}."
    failed = sum(p.failed for p in card.probes if p.slice == "all")
    if failed:
        yield f"{failed} examples failed, counted by metric: they are in no number."
    yield "What a model does in a particular use, in other languages and with other prompts was not tested."


def _cut(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:LISTED]
    if len(lines) > LISTED:
        yield f"and {len(lines) - LISTED} more; see the tables."


def _probe_line(p: Probe, known: dict[tuple[str, str], MetricRecord]) -> str:
    record = known[p.task, p.metric]
    spread = f" {ends(_estimate(p), record)}" if p.low is not None else ""
    return f"{p.task}, {p.metric}: {value(p.value, record)}{spread}: {p.verdict} ({p.proviso or f'n = {p.n}'})"


def _gap_line(gap: GroupGap) -> str:
    g = gap.gap
    return f"{gap.task}, {g.name} by {gap.slice}: {percent(g.value)} {percents(g.low, g.high)}: {gap.verdict}"


def _flip_line(flips: Flips) -> str:
    share = f"{percent(flips.value)} {percents(flips.low, flips.high)}"
    return f"{flips.task}, {flips.swapped} swapped: {share} of answers change: {flips.verdict}"


# -------------------------------------------------------------------------------------------------------------- tables
PROBES = ("Task", "Metric", "Value", "95 % interval", "Ideal", "Detectable", "n", "Clusters", "Failed", "Verdict")
GROUPS = ("Task", "Metric", "Group", "Value", "95 % interval", "Ideal", "n", "Clusters", "Failed", "Verdict")
GAPS = ("Task", "Groups by", "Gap", "Value", "95 % interval", "By chance", "n", "Clusters", "Verdict")
SWAPS = ("Task", "Swap", "Answers that change", "95 % interval", "Neutral edit", "n", "Verdict")
NUMBERS = frozenset({
    "Value", "95 % interval", "Ideal", "Detectable", "n", "Clusters", "Failed", "By chance", "Answers that change",
    "Neutral edit",
})  # fmt: skip


def _tables(card: BiasCard) -> Iterator[ReportSection]:
    known = card.run.metrics()
    whole = sorted((p for p in card.probes if p.slice == "all"), key=_order)
    notes = [Paragraph(note) for note in NOTES]
    names = dict.fromkeys(p.metric for p in whole)
    words = Bullets(tuple(f"{name}: {MEANINGS[name]}" for name in names if name in MEANINGS))
    if whole:
        rows = tuple(_probe_row(p, known) for p in whole)
        yield ReportSection("Numbers over all examples", [_grid(PROBES, rows), *notes, words], new_page=True)
    if card.gaps:
        yield ReportSection("Gaps between groups", [_grid(GAPS, tuple(map(_gap_row, card.gaps)))])
    if card.flips:
        yield ReportSection("Groups swapped in the text", [_grid(SWAPS, tuple(map(_flip_row, card.flips)))])
    groups = sorted((p for p in card.probes if p.slice != "all"), key=_order)
    if groups:
        rows = tuple(_group_row(p, known) for p in groups)
        yield ReportSection("Numbers by group", [_grid(GROUPS, rows)])


def _limits(card: BiasCard) -> Iterator[ReportSection]:
    yield ReportSection("Limits", [Bullets(tuple(f"{name}: {text}" for name, text in card.limits.items()))])


def _grid(head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Grid:
    return Grid(head, rows, numbers=NUMBERS)


def _order(p: Probe) -> tuple[int, str, str, str]:
    """What differs first, then what is undecided, then what has no ideal."""
    rank = 3 if p.ideal is None else 0 if p.differs else 1 if p.differs is False else 2
    return rank, p.task, p.metric, p.slice


def _probe_row(p: Probe, known: dict[tuple[str, str], MetricRecord]) -> tuple[str, ...]:
    record = known[p.task, p.metric]
    return (
        p.task, p.metric, value(p.value, record), ends(_estimate(p), record), value(p.ideal, record),
        points(p.detectable, record), str(p.n), str(p.clusters), str(p.failed), p.verdict,
    )  # fmt: skip


def _group_row(p: Probe, known: dict[tuple[str, str], MetricRecord]) -> tuple[str, ...]:
    record = known[p.task, p.metric]
    return (
        p.task, p.metric, p.slice, value(p.value, record), ends(_estimate(p), record), value(p.ideal, record),
        str(p.n), str(p.clusters), str(p.failed), p.verdict,
    )  # fmt: skip


def _gap_row(gap: GroupGap) -> tuple[str, ...]:
    g = gap.gap
    return (
        gap.task, gap.slice, g.name, percent(g.value), percents(g.low, g.high), percent(g.chance), str(g.n),
        str(g.clusters), gap.verdict,
    )  # fmt: skip


def _flip_row(f: Flips) -> tuple[str, ...]:
    spread = percents(f.low, f.high)
    return f.task, f.swapped, percent(f.value), spread, percent(f.floor), str(f.n), f.verdict


def _estimate(p: Probe) -> Estimate:
    return Estimate(p.task, p.metric, p.slice, p.value, p.low, p.high, p.n, p.clusters, p.failed)
