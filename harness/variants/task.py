"""A task whose examples are each asked in several variants, and what the answers to them say together.

The requests of the variants follow those of the example, so that the pair is judged, stored and counted as one: n, the
clusters and every number of the original stay what they are. A variant that leaves an example as it is asks nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from harness.errors import DataError, UnknownName, Unsupported, UsageError
from harness.metrics import stats
from harness.metrics.classify import mean, proportion
from harness.metrics.intervals import difference_bounds
from harness.types import (
    Alternative,
    Choose,
    Chosen,
    Example,
    Failed,
    Generate,
    Judge,
    Judged,
    Metric,
    Outcome,
    Request,
    Response,
    Settings,
    Task,
    Value,
    Variant,
)
from harness.variants import change, options
from harness.variants.defence import wrapped
from harness.variants.edits import EDITS
from harness.variants.samples import drawn
from harness.variants.swaps import swap_of
from harness.variants.turns import in_turns

ORDER = "option-order"
PERTURBATIONS = (*EDITS, ORDER)
Places = tuple[int, ...]
Change = Callable[[Example, Sequence[Request]], Example]
"""An example and what it asks -> the example to ask instead."""


@dataclass(frozen=True, slots=True)
class Recast:
    """What is done to every example: label -> change, whether options change places, which labels say robustness and
    which tell of swaps, each swap's name with its identity, and the swap that a floor belongs to."""

    changes: Mapping[str, Change]
    order: bool
    perturbed: tuple[str, ...]
    swapped: tuple[str, ...]
    swaps: tuple[tuple[str, str], ...]
    floors: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.perturbed, *self.swapped)

    def variant(self, label: str, tells: Literal["score", "change", "flips", "test"], metric: str = "") -> Variant:
        """What a metric of this label is about."""
        if label in self.floors:
            return Variant(label=label, kind="floor", tells=tells, metric=metric, swap=self.floors[label])
        if label in self.swapped:
            return Variant(label=label, kind="swap", tells=tells, metric=metric, swap=label)
        return Variant(label=label, kind="order" if label == ORDER else "edit", tells=tells, metric=metric)


def varied(task: Task, settings: Settings) -> Task:
    """The task in turns, with the wrapper, the draws and the variants that the settings name, or itself.

    Raises UnknownName or UsageError for settings that are none, Unsupported for a task they do not apply to.
    """
    if task.next_turn and (settings.wrapper or settings.perturb or settings.counterfactual or settings.repeats > 1):
        raise Unsupported(f"{task.name} is a conversation, which has no variants, wrappers or repeats")
    task = drawn(wrapped(in_turns(task, settings), settings.wrapper), settings)
    if not settings.perturb and not settings.counterfactual:
        return task
    if not task.requests <= {Choose, Generate}:
        raise Unsupported(
            f"{task.name} asks for the likelihood of given texts, which variants would change: --perturb and "
            "--counterfactual apply to tasks that choose or generate"
        )
    if task.judged_as:
        raise Unsupported(f"{task.name} is judged by a model, which reads the question as it was: it has no variants")
    plan = _plan(settings)
    if plan.order and Choose not in task.requests:
        raise Unsupported(f"{task.name} has no options to put in order; of these apply: {', '.join(EDITS)}")
    variation = Varied(task, plan)
    return replace(
        task,
        variation=variation,
        best=partial(variation.scripted, task.best),
        worst=partial(variation.scripted, task.worst),
        metrics=(*task.metrics, *_metrics(variation)),
        variant=" ".join(filter(None, (task.variant, _identity(settings, plan)))),
    )


def _identity(settings: Settings, plan: Recast) -> str:
    """What two runs must share to have asked the same variants."""
    strengths = ",".join(f"{share:g}" for share in settings.strength)
    return f"{','.join(settings.perturb)}|{strengths}|{list(plan.swaps)}"


def require_changes(task: Task, alternatives: Sequence[Sequence[Alternative]]) -> None:
    """DataError that names every variant which changes none of the examples: its accuracy would be the original's, its
    flip rate that of nothing."""
    if not isinstance(task.variation, Varied):
        return
    changed = {variant.label for own in alternatives for variant in own}
    idle = [label for label in task.variation.plan.labels if label not in changed]
    if idle:
        change = "changes" if len(idle) == 1 else "change"
        raise DataError(
            f"{task.name}: {', '.join(idle)} {change} none of its {len(alternatives)} examples, so that their metrics "
            "would be meaningless; drop them from --perturb and --counterfactual"
        )


def _plan(settings: Settings) -> Recast:
    names, swaps = settings.perturb, [swap_of(name) for name in settings.counterfactual]
    changes: dict[str, Change] = {}
    floors: dict[str, str] = {}
    for name in names:
        if name not in PERTURBATIONS:
            raise UnknownName("perturbation", name, PERTURBATIONS)
        for strength in settings.strength if name != ORDER else ():
            label = f"{name}@{strength:g}"
            changes[label] = partial(change.edited, edit=EDITS[name], strength=strength, seed=label)
    perturbed = (*changes, *([ORDER] if ORDER in names else []))
    for swap in swaps:
        neutral = change.swapped if swap.everywhere else change.reworded
        floor = f"{swap.name}_floor"
        pair = {swap.name: partial(change.swapped, rewrite=swap.swap), floor: partial(neutral, rewrite=swap.neutral)}
        doubled = next((label for label in pair if label in changes), None)
        if doubled:
            raise UsageError(f"two variants are called {doubled!r}: names must be unique, file names included")
        changes |= pair
        floors[floor] = swap.name
    swapped = tuple(label for label in changes if label not in perturbed)
    return Recast(changes, ORDER in names, perturbed, swapped, tuple((s.name, s.identity) for s in swaps), floors)


@dataclass(frozen=True, slots=True)
class Varied:
    """A task whose examples are also asked as a plan says."""

    task: Task
    plan: Recast

    def alternatives(self, example: Example) -> tuple[Alternative, ...]:
        """See Variation."""
        plain = self.task.ask(example, ())
        alternatives = []
        for label, edit in self.plan.changes.items():
            other = edit(example, plain)
            requests = self.task.ask(other, ())
            if requests != plain:
                alternatives.append(Alternative(label, other, (), len(requests)))
        moved = _reordered(example, plain) if self.plan.order else []
        if any(moved):
            alternatives.append(
                Alternative(ORDER, example, tuple(each[1] if each else () for each in moved), len(plain))
            )
        return tuple(alternatives)

    def ask(
        self, example: Example, shots: Sequence[Example], alternatives: Sequence[Alternative]
    ) -> tuple[Request, ...]:
        """See Variation."""
        requests = self.task.ask(example, shots)
        for changed in alternatives:
            own = self.task.ask(changed.example, shots)
            if changed.places:
                each = zip(own, _reordered(example, own), changed.places, strict=True)
                own = tuple(new[0] if new and moved else old for old, new, moved in each)
            requests += own
        return requests

    def judge(
        self, judge: Judge, example: Example, alternatives: Sequence[Alternative], responses: tuple[Response, ...]
    ) -> Judged | Failed:
        """See Variation. An alternative that cannot be judged fails the example."""
        own, *others = _parts(alternatives, responses)
        base = judge(example, own)
        if isinstance(base, Failed):
            return base
        plan, values = self.plan, dict(base.values)
        for label in plan.labels:
            values |= self._renamed(base, label)
        rights = [base.correct]
        for changed, answers in zip(alternatives, others, strict=True):
            label = changed.label
            judged = judge(changed.example, answers)
            if isinstance(judged, Failed):
                return Failed(judged.kind, f"{label}: {judged.message}")
            same = _same_answer(plan, label, base, judged, example)
            values |= self._renamed(judged, label) | _pair_values(label, base, judged, (own, answers), same)
            values |= _changes(self.task, label, base, judged)
            rights += [judged.correct] if label in plan.perturbed else []
        if plan.perturbed and None not in rights:
            values["robust_acc"] = float(all(rights))
        return replace(base, values=values)

    def _renamed(self, judged: Judged, label: str) -> dict[str, Value]:
        """The values of a changed example under their own names; calibration is that of the original alone."""
        scores = {metric.name for metric in self.task.metrics if metric.family != "calibration"}
        return {f"{name}:{label}": value for name, value in judged.values.items() if name in scores}

    def scripted(self, respond: Callable[[Example], tuple[Response, ...]], example: Example) -> tuple[Response, ...]:
        """What a scripted model answers to the example and to its alternatives."""
        responses = respond(example)
        for changed in self.alternatives(example):
            responses += _placed(respond(changed.example), changed.places, options.to_reordered)
        return responses


def _reordered(example: Example, requests: Sequence[Request]) -> list[tuple[Choose, Places] | None]:
    """Each request with its options in an order of its own, None where they cannot be moved."""
    parts = ["", *(f"\0{part}" for part in range(1, len(requests)))]
    return [options.reordered(r, f"{ORDER}\0{example.id}{part}") for r, part in zip(requests, parts, strict=True)]


def _parts(alternatives: Sequence[Alternative], responses: tuple[Response, ...]) -> list[tuple[Response, ...]]:
    """The responses to the example and to each of its variants, options in the example's order."""
    start = len(responses) - sum(changed.count for changed in alternatives)
    parts = [responses[:start]]
    for changed in alternatives:
        own = responses[start : start + changed.count]
        parts.append(_placed(own, changed.places, options.to_original))
        start += changed.count
    return parts


def _placed(
    responses: tuple[Response, ...], places: tuple[Places, ...], convert: Callable[[Response, Places], Response]
) -> tuple[Response, ...]:
    """The responses, those to reordered options put in the other order."""
    each = zip(responses, places or [()] * len(responses), strict=True)
    return tuple(convert(response, moved) if moved else response for response, moved in each)


def _same_answer(plan: Recast, label: str, base: Judged, other: Judged, example: Example) -> bool:
    """Whether two predictions say the same: the original's with its terms swapped, where terms were swapped."""
    if label not in plan.swapped:
        return base.prediction == other.prediction
    said = replace(example, fields={"text": base.prediction}, target=None)
    expected = plan.changes[label](said, [Choose(base.prediction, ())]).fields["text"]
    return other.prediction in (base.prediction, expected)


def _pair_values(
    label: str, base: Judged, other: Judged, responses: tuple[tuple[Response, ...], tuple[Response, ...]], same: bool
) -> dict[str, Value]:
    """What a changed example says beside the original."""
    one, two = responses[0][0], responses[1][0]
    if len(responses[0]) == 1 and isinstance(one, Chosen) and isinstance(two, Chosen):
        same = one.picked == two.picked
    values: dict[str, Value] = {f"flip_rate:{label}": float(not same)}
    if base.correct is not None and other.correct is not None:
        broken, fixed = base.correct and not other.correct, other.correct and not base.correct
        values[f"mcnemar_p:{label}"] = (float(broken), float(fixed))
    return values


def _changes(task: Task, label: str, base: Judged, other: Judged) -> dict[str, Value]:
    """The scores of a changed example less those of the original."""
    pairs = ((name, _score(base.values.get(name)), _score(other.values.get(name))) for name in _scored(task))
    return {
        f"{name}_change:{label}": after - before
        for name, before, after in pairs
        if before is not None and after is not None
    }


def _score(value: Value | None) -> float | None:
    """An example's score: the number itself, or the share of its several answers that a row (hit, counted) tells."""
    if isinstance(value, tuple):
        return value[0] / value[1] if value[1] else None
    return value


# ------------------------------------------------------------------------------------------------------------- metrics
def _over_variant(
    variation: Varied, label: str, over: Callable[[Sequence[Outcome]], float], outcomes: Sequence[Outcome]
) -> float:
    """A metric of whole answers over those to a variant; an example that it leaves as it is counts with its own."""
    return over([_outcome_of(variation, label, outcome) for outcome in outcomes])


def _outcome_of(variation: Varied, label: str, outcome: Outcome) -> Outcome:
    alternatives = variation.alternatives(outcome.example)
    own, *others = _parts(alternatives, outcome.responses)
    by_label = {changed.label: (changed.example, part) for changed, part in zip(alternatives, others, strict=True)}
    example, responses = by_label.get(label, (outcome.example, own))
    judged = variation.task.judge(example, responses)
    return Outcome(example, (), responses, None if isinstance(judged, Failed) else judged)


def _exact_p(sums: "np.ndarray", n: "np.ndarray") -> "np.ndarray":
    return np.asarray(stats.mcnemar(int(sums[0]), int(sums[1])))


def _scored(task: Task) -> list[str]:
    """The scores whose change is told: the task's first, if it is a mean, and the likelihood of the right choice."""
    first = task.metrics[0].name
    return [m.name for m in task.metrics if m.interval in ("wilson", "t") and m.name in (first, "nll_choice")]


CHANGED = "Over the examples that the variant changes."
ROBUST = "Right on the original and on all its variants."
EXACT = "Exact McNemar test of broken against fixed; it takes examples for independent."


def _metrics(variation: Varied) -> list[Metric]:
    plan = variation.plan
    metrics = [proportion("robust_acc", limits=ROBUST)] if plan.perturbed else []
    for label in plan.labels:
        metrics += _metrics_of(variation, label)
    return [replace(metric, family="variant") for metric in metrics]


def _metrics_of(variation: Varied, label: str) -> Iterator[Metric]:
    """What is told of one variant: the task's scores of it, flips, changes of scores, and a test."""
    task, plan = variation.task, variation.plan
    known = {m.name: m for m in task.metrics}
    for m in task.metrics:
        if m.family != "calibration" and m.interval != "none":
            over = partial(_over_variant, variation, label, m.over) if m.over else None
            yield replace(m, name=f"{m.name}:{label}", variant=plan.variant(label, "score", m.name), over=over)
    flips = f"Another answer than to the original. {CHANGED}"
    rate = proportion(f"flip_rate:{label}", better="lower", limits=flips)
    yield replace(rate, variant=plan.variant(label, "flips"))
    for name in _scored(task):
        bounds = difference_bounds(*known[name].bounds)
        change = mean(f"{name}_change:{label}", bounds=bounds, better="ideal", ideal=0.0, limits=CHANGED)
        yield replace(change, variant=plan.variant(label, "change", name))
    yield Metric(
        name=f"mcnemar_p:{label}",
        reduce=_exact_p,
        interval="none",
        bounds=(0.0, 1.0),
        limits=EXACT,
        variant=plan.variant(label, "test"),
    )
