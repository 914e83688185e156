"""The numbers of a run by the topic of responsible AI that they are about, each with all that is needed to judge it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness import plugins
from harness.energy.costs import costs, summary
from harness.errors import DataError, HarnessError
from harness.gate.formats import outcome
from harness.metrics.glossary import MEANINGS
from harness.metrics.words import ends, percent, percents, value
from harness.privacy.leaks import leaks_of
from harness.privacy.personal import VALIDATORS
from harness.store import Store
from harness.types import AuditResult, Card, Estimate, MetricRecord, Run
from harness.visible import interval, number
from harness_reports.bias import SENSITIVE, Probe, flips_more, gather, key_of, read_flips, read_probe

Topic = Literal[
    "accuracy", "bias", "fairness", "safety", "security", "privacy", "contamination", "robustness", "calibration",
    "energy", "scorer", "gates", "records",
]  # fmt: skip

Finding = Literal["differs", "equal", "unclear", "not judged"]
"""Whether a number differs from its ideal or from chance; "equal" in every example; "not judged" without either."""

TITLES: Mapping[Topic, str] = {
    "accuracy": "Accuracy",
    "bias": "Bias",
    "fairness": "Fairness between groups",
    "safety": "Safety and false information",
    "security": "Security: prompt injection and jailbreaks",
    "privacy": "Privacy",
    "contamination": "Contamination of the test data",
    "robustness": "Robustness",
    "calibration": "Calibration",
    "energy": "Energy",
    "scorer": "Errors of the scorers themselves",
}
"""What stands in a document of its own section, in this order."""

TAGS: Mapping[str, Topic] = {
    "injection": "security", "safety": "safety", "toxicity": "safety", "scored refusals": "safety", "truth": "safety",
    "factuality": "safety", "bias": "bias", "contamination": "contamination",
}  # fmt: skip
"""The topic of a task's numbers by its tag."""
NAMESPACES: Mapping[str, Topic] = {"jailbreak": "security", "garak": "security"}
"""The topic of tasks that no plug-in offers, by what stands before the slash: attempts of a file, probes of garak."""
CALIBRATION = ("ece_mass_10", "ece_mass_10_floor", "brier_multi")
"""The numbers of calibration that stand for all of them."""
NAMELESS = "Personal data that the prompt does not hold, by patterns, which find no names and addresses."
AUDITED: Mapping[str, str] = {
    "contamination": "Of this corpus, or these questions and shuffles; what was rephrased or translated is not found.",
    "privacy": "Of the texts that the audit was given, asked in the way that it asked.",
}
"""What the numbers that audits kept do not show, by topic."""
WRITTEN = "written answers"
"""What personal data is looked for in, of all tasks of a run together."""
METERED = "Of the device that was metered, while it answered; not of training."


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A number of a run with its interval, n and limits; ``shown`` and ``spread`` are value and interval in words.

    ``n`` is None where nothing was counted, ``failed`` where it was not counted how many answers are missing.
    ``meaning``: what the measure counts, where the name of a metric does not say it.
    """

    topic: Topic
    run: str
    task: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    shown: str
    spread: str
    n: int | None
    failed: int | None
    reading: str
    limits: tuple[str, ...]
    finding: Finding = "not judged"
    meaning: str = ""


def topic_rows(store: Store, run: Run, numbers: Sequence[Estimate]) -> list[TopicRow]:
    """What the stored numbers of a run are about. Reads no sample."""
    known, topics = run.metrics(), _topics(run)
    cards = {task.name: task.card for task in run.tasks}
    whole = [e for e in numbers if e.slice == "all"]
    floors = {key: e for e in whole if (key := _swapped(known.get((e.task, e.metric)), e.task))}
    rows = []
    for e in whole:
        record = known.get((e.task, e.metric))
        topic = topic_of(record, topics.get(e.task, "accuracy"))
        if topic and e.value is not None:
            rows.append(_row(topic, run, e, record, floors, cards.get(e.task)))
    rows += _by_group(run, numbers, cards)
    rows += [_of_audit(run, one) for one in store.audit_results(run.id)]
    gates = store.verdicts(run.id)
    rows += [_plain("gates", run, f"gate of {one.at[:10]}: {outcome(one.verdict)}") for one in gates]
    rows.append(_plain("records", run, "settings, versions, hashes of data, every answer"))
    return rows + list(_energy(run))


def deep_rows(store: Store, run: Run) -> Iterator[TopicRow]:
    """What the stored answers of a run say beyond its numbers: gaps between groups, personal data in texts."""
    cards = {task.name: task.card for task in run.tasks}
    try:
        gaps = gather(store, run.id).gaps
    except DataError:
        gaps = ()
    for each in gaps:
        g = each.gap
        if g.value is not None:
            spread, limits = percents(g.low, g.high), (cards[each.task].limits,)
            yield TopicRow(
                "fairness", run.id, each.task, f"{g.name} by {each.slice}", g.value, g.low, g.high, percent(g.value),
                spread, g.n, None, each.verdict, limits, _finding(each.differs),
            )  # fmt: skip
    try:
        leaks = leaks_of(store, run.id, redact=True)
    except HarnessError:  # no written answers, or samples that are lost
        return
    for kind in leaks.kinds:
        low, high = kind.interval
        how = VALIDATORS[kind.kind]
        reading = f"{kind.hits} answers; its pattern finds {how.hits} of {how.there} labelled ones, {how.false} false"
        share = kind.hits / kind.n
        yield TopicRow(
            "privacy", run.id, WRITTEN, f"personal data: {kind.kind}", share, low, high,
            percent(share), percents(low, high), kind.n, leaks.without, reading, (NAMELESS,),
        )  # fmt: skip


def _topics(run: Run) -> dict[str, Topic]:
    """The topic of each task by its tags, where it is installed; else by where it comes from, or none of its own."""
    installed = plugins.catalogue().tasks
    topics: dict[str, Topic] = {}
    for task in run.tasks:
        if task.name not in installed:
            space = NAMESPACES.get(task.name.partition("/")[0])
            topics |= {task.name: space} if space else {}
            continue
        tags = installed[task.name].tags
        for tag, topic in TAGS.items():
            if tag in tags:
                topics.setdefault(task.name, topic)
    return topics


def topic_of(record: MetricRecord | None, of_task: Topic) -> Topic | None:
    """What a metric is about; None for one that only stands beside others."""
    if record is None:
        return of_task
    if record.family == "calibration":
        return "calibration" if record.name in CALIBRATION else None
    if record.family == "scorer":
        return "scorer"
    if record.family == "variant" and not record.variant:
        return "robustness"
    if record.variant:
        if record.variant.kind == "floor" or record.variant.tells == "test":
            return None
        return "fairness" if record.variant.kind == "swap" else "robustness"
    return "bias" if record.better == "ideal" and of_task == "accuracy" else of_task


def _swapped(record: MetricRecord | None, task: str) -> tuple[str, str] | None:
    """(task, swap) of the flips of a neutral edit."""
    variant = record.variant if record else None
    return (task, variant.swap) if variant and variant.kind == "floor" and variant.tells == "flips" else None


def _reading(
    e: Estimate, record: MetricRecord | None, floors: Mapping[tuple[str, str], Estimate]
) -> tuple[str, Finding]:
    if record and record.variant and record.variant.kind == "swap" and record.variant.tells == "flips":
        floor = floors.get((e.task, record.variant.swap))
        return read_flips(e, floor), _finding(flips_more(e, floor))
    if record and record.better == "ideal":
        probe = read_probe(e, record)
        return probe.verdict + (f" ({probe.proviso})" if probe.proviso else ""), _finding_of(probe)
    if record and record.interval == "none":
        return "to compare with, no score", "not judged"
    words = {"higher": "higher is better", "lower": "lower is better"}.get(record.better if record else "higher", "")
    return words, "not judged"


def _finding_of(probe: Probe) -> Finding:
    if probe.ideal is None:
        return "not judged"
    return "equal" if probe.differs is False and probe.detectable is None else _finding(probe.differs)


def _finding(differs: bool | None) -> Finding:
    return "differs" if differs else "unclear"


def _row(
    topic: Topic,
    run: Run,
    e: Estimate,
    record: MetricRecord | None,
    floors: Mapping[tuple[str, str], Estimate],
    card: Card | None,
) -> TopicRow:
    reading, finding = _reading(e, record, floors)
    limits = tuple(filter(None, (record.limits if record else "", card.limits if card else "")))
    return TopicRow(
        topic, run.id, e.task, e.metric, e.value, e.low, e.high, value(e.value, record), ends(e, record), e.n, e.failed,
        reading, limits, finding, MEANINGS.get(e.metric, ""),
    )  # fmt: skip


def _by_group(run: Run, numbers: Sequence[Estimate], cards: Mapping[str, Card]) -> Iterator[TopicRow]:
    """One row for each task's first metric and slice that names groups of people: how far the groups lie apart."""
    first = {task.name: task.metrics[0] for task in run.tasks if task.metrics}
    groups: dict[tuple[str, str], list[Estimate]] = {}
    for e in numbers:
        record = first.get(e.task)
        if record and e.metric == record.name and key_of(e.slice) in SENSITIVE and e.value is not None:
            groups.setdefault((e.task, key_of(e.slice)), []).append(e)
    for (task, key), own in groups.items():
        if len(own) < 2:
            continue
        record = first[task]
        ordered = sorted(own, key=lambda e: e.value or 0.0)
        low, high = ordered[0], ordered[-1]
        spread = f"{value(low.value, record)} ({low.slice}) to {value(high.value, record)} ({high.slice})"
        yield TopicRow(
            "fairness", run.id, task, f"{record.name} by {key}", None, None, None, spread, "each group has its own",
            sum(e.n for e in own), sum(e.failed for e in own), f"lowest and highest of {len(own)} groups",
            (cards[task].limits,),
        )  # fmt: skip


def _plain(topic: Topic, run: Run, what: str) -> TopicRow:
    return TopicRow(topic, run.id, "-", what, None, None, None, "-", "-", None, None, "", ())


def _of_audit(run: Run, one: AuditResult) -> TopicRow:
    share = one.unit == "share"
    shown = percent(one.value) if share else f"{number(one.value)} {one.unit}".rstrip()
    spread = percents(one.low, one.high) if share else interval(one.low, one.high)
    return TopicRow(
        one.topic, run.id, one.task or "the model", one.measure, one.value, one.low, one.high, shown, spread, one.n,
        one.failed, one.reading, (AUDITED[one.topic],) if one.topic in AUDITED else (),
    )  # fmt: skip


def _energy(run: Run) -> Iterator[TopicRow]:
    cost = costs(run)
    if cost is None or cost.energy.joules is None or cost.joules_per_example is None:
        return
    energy, each = cost.energy, cost.joules_per_example
    yield TopicRow(
        "energy", run.id, "all tasks", "joules per example, gross", each, None, None, f"{number(each)} J", "-",
        energy.examples, None, summary(energy), (METERED,),
    )  # fmt: skip
    for name, task in energy.tasks.items():
        if task.joules_per_correct is not None:
            yield TopicRow(
                "energy", run.id, name, "joules per correct answer", task.joules_per_correct, task.low, task.high,
                f"{number(task.joules_per_correct)} J", f"{interval(task.low, task.high)} J", task.examples, None,
                f"divided by {energy.divided}", (METERED,),
            )  # fmt: skip
