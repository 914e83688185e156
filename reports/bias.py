"""What a run says of bias: every probe with its ideal, interval, smallest detectable effect and a verdict in words.

A probe is a number whose ideal is known (a stereotype score of 50), or any number of a task on bias or toxicity; beside
them stand the gaps between groups and what swapping groups in the texts changed. Nothing is summed: biases that differ
in kind do not offset each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.errors import DataError
from harness.metrics import stats
from harness.metrics.fairness import Gap, compare_groups, decisions
from harness.metrics.ideals import FEWEST, side_of, too_few
from harness.metrics.words import points, value
from harness.plugins import about_bias
from harness.store import Store
from harness.types import Estimate, MetricRecord, Run, TaskRecord
from harness_reports.coverage import touched

SENSITIVE = frozenset({
    "gender", "sex", "pronoun", "race", "race_color", "ethnicity", "nationality", "religion", "age", "disability",
    "orientation", "sexual_orientation", "profession", "occupation", "dialect", "language", "skin", "socioeconomic",
    "group",
})  # fmt: skip
"""Slices whose values are taken for groups of people."""
MANY = 12
"""More values of a slice than this are left to the tables of the run."""
DIRECTIONS: Mapping[str, tuple[str, str]] = {
    "ss": ("stereotype preferred", "anti-stereotype preferred"),
    "*stereotyp*": ("stereotype preferred", "anti-stereotype preferred"),
    "difference_*": ("stereotype likelier", "anti-stereotype likelier"),
    "s_amb": ("answers lean towards the stereotype", "answers lean against the stereotype"),
    "s_dis": ("answers lean towards the stereotype", "answers lean against the stereotype"),
    "gap*": ("better where the stereotype holds", "better where it does not hold"),
    "share_correlation": ("follows the shares of women", "runs against the shares of women"),
    "*_she": ("she preferred", "he preferred"),
}
"""What above and below the ideal mean, by pattern of the metric's name."""
CHANGED = ("higher after the swap", "lower after the swap")


@dataclass(frozen=True, slots=True)
class Probe:
    """One number and its ideal, if it has one; ``detectable``: the smallest true difference seen with power 80 %.

    ``proviso``: what the verdict rests on, where that is little; empty otherwise.
    """

    task: str
    metric: str
    slice: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    failed: int
    ideal: float | None
    detectable: float | None
    verdict: str
    differs: bool | None
    proviso: str = ""


@dataclass(frozen=True, slots=True)
class GroupGap:
    """A gap between the groups of a slice; ``differs``: whether it goes beyond chance, None where that is not known."""

    task: str
    slice: str
    gap: Gap
    verdict: str
    differs: bool | None


@dataclass(frozen=True, slots=True)
class Flips:
    """How often an answer changed when groups were swapped in the text, beside a neutral edit of the same size.

    ``differs``: whether that is more than with the neutral edit, None where that is not known.
    """

    task: str
    swapped: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    floor: float | None
    floor_high: float | None
    verdict: str
    differs: bool | None


@dataclass(frozen=True, slots=True)
class BiasCard:
    """Everything that a run says of bias; ``limits`` by task, with the published criticism that its card names.

    ``covered``: the grounds of discrimination that its tasks are about.
    """

    run: Run
    probes: tuple[Probe, ...]
    gaps: tuple[GroupGap, ...]
    flips: tuple[Flips, ...]
    limits: Mapping[str, str]
    covered: tuple[str, ...]


# ------------------------------------------------------------------------------------------------------------- verdicts
def read_probe(e: Estimate, metric: MetricRecord) -> Probe:
    """A number beside its ideal: the 95 % interval decides, and where it does not the smallest detectable effect."""
    ideal = metric.ideal if metric.better == "ideal" else None
    differs = least = None
    if ideal is not None and e.value is not None and e.low is not None and e.high is not None:
        freedom = e.clusters - 1
        least = stats.detectable(stats.error_of(e.low, e.high, freedom), freedom) or None
        if e.clusters >= FEWEST:
            differs = side_of(e, ideal) != "within"
    return Probe(
        task=e.task,
        metric=e.metric,
        slice=e.slice,
        value=e.value,
        low=e.low,
        high=e.high,
        n=e.n,
        clusters=e.clusters,
        failed=e.failed,
        ideal=ideal,
        detectable=least,
        verdict=_verdict(e, metric, differs, least),
        differs=differs,
        proviso=_proviso(e, metric, differs, least),
    )


def _verdict(e: Estimate, metric: MetricRecord, differs: bool | None, least: float | None) -> str:
    ideal = metric.ideal if metric.better == "ideal" else None
    if e.value is None:
        return f"no number: {e.n} judged, {e.failed} failed"
    if ideal is None:
        return "no ideal value is known: compare it between models or groups"
    if differs is None:
        return too_few(e.clusters)
    if differs:
        return f"differs from {value(ideal, metric)}: {_direction(metric, e.value > ideal)}"
    if least is None:
        return f"equal to {value(ideal, metric)} in all {e.n} examples"
    return f"not distinguishable from {value(ideal, metric)}"


def _proviso(e: Estimate, metric: MetricRecord, differs: bool | None, least: float | None) -> str:
    if differs is not False or least is None:
        return ""
    return f"n = {e.n} is too small to see less than {points(least, metric)}"


def _direction(metric: MetricRecord, above: bool) -> str:
    patterns = (words for pattern, words in DIRECTIONS.items() if fnmatchcase(metric.name, pattern))
    words = next(patterns, ("above", "below"))
    if metric.variant and metric.variant.tells == "change":
        words = CHANGED
    return words[0 if above else 1]


def is_beyond_chance(gap: Gap) -> bool | None:
    """Whether a gap is more than shuffled groups show; None where fewer than two groups have its rate."""
    if gap.value is None or gap.chance_high is None or gap.chance is None:
        return None
    return gap.value < gap.chance_high if _is_worst(gap) else gap.value > gap.chance_high


def read_gap(gap: Gap) -> str:
    """The same in words."""
    beyond = is_beyond_chance(gap)
    if beyond is None:
        return "no gap: fewer than two groups have this rate"
    if beyond:
        return f"beyond chance ({gap.lowest})" if _is_worst(gap) else f"beyond chance ({gap.highest} over {gap.lowest})"
    return f"not distinguishable from chance (shuffled groups show {gap.chance:.2g}, n = {gap.n})"


def _is_worst(gap: Gap) -> bool:
    return gap.name.startswith("worst")


def flips_more(own: Estimate, floor: Estimate | None) -> bool | None:
    """Whether swapping groups flips more answers than a neutral edit does; None where that cannot be told."""
    if own.low is None or floor is None or floor.high is None or own.clusters < FEWEST:
        return None
    return own.low > floor.high


def read_flips(own: Estimate, floor: Estimate | None) -> str:
    """The same in words."""
    if own.value is None:
        return "no number: no example holds a term to swap"
    if own.low is None or floor is None or floor.high is None:
        return "no floor to compare with"
    if own.clusters < FEWEST:
        return too_few(own.clusters)
    if flips_more(own, floor):
        return "flips more than a neutral edit"
    return f"not distinguishable from a neutral edit (n = {own.n})"


# ---------------------------------------------------------------------------------------------------------------- card
def gather(store: Store, run_id: str) -> BiasCard:
    """The card of a run. Raises UnknownName for a run that is not there, DataError where it tells nothing of bias."""
    run = store.run(run_id)
    results = store.results(run.id)
    metrics = run.metrics()
    few, whole = _few(results), about_bias()
    probes = tuple(
        read_probe(e, metric)
        for e in results
        for metric in [metrics.get((e.task, e.metric))]
        if metric
        and _is_probe(metric, e.task in whole)
        and (e.slice == "all" or (e.n + e.failed > 0 and (e.task, key_of(e.slice)) in few))
    )
    gaps = tuple(gap for task in run.tasks for gap in _gaps(store, run, task, few))
    flips = tuple(_flips(results, metrics))
    if not (probes or gaps or flips):
        nothing = "no task on bias or toxicity, no number with an ideal, no groups and no swaps"
        raise DataError(f"run {run.id} has {nothing}: no bias card")
    used = {p.task for p in probes} | {g.task for g in gaps} | {f.task for f in flips}
    limits = {t.name: t.card.limits for t in run.tasks if t.name in used}
    return BiasCard(run, probes, gaps, flips, limits, tuple(touched(store, run, used)))


def _is_probe(metric: MetricRecord, is_about_bias: bool) -> bool:
    """Whether a metric tells of bias, by its ideal or its task, of examples as they stand or with groups swapped."""
    has_ideal = metric.better == "ideal" and metric.ideal is not None
    is_of_swap = metric.variant is None or metric.variant.kind == "swap"
    return is_of_swap and (has_ideal or (is_about_bias and metric.family != "calibration"))


def key_of(slice: str) -> str:
    """The name of a slice without its value."""
    return slice.partition("=")[0]


def _few(results: list[Estimate]) -> set[tuple[str, str]]:
    """Task and slice key of the slices that have few values."""
    values: dict[tuple[str, str], set[str]] = {}
    for e in results:
        if e.slice != "all":
            values.setdefault((e.task, key_of(e.slice)), set()).add(e.slice)
    return {key for key, slices in values.items() if len(slices) <= MANY}


def _gaps(store: Store, run: Run, task: TaskRecord, few: set[tuple[str, str]]) -> Iterator[GroupGap]:
    keys = sorted(key for name, key in few if name == task.name and key in SENSITIVE)
    outcomes = list(store.outcomes(run.id, task.name)) if keys else []
    for key in keys:
        try:
            decided = decisions(outcomes, key)
        except DataError:  # one group only
            continue
        gaps = compare_groups(decided, int(run.settings.get("seed", 0))).gaps
        yield from (GroupGap(task.name, key, gap, read_gap(gap), is_beyond_chance(gap)) for gap in gaps)


def _flips(results: list[Estimate], metrics: Mapping[tuple[str, str], MetricRecord]) -> Iterator[Flips]:
    rates: dict[tuple[str, str, str], Estimate] = {}
    for e in results:
        metric = metrics.get((e.task, e.metric))
        if e.slice == "all" and metric and metric.variant and metric.variant.tells == "flips":
            rates[e.task, metric.variant.kind, metric.variant.swap] = e
    for (task, kind, swap), e in rates.items():
        if kind == "swap":
            floor = rates.get((task, "floor", swap))
            yield Flips(
                task,
                swap,
                e.value,
                e.low,
                e.high,
                e.n,
                floor.value if floor else None,
                floor.high if floor else None,
                read_flips(e, floor),
                flips_more(e, floor),
            )
