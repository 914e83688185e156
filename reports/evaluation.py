"""The report of one run or of several: what came out and what to beware of, a row a task, then the appendix."""

from collections.abc import Iterator, Sequence

from harness.api.sentence import direction, names_of, sentence
from harness.api.tables import table_of
from harness.marks import DIFFERS, signed
from harness.metrics.words import arrow, ends, factor, help_line, p_value, place, plain_name, points, value
from harness.store import Store
from harness.subset import by_reason, shortfall
from harness.types import Estimate, MetricRecord
from harness.visible import interval
from harness_reports import appendix, frameworks, provenance
from harness_reports.document import Bar, Block, Bullets, Grid, Paragraph, Picture, ReportDocument, ReportSection
from harness_reports.facts import SMALL, Facts, Number, gather, heading
from harness_reports.topics import topic_rows

BARS = 20
"""Lines of one picture: more of them would not fit on a page beside a table."""
FOUND = DIFFERS.sign
"""How the verdict on a number begins that differs from its ideal."""
COUNTS = frozenset({"Value", "95 % interval", "n", "Clusters", "Failed", "p"})


def document(store: Store, runs: Sequence[str], baseline: str | None = None) -> ReportDocument:
    """The report of these runs. Raises UnknownName for a run or baseline that is not there."""
    all_facts = [gather(store, name, baseline) for name in runs]
    if len(all_facts) == 1:
        (facts,) = all_facts
        return ReportDocument(f"Evaluation of {facts.run.model}", _lead(facts), list(_sections(store, facts, 2)))
    sections = list(_overview(store, all_facts))
    for name, facts in zip(names_of([facts.run for facts in all_facts]), all_facts, strict=True):
        sections.append(ReportSection(f"{name}, run {facts.run.id}", [Paragraph(_lead(facts))], new_page=True))
        sections += _sections(store, facts, 3)
    return ReportDocument(f"Evaluation of {len(runs)} runs", "Models beside each other, then each run.", sections)


def _lead(facts: Facts) -> str:
    base = facts.baseline
    return heading(facts.run) + (f" Baseline: run {base.id} ({base.model})." if base else "")


def _overview(store: Store, all_facts: Sequence[Facts]) -> Iterator[ReportSection]:
    """All runs in one table: each task's first metric."""
    runs = [facts.run for facts in all_facts]
    yield ReportSection("Runs", [provenance.subject(runs)])
    table = table_of(store, runs)
    records = {key: metric for run in reversed(runs) for key, metric in run.metrics().items()}
    rows = []
    for i, column in enumerate(table.columns):
        record = records.get((column.task, column.metric))
        cells = []
        for row in table.rows:
            own, best = row.numbers[i], " (best)" if row.best[i] else ""
            cells.append(f"{value(own.value, record)} {ends(own, record)}, n = {own.n}{best}" if own else "-")
        rows.append((column.task, column.metric, *cells))
    head = ("Task", "Metric", *(row.name for row in table.rows))
    note = (
        "Values with 95 % intervals; best: better than every other run by a paired test (p below .05 after Holm). "
        "Numbers of runs that asked different questions do not compare."
    )
    blocks: list[Block] = [Grid(head, tuple(rows)), Paragraph(note)]
    yield ReportSection("Models beside each other", blocks + [Bullets(table.notes)] * bool(table.notes))


def _sections(store: Store, facts: Facts, level: int) -> Iterator[ReportSection]:
    run = facts.run
    whole = [n for n in facts.numbers if n.estimate.slice == "all"]
    headline = [n for n in whole if n.is_headline]
    first = _first_of_each(headline)
    mains = [n for n in headline if n in first or n.verdict]  # a finding stands in front
    told = {n.estimate.task: n for n in (*first, *(n for n in reversed(mains) if n.verdict))}  # an ideal goes before
    main = {(n.estimate.task, n.estimate.metric) for n in told.values()}
    scores = [n for n in headline if n not in mains]
    others = [n for n in whole if not n.is_headline]
    groups = [
        n
        for n in facts.numbers
        if n.estimate.slice != "all"
        and ((n.estimate.task, n.estimate.metric) in main or (n.is_headline and n.verdict[:1] == FOUND))
    ]
    yield ReportSection("In short", list(_in_short(facts, headline)), level)
    yield ReportSection("Results", [_grid(mains), *_against(mains, facts), *_refused(facts)], level)
    left_out = Bullets(tuple(f"Left out: {line}." for line in by_reason(run.left_out)))
    yield ReportSection("Tasks", [provenance.tasks(run, run.tasks), *[left_out] * bool(run.left_out)], level)
    yield ReportSection("Limits", [provenance.limits(run.tasks)], level)
    yield ReportSection("Metrics", [_glossary(headline)], level)
    yield ReportSection("What this is evidence for", list(_evidence(store, facts)), level)
    yield from provenance.how(run, level)
    if scores:
        yield ReportSection("Other scores of the tasks", list(appendix.others(scores)), level)
    if others:
        yield ReportSection("Calibration and changed examples", list(appendix.others(others)), level)
    if groups:
        yield ReportSection("Main numbers by slice", list(appendix.slices(groups)), level)


def _in_short(facts: Facts, headline: Sequence[Number]) -> Iterator[Block]:
    if facts.run.message:
        yield Paragraph(facts.run.message)
    if facts.baseline and facts.changes:
        yield Paragraph(sentence((facts.baseline, facts.run), facts.changes) + ".")
    yield Bullets(tuple(_warnings(facts, headline)))
    first = [(n.estimate, n.metric) for n in _first_of_each(headline)]
    bars = [bar for e, record in first if (bar := bar_of(e, record, f"{e.task} {e.metric}"))]
    for start in range(0, len(bars), BARS):
        yield Picture(tuple(bars[start : start + BARS]))


def _first_of_each(headline: Sequence[Number]) -> list[Number]:
    """Each task's first metric."""
    return list({number.estimate.task: number for number in reversed(headline)}.values())[::-1]


def _warnings(facts: Facts, headline: Sequence[Number]) -> Iterator[str]:
    """What to beware of before a number is believed."""
    run, first = facts.run, _first_of_each(headline)
    questions = sum(task.n for task in run.tasks)
    yield f"{len(run.tasks)} task{'s' * (len(run.tasks) != 1)}, {questions:,} questions asked."
    if part := shortfall(run):
        yield f"A limit was set: it asked {part}."
    if small := [n.estimate.task for n in first if n.estimate.n < SMALL]:
        yield f"Fewer than {SMALL} judged examples, so wide intervals: {', '.join(small)}."
    failed = [(n.estimate.task, n.estimate.failed, n.estimate.n + n.estimate.failed) for n in first]
    if lost := [f"{task} {count} of {total}" for task, count, total in failed if count]:
        yield f"Answers that failed and are in no number: {', '.join(lost)}."
    if run.status != "finished":
        yield f"The run is {run.status}: what is missing is not known."


def bar_of(e: Estimate, record: MetricRecord | None, label: str) -> Bar | None:
    """A line of a picture, for a number between a least and a largest value."""
    at, low, high = (place(x, record) if x is not None else None for x in (e.value, e.low, e.high))
    if at is None or low is None or high is None:
        return None
    ideal = place(record.ideal, record) if record and record.better == "ideal" and record.ideal is not None else None
    return Bar(_short(label), f"{value(e.value, record)} {ends(e, record)}", at, low, high, ideal)


def _short(text: str) -> str:
    """As much of a label as there is room for beside the picture."""
    return text if len(text) <= 44 else f"{text[:21]}…{text[-22:]}"


def _grid(numbers: Sequence[Number]) -> Grid:
    """Numbers as rows; columns without content are left out."""
    head = ["Task", "Metric", "Slice", "Value", "95 % interval", "n", "Clusters", "Failed", "Verdict"]
    rows = [_cells(number) for number in numbers]
    kept = [i for i, name in enumerate(head) if name not in ("Slice", "Verdict") or any(row[i] for row in rows)]
    return Grid(tuple(head[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in rows), numbers=COUNTS)


def _cells(number: Number) -> list[str]:
    e, record = number.estimate, number.metric
    return [
        e.task, e.metric, "" if e.slice == "all" else e.slice, value(e.value, record), ends(e, record), str(e.n),
        str(e.clusters), str(e.failed), number.verdict,
    ]  # fmt: skip


def _against(numbers: Sequence[Number], facts: Facts) -> Iterator[Block]:
    """The baseline's numbers and the differences, in a table of their own: one beside the other leaves a page."""
    if facts.baseline:
        head = ("Task", "Metric", "Baseline", "n of baseline", "Difference", "p")
        rows = tuple((n.estimate.task, n.estimate.metric, *_beside(n)) for n in numbers)
        yield Grid(head, rows, numbers=frozenset({"Baseline", "n of baseline", "p"}))


def _beside(number: Number) -> list[str]:
    """The baseline's value and n, the paired difference with its interval, and p."""
    base, change, record = number.baseline, number.change, number.metric
    if base is None:
        return ["-", "-", "-", "-"]
    own = f"{value(base.value, record)} {ends(base, record)}".removesuffix(" -")
    if change is None:
        return [own, str(base.n), "-", "-"]
    p = change.paired
    times, _ = factor(record)
    spread = "" if p.low is None or p.high is None else f" {interval(times * p.low, times * p.high)}"
    shared = "" if p.n == number.estimate.n == base.n else f" (n = {p.n} of both)"
    told = f"{points(p.difference, record, signed=True)}{spread}{shared}: {signed(direction(change))}"
    return [own, str(base.n), told, p_value(change.adjusted)]


def _glossary(numbers: Sequence[Number]) -> Grid:
    """What the metrics are called in a sentence, which way they are better, and what they count."""
    records = {n.metric.name: n.metric for n in numbers if n.metric}
    rows = tuple((name, plain_name(name), arrow(m), help_line(m)) for name, m in records.items())
    return Grid(("Metric", "Called", "Better", "What it counts"), rows)


def _refused(facts: Facts) -> Iterator[Block]:
    if facts.refused:
        yield Paragraph("Not compared with the baseline:")
        yield Bullets(tuple(f"{task}: {reason}" for task, reason in facts.refused.items()))
    if facts.baseline:
        yield Paragraph("Differences are paired, example by example; p after Holm over all metrics.")


def _evidence(store: Store, facts: Facts) -> Iterator[Block]:
    yield Paragraph(frameworks.NO_STATEMENT)
    rows = topic_rows(store, facts.run, numbers=[n.estimate for n in facts.numbers])
    for framework in frameworks.read():
        lines = tuple(
            f"{entry.measure.id} ({entry.measure.asks}): {entry.named}"
            for entry in frameworks.evidence(framework, rows)
            if entry.rows
        )
        if lines:
            yield Paragraph(f"{framework.name}, mapping version {framework.version}:")
            yield Bullets(lines)
