"""A task whose examples are each asked in several variants, and what the answers to them say together.

The requests of the variants follow those of the example, so that the pair is judged, stored and counted as one: n, the
clusters and every number of the original stay what they are. A variant that leaves an example as it is asks nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from harness.errors import DataError, UnknownName, Unsupported, UsageError
from harness.metrics import calibrate, stats
from harness.metrics.classify import mean, proportion
from harness.types import (
    Choose,
    Chosen,
    Example,
    Failed,
    Generate,
    Judged,
    Metric,
    Request,
    Response,
    Settings,
    Task,
    Value,
)
from harness.variants import change, options
from harness.variants.edits import EDITS
from harness.variants.swaps import Swap, swap_of

ORDER = "option-order"
PERTURBATIONS = (*EDITS, ORDER)
Changed = tuple[str, Example, tuple[int, ...]]
"""Label, the example to ask, and new places of its options (empty: their own)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to every example: label -> change, the seed of the order, and which labels say robustness."""

    changes: Mapping[str, Callable[[Example], Example]]
    order: bool
    perturbed: tuple[str, ...]
    swapped: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.perturbed, *self.swapped)


def varied(task: Task, settings: Settings) -> Task:
    """The task with the variants that the settings name, or itself.

    Raises UnknownName or UsageError for settings that are none, Unsupported for a task they do not apply to.
    """
    names = [name.strip() for name in settings.perturb.split(",") if name.strip()]
    swaps = [swap_of(name.strip()) for name in settings.counterfactual.split(",") if name.strip()]
    if not names and not swaps:
        return task
    if not task.requests <= {Choose, Generate}:
        raise Unsupported(
            f"{task.name} asks for the likelihood of given texts, which variants would change: --perturb and "
            "--counterfactual apply to tasks that choose or generate"
        )
    plan = _plan(names, _strengths(settings.strength), swaps)
    if plan.order and Choose not in task.requests:
        raise Unsupported(f"{task.name} has no options to put in order; of these apply: {', '.join(EDITS)}")
    identity = f"{settings.perturb}|{settings.strength}|{[(s.name, s.identity) for s in swaps]}"
    return replace(
        task, ask=partial(_ask, task, plan), judge=partial(_judge, task, plan),
        best=partial(_scripted, task, plan, task.best), worst=partial(_scripted, task, plan, task.worst),
        metrics=(*task.metrics, *_metrics(task, plan)), variant=identity,
    )  # fmt: skip


def require_terms(task: Task, examples: Sequence[Example], requests: Sequence[Sequence[Request]], spec: str) -> None:
    """DataError if no example holds a term to swap: a flip rate of nothing is no finding. ``task`` as it was."""
    if all(len(asked) == len(task.ask(e, ())) for e, asked in zip(examples, requests, strict=True)):
        raise DataError(f"{task.name}: none of its {len(examples)} examples holds a term of {spec!r}; nothing to swap")


def _strengths(text: str) -> list[float]:
    found = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = -1.0
        if not 0 < value <= 1:
            raise UsageError(f"strength {part.strip()!r} is not a number above 0 and at most 1")
        found.append(value)
    return found


def _plan(names: Sequence[str], strengths: Sequence[float], swaps: Sequence[Swap]) -> Plan:
    changes: dict[str, Callable[[Example], Example]] = {}
    for name in names:
        if name not in PERTURBATIONS:
            raise UnknownName("perturbation", name, PERTURBATIONS)
        for strength in strengths if name != ORDER else ():
            label = f"{name}@{strength:g}"
            changes[label] = partial(change.edited, edit=EDITS[name], strength=strength, seed=label)
    perturbed = (*changes, *([ORDER] if ORDER in names else []))
    for swap in swaps:
        neutral = change.swapped if swap.name == "names" else change.reworded
        changes[swap.name] = partial(change.swapped, rewrite=swap.swap)
        changes[f"{swap.name}_floor"] = partial(neutral, rewrite=swap.neutral)
    return Plan(changes, ORDER in names, perturbed, tuple(label for label in changes if label not in perturbed))


def _variants(task: Task, plan: Plan, example: Example) -> list[Changed]:
    """The variants that ask something else than the example itself."""
    plain = task.ask(example, ())
    found = [(label, edit(example), ()) for label, edit in plan.changes.items()]
    changed: list[Changed] = [each for each in found if task.ask(each[1], ()) != plain]
    moved = [options.reordered(request, f"{ORDER}\0{example.id}") for request in plain] if plan.order else []
    if len(moved) == 1 and moved[0]:
        changed.append((ORDER, example, moved[0][1]))
    return changed


def _ask(task: Task, plan: Plan, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
    asked = task.ask(example, shown)
    for _, other, places in _variants(task, plan, example):
        requests = task.ask(other, shown)
        moved = options.reordered(requests[0], f"{ORDER}\0{example.id}") if places else None
        asked += (moved[0],) if moved else requests
    return asked


def _parts(
    task: Task, plan: Plan, example: Example, responses: tuple[Response, ...]
) -> list[tuple[str, Example, tuple[Response, ...]]]:
    """Label, example and responses of the original (label "") and of each of its variants."""
    parts, start = [], 0
    for label, other, places in [("", example, ()), *_variants(task, plan, example)]:
        size = len(task.ask(other, ()))
        given = responses[start : start + size]
        parts.append((label, other, tuple(options.to_original(r, places) for r in given) if places else given))
        start += size
    return parts


def _judge(task: Task, plan: Plan, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
    """The original's judgement with the values of the pairs; one variant that cannot be judged fails the example."""
    (_, _, own), *others = _parts(task, plan, example, responses)
    base = task.judge(example, own)
    if isinstance(base, Failed):
        return base
    values = dict(base.values)
    for label in plan.labels:
        values |= {f"{name}:{label}": value for name, value in base.values.items() if name not in calibrate.NAMES}
    rights = [base.correct]
    for label, other, given in others:
        judged = task.judge(other, given)
        if isinstance(judged, Failed):
            return Failed(judged.kind, f"{label}: {judged.message}")
        values |= {f"{name}:{label}": value for name, value in judged.values.items() if name not in calibrate.NAMES}
        same = _same_answer(plan, label, base, judged, example)
        values |= _pair_values(label, base, judged, (own, given), same) | _changes(task, label, base, judged)
        rights += [judged.correct] if label in plan.perturbed else []
    if plan.perturbed and None not in rights:
        values["robust_acc"] = float(all(rights))
    return replace(base, values=values)


def _same_answer(plan: Plan, label: str, base: Judged, other: Judged, example: Example) -> bool:
    """Whether two predictions say the same: the original's with its terms swapped, where terms were swapped."""
    if label not in plan.swapped:
        return base.prediction == other.prediction
    asked = replace(example, fields={"text": base.prediction}, target=None)
    return bool(plan.changes[label](asked).fields["text"] == other.prediction) or base.prediction == other.prediction


def _pair_values(
    label: str, base: Judged, other: Judged, given: tuple[tuple[Response, ...], tuple[Response, ...]], same: bool
) -> dict[str, Value]:
    """What a changed example says beside the original."""
    one, two = given[0][0], given[1][0]
    if len(given[0]) == 1 and isinstance(one, Chosen) and isinstance(two, Chosen):
        same = one.picked == two.picked
    values: dict[str, Value] = {f"flip_rate:{label}": float(not same)}
    if base.correct is not None and other.correct is not None:
        broken, fixed = base.correct and not other.correct, other.correct and not base.correct
        values[f"mcnemar_p:{label}"] = (float(broken), float(fixed))
    return values


def _changes(task: Task, label: str, base: Judged, other: Judged) -> dict[str, Value]:
    """The scores of a changed example less those of the original."""
    pairs = ((name, base.values.get(name), other.values.get(name)) for name in _scored(task))
    return {
        f"{name}_change:{label}": after - before
        for name, before, after in pairs
        if isinstance(before, float) and isinstance(after, float)
    }


def _scripted(
    task: Task, plan: Plan, respond: Callable[[Example], tuple[Response, ...]], example: Example
) -> tuple[Response, ...]:
    given = respond(example)
    for _, other, places in _variants(task, plan, example):
        answer = respond(other)
        given += tuple(options.to_reordered(r, places) for r in answer) if places else answer
    return given


# ------------------------------------------------------------------------------------------------------------- metrics
def _exact_p(sums: "np.ndarray", n: "np.ndarray") -> "np.ndarray":
    return np.asarray(stats.mcnemar(int(sums[0]), int(sums[1])))


def _scored(task: Task) -> list[str]:
    """The scores whose change is told: the task's first, if it is a mean, and the likelihood of the right choice."""
    first = task.metrics[0].name
    return [m.name for m in task.metrics if m.interval in ("wilson", "t") and m.name in (first, "nll_choice")]


def _metrics(task: Task, plan: Plan) -> list[Metric]:
    own = [m for m in task.metrics if m.name not in calibrate.NAMES and m.interval != "none"]
    found = (
        [proportion("robust_acc", limits="Right on the original and on all its variants.")] if plan.perturbed else []
    )
    for label in plan.labels:
        found += [replace(m, name=f"{m.name}:{label}") for m in own]
        found += [_flips(label)]
        found += [mean(f"{name}_change:{label}", better="ideal", ideal=0.0, limits=CHANGED) for name in _scored(task)]
        found += [
            Metric(
                name=f"mcnemar_p:{label}", reduce=_exact_p, interval="none",
                limits="Exact McNemar test of broken against fixed; it takes examples for independent.",
            )
        ]  # fmt: skip
    return found


CHANGED = "Over the examples that the variant changes."


def _flips(label: str) -> Metric:
    return proportion(f"flip_rate:{label}", better="lower", limits=f"Another answer than to the original. {CHANGED}")
