"""What a run says of its own numbers before somebody believes them: ties, and references that a metric does not see."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness.types import Choose, Chosen, Estimate, Outcome, Scored, Task

if TYPE_CHECKING:
    from harness.run import Planned

SIZES: dict[str, Callable[[str], int]] = {
    "acc": lambda _: 1,
    "acc_norm": len,
    "acc_bytes": lambda text: len(text.encode()),
}
"""What a choice's log-probability is divided by before the likeliest is taken."""


def of_plan(planned: "Planned") -> Iterator[str]:
    """Where few-shot examples come from if not from their own split, and what of the references metrics do not see."""
    name = planned.task.name
    if planned.record.shots_source.startswith("evaluated split"):
        yield f"{name}: few-shot examples come from the {planned.record.shots_source}"
    losing: dict[tuple[str, ...], list[str]] = {}
    for metric in planned.task.metrics:
        if loses := metric.loses:
            losses = (next(filter(None, map(loses, example.target)), "") for example in planned.examples)
            losing.setdefault(tuple(losses), []).append(metric.name)
    for reasons, metrics in losing.items():
        if any(reasons):
            share = f"{sum(map(bool, reasons))} of {len(reasons)} examples"
            yield f"{name}: {', '.join(metrics)}: {next(filter(None, reasons))} ({share} have such a reference)"


def of_outcomes(task: Task, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Ties, which the order of the choices decides, and metrics that gave no number where they should have."""
    for metric, size in SIZES.items():
        if metric == "acc" or any(one.name == metric for one in task.metrics):
            tied = [t for t in (_tied(outcome, size) for outcome in outcomes) if t is not None]
            if any(tied):
                share = f"{sum(tied)} of {len(tied)} examples"
                yield f"{task.name}: {metric}: in {share} several choices tie for the most likely; the first one counts"
    pairs = [equal for equal in map(_equal_pair, outcomes) if equal is not None]
    if any(pairs):
        share = f"{sum(pairs)} of {len(pairs)} examples"
        yield f"{task.name}: in {share} the two texts tie: neither is preferred"
    failed: dict[str, list[str]] = {}
    for outcome in outcomes:
        for metric, reason in outcome.judged.failed.items() if outcome.judged else ():
            failed.setdefault(metric, []).append(reason)
    for metric, reasons in failed.items():
        share = f"{len(reasons)} of {len(outcomes)} examples"
        yield f"{task.name}: {metric} failed on {share}; the first reason: {reasons[0]}"


def of_estimates(estimates: Sequence[Estimate]) -> Iterator[str]:
    """Metrics without a finite value although examples were judged: a NaN, or an infinite perplexity."""
    for e in estimates:
        if e.slice == "all" and e.value is None and e.n:
            yield f"{e.task}: {e.metric} has no finite value over its {e.n} examples"


def _tied(outcome: Outcome, size: Callable[[str], int]) -> bool | None:
    """Whether choices with different words share the highest score in a response; None without probabilities."""
    tied = None
    for request, response in zip(outcome.requests, outcome.responses, strict=True):
        if outcome.judged and isinstance(request, Choose) and isinstance(response, Chosen) and response.logprobs:
            scores = [p / size(c.strip()) for p, c in zip(response.logprobs, request.choices, strict=True)]
            best = max(scores)
            words = {c.strip() for p, c in zip(scores, request.choices, strict=True) if p == best}
            tied = bool(tied) or len(words) > 1
    return tied


def _equal_pair(outcome: Outcome) -> bool | None:
    """Whether two scored texts are equally likely; None where it is not two that are compared."""
    if len(outcome.responses) == 2:
        one, two = outcome.responses
        if outcome.judged and isinstance(one, Scored) and isinstance(two, Scored):
            return one.logprob == two.logprob
    return None
