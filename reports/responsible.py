"""The responsible-AI report: one document over several runs, of which every claim has its number and its run.

What was not measured says so; what is evidence for a rule is named; the runs are signed by their hashes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.energy.costs import cost_table
from harness.errors import UsageError
from harness.store import Store
from harness.store.digest import Signature, seal, signature
from harness.subset import by_reason, shortfall
from harness.types import Run
from harness_reports import frameworks, provenance
from harness_reports.coverage import BY_WORDS, touched, untouched
from harness_reports.document import (
    Block,
    Bullets,
    Grid,
    Paragraph,
    ReportDocument,
    ReportSection,
    Verbatim,
    html,
    markdown,
)  # fmt: skip
from harness_reports.frameworks import NOTHING
from harness_reports.topics import TITLES, WRITTEN, Topic, TopicRow, deep_rows, topic_rows

SCHEMA = 1
ROWS = ("Task", "Measure", "Value", "95 % interval", "n", "Failed", "Reading", "Limits", "Run")
NUMBERS = frozenset({"Value", "95 % interval", "n", "Failed", "Numbers"})
COUNTED = ("parameters", "operations", "tokens_computed", "prompts_cut")
"""What the engine counted that says how a run was made; times and memory are of the machine."""
BLANK = "." * 24
"""A place to write in, on paper."""
TO_MEASURE = {
    "accuracy": "harness run MODEL --tasks mmlu",
    "bias": "harness run MODEL --tasks bias",
    "fairness": "harness run MODEL --tasks TASK --counterfactual gender",
    "safety": "harness run MODEL --tasks safety",
    "security": "harness run MODEL --tasks injection",
    "privacy": "harness privacy leaks RUN; harness privacy membership MODEL FILE FILE --keep RUN",
    "contamination": "harness run MODEL --tasks gsm8k/renumbered; harness contamination TASKS --corpus FILE --keep RUN",
    "robustness": "harness run MODEL --tasks TASK --perturb typos",
    "calibration": "any task of choices",
    "energy": "harness run on a machine with RAPL or NVML counters",
    "scorer": "a task that is judged by a scorer, with --scorer",
}
"""By topic how it would be measured."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What several runs say of all topics; ``grounds``: those probed."""

    runs: tuple[Run, ...]
    rows: tuple[TopicRow, ...]
    signed: tuple[Signature, ...]
    grounds: tuple[str, ...]

    def of(self, topic: Topic) -> list[TopicRow]:
        """The rows of a topic."""
        return [row for row in self.rows if row.topic == topic]

    @property
    def seal(self) -> str:
        """One hash over all runs."""
        return seal(self.signed)


def responsible(store: Store, runs: Sequence[str], baseline: str | None = None) -> dict[str, str]:
    """The responsible-AI report as Markdown, HTML and JSON. Raises UsageError with a baseline: it has none."""
    if baseline is not None:
        raise UsageError("a responsible-AI report has no baseline; --format html and md show one")
    audit = gather(store, runs)
    page = document(audit)
    return {"responsible.md": markdown(page), "responsible.html": html(page), "responsible.json": as_json(audit)}


def gather(store: Store, names: Sequence[str]) -> Audit:
    """Everything that these runs say. Reads every stored answer. Raises as ``digest`` does."""
    runs = [store.run(name) for name in names]
    rows: list[TopicRow] = []
    grounds: list[str] = []
    for run in runs:
        deep = list(deep_rows(store, run))
        tested = {row.task for row in deep if row.topic == "fairness"}
        plain = topic_rows(store, run, store.results(run.id))
        rows += [row for row in plain if row.value is not None or row.topic != "fairness" or row.task not in tested]
        rows += deep
        probes = {row.task for row in rows if row.run == run.id and row.topic in ("bias", "fairness")}
        grounds += touched(store, run, probes)
    return Audit(
        tuple(runs), tuple(rows), tuple(signature(store, run.id) for run in runs), tuple(dict.fromkeys(grounds))
    )


# ------------------------------------------------------------------------------------------------------------ document
def document(audit: Audit) -> ReportDocument:
    """The report as a document."""
    models = ", ".join(dict.fromkeys(run.model for run in audit.runs))
    count = len(audit.runs)
    lead = (
        f'{count} run{"s" * (count != 1)} of {models}. Every number names its run; what says "{NOTHING}" was not '
        'looked at in these runs; "-" stands for an interval that a number has not, and for failures that cannot be. '
        f"{frameworks.NO_STATEMENT}"
    )
    sections = [
        ReportSection("What was tested", [provenance.subject(audit.runs)]),
        ReportSection("At a glance", [_glance(audit)]),
        ReportSection("What is not covered", [Bullets(tuple(_uncovered(audit)))]),
        ReportSection("Signature", list(_signature(audit))),
        *_frameworks(audit),
        *_topics(audit),
        *_runs(audit),
    ]
    return ReportDocument("Responsible-AI report", lead, sections)


def _glance(audit: Audit) -> Grid:
    rows = [(TITLES[topic], str(len(audit.of(topic))), _told(audit.of(topic))) for topic in TITLES]
    return Grid(("Topic", "Numbers", "Reading"), tuple(rows), numbers=NUMBERS)


def _told(rows: Sequence[TopicRow]) -> str:
    """The rows of a topic in a line: how many differ and how many cannot be told, or the first of them."""
    if not rows:
        return NOTHING
    counts = Counter(row.finding for row in rows)
    rest = counts["not judged"]
    if judged := len(rows) - rest:
        parts = [f"{counts['differs']} of {judged} differ from the ideal or from chance"]
        parts += [f"{counts['unclear']} cannot be told from it"] * bool(counts["unclear"])
        parts += [f"{rest} more have no ideal"] * bool(rest)
        return "; ".join(parts)
    return f"{frameworks.told(rows[0])}" + (f"; {len(rows) - 1} more below" if len(rows) > 1 else "")


def _uncovered(audit: Audit) -> Iterator[str]:
    missing = [TITLES[topic] for topic in TITLES if not audit.of(topic)]
    if missing:
        yield f"Not measured in these runs: {', '.join(missing)}."
    if grounds := untouched(audit.grounds):
        yield f"Grounds of discrimination that no probe is about: {', '.join(grounds)}. {BY_WORDS}"
    for run in audit.runs:
        if part := shortfall(run):
            yield f"Run {run.id} asked {part}."
        yield from (f"Run {run.id} left out {line}." for line in by_reason(run.left_out))
        if run.status != "finished":
            yield f"Run {run.id} is {run.status}."
    failed: dict[tuple[str, str], int] = {}
    for row in (row for row in audit.rows if row.task != WRITTEN):  # an answer without a text may have been judged
        failed[row.task, row.run] = max(row.failed or 0, failed.get((row.task, row.run), 0))
    if lost := [f"{task} ({count} in run {run})" for (task, run), count in failed.items() if count]:
        yield f"Answers that failed and are in no number: {', '.join(lost)}."
    yield "Human oversight, use in practice, other languages and prompts than those of the tasks were not tested."


def _signature(audit: Audit) -> Iterator[Block]:
    yield Paragraph(
        "Each run is signed by one sha256 over its record, its numbers and every stored answer; what audits kept with "
        "it since has one of its own. Whoever has the store gets the same lines from this command, and their seal by "
        "passing them to sha256sum; harness samples RUN TASK shows the answers behind a number."
    )
    yield Verbatim(f"harness runs digest {' '.join(run.id for run in audit.runs)}")
    rows = tuple(line for signed in audit.signed for line in signed.lines)
    yield Grid(("Run", "sha256"), (*rows, ("seal", audit.seal)), codes=frozenset({"Run", "sha256"}))
    yield Grid(("Responsible person", "Date", "Signed"), ((BLANK, BLANK, BLANK),))


def _frameworks(audit: Audit) -> Iterator[ReportSection]:
    for number, framework in enumerate(frameworks.read()):
        found, count = frameworks.evidence(framework, audit.rows), len(audit.runs)
        rows = [(e.measure.id, e.measure.asks, e.by_run(count)) for e in found]
        grid = Grid(("Reference", "Asks for", "Evidence in these runs"), tuple(rows))
        title = f"{framework.name}, mapping version {framework.version}"
        yield ReportSection(title, [grid], new_page=number == 0)


def _topics(audit: Audit) -> Iterator[ReportSection]:
    for number, (topic, title) in enumerate(TITLES.items()):
        rows = audit.of(topic)
        nothing = Paragraph(f"Not measured. To measure it: {TO_MEASURE[topic]}")
        blocks: list[Block] = list(_table(rows)) if rows else [nothing]
        if topic == "energy" and not rows:
            blocks += [Bullets(tuple(f"run {run.id}: {dict(cost_table(run))['energy']}" for run in audit.runs))]
        yield ReportSection(title, blocks, new_page=number == 0)


def _table(rows: Sequence[TopicRow]) -> Iterator[Block]:
    """The rows of a topic; what their measures count, and their limits by number, below."""
    texts = dict.fromkeys(text for row in rows for text in row.limits)
    limits = {text: str(place) for place, text in enumerate(texts, 1)}
    cells = tuple(
        (
            row.task, row.measure, row.shown, row.spread, _count(row.n), _count(row.failed),
            row.reading, ", ".join(limits[text] for text in row.limits) or "-", row.run,
        )
        for row in rows
    )  # fmt: skip
    yield Grid(ROWS, cells, numbers=NUMBERS, codes=frozenset({"Run"}))
    meanings = dict.fromkeys(f"{row.measure}: {row.meaning}" for row in rows if row.meaning)
    if notes := (*meanings, *(f"Limits {place}: {text}" for text, place in limits.items())):
        yield Bullets(notes)


def _count(n: int | None) -> str:
    return "-" if n is None else f"{n:,}"


def _runs(audit: Audit) -> Iterator[ReportSection]:
    for number, run in enumerate(audit.runs):
        made: list[Block] = [provenance.versions(run), provenance.model(run, COUNTED)]
        blocks = [provenance.tasks(run, run.tasks), *provenance.settings(run), *made]
        yield ReportSection(f"How run {run.id} was made", blocks, new_page=number == 0)


# ---------------------------------------------------------------------------------------------------------------- JSON
def as_json(audit: Audit) -> str:
    """The report as JSON with the version of its schema; a topic without numbers is an empty list."""
    page: dict[str, Any] = {
        "schema": SCHEMA,
        "runs": [
            {
                "run": run.id,
                "model": run.model,
                "started": run.started,
                "sha256": signed.sha256,
                "audits_sha256": signed.audits,
            }
            for run, signed in zip(audit.runs, audit.signed, strict=True)
        ],
        "seal": audit.seal,
        "topics": {topic: [asdict(row) for row in audit.of(topic)] for topic in TITLES},
        "grounds": {"probed": audit.grounds, "not_probed": untouched(audit.grounds)},
        "frameworks": [
            {
                "framework": framework.name,
                "version": framework.version,
                "measures": [_measure(e) for e in frameworks.evidence(framework, audit.rows)],
            }
            for framework in frameworks.read()
        ],
        "settings": {run.id: dict(run.settings) for run in audit.runs},
        "versions": {run.id: dict(run.versions) for run in audit.runs},
    }
    return json.dumps(page, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _measure(evidence: frameworks.Evidence) -> dict[str, Any]:
    rows = [{"run": row.run, "task": row.task, "measure": row.measure} for row in evidence.rows]
    return {"id": evidence.measure.id, "asks": evidence.measure.asks, "measured": bool(rows), "evidence": rows}
