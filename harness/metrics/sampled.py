"""What several answers to one question say together: pass@k, the majority's answer, the best one, mean and spread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.metrics.attacks import KS, hit_share
from harness.metrics.classify import UNIT, mean
from harness.types import Judged, Metric, Value

_UNRANKED = "no answer has the metric by which the best is chosen"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers to one example are taken together: how many there are, and what is read off them beside means.

    ``votes``: predictions are answers, so that the most frequent one counts; ``best_of``: the metric by which the best
    answer is chosen, None where none is.
    """

    count: int
    votes: bool = True
    best_of: str | None = None


def of_samples(metrics: Sequence[Metric], sampling: Sampling) -> tuple[Metric, ...]:
    """The metrics of a task each of whose examples is answered several times, and those of the answers together."""
    count = sampling.count
    averaged = tuple(_averaged(metric, count) for metric in metrics)
    scores = [metric for metric in metrics if is_score(metric)]
    together = [*_passing(count)] if any(is_right(metric) for metric in metrics) else []
    together += [_majority(count)] if together and sampling.votes else []
    together += [_best(metric, sampling) for metric in metrics] if sampling.best_of else []
    known = {metric.name for metric in averaged}  # pass@1 of one answer is the same number
    together = [metric for metric in together if metric.name not in known]
    return (*averaged, *together, *(_spread_of(metric, count) for metric in scores[:1]))


def judged_together(metrics: Sequence[Metric], answers: Sequence[Judged], sampling: Sampling | None = None) -> Judged:
    """One judgement of the answers to an example: means, the majority's prediction, and what they say together.

    ``metrics`` are those of one answer. A metric that fails for one of the answers fails for the example. Where
    predictions do not vote the example has that of the best answer, or of the first.
    """
    sampling = sampling or Sampling(len(answers))
    failed = {name: why for answer in answers for name, why in answer.failed.items()}
    names = dict.fromkeys(name for answer in answers for name in answer.values if name not in failed)
    each = {name: [answer.values[name] for answer in answers if name in answer.values] for name in names}
    values = {name: _mean(own) for name, own in each.items()} | _spread(metrics, each)
    best = _best_of(metrics, answers, sampling)
    if sampling.best_of:
        values |= {best_name(name, sampling): value for name, value in best.values.items()} if best else {}
        unranked = dict.fromkeys((metric.name for metric in metrics), _UNRANKED)
        failed |= {best_name(name, sampling): why for name, why in (best.failed if best else unranked).items()}
    tied = majority(answers) if sampling.votes else [best or answers[0]]
    rights = [answer.correct for answer in answers]
    if None not in rights and any(is_right(metric) for metric in metrics):
        count, hits = len(rights), sum(map(bool, rights))
        values |= {f"pass@{k}": hit_share(count, hits, k) for k in _ks(count)}
        if sampling.votes:
            chosen = {answer.prediction.strip() for answer in tied}
            votes = [bool(answer.correct) for answer in answers if answer.prediction.strip() in chosen]
            values[f"maj@{count}"] = sum(votes) / len(votes)
    return Judged(tied[0].prediction, values, tied[0].correct, failed)


def majority(answers: Sequence[Judged]) -> list[Judged]:
    """The first of each of the most frequent predictions, in the order of the answers: several where they are tied."""
    counts = Counter(answer.prediction.strip() for answer in answers)
    most = max(counts.values())
    firsts = {answer.prediction.strip(): answer for answer in reversed(answers)}
    return [answer for answer in answers if counts[key := answer.prediction.strip()] == most and firsts[key] is answer]


def best_name(metric: str, sampling: Sampling) -> str:
    """What the metric of the best answer is called."""
    return f"{metric}_best@{sampling.count}"


def is_score(metric: Metric) -> bool:
    """Whether an example's value of a metric is a number by which answers can be ranked."""
    return metric.interval in ("wilson", "t")


def is_right(metric: Metric) -> bool:
    """Whether a metric is a share of right answers."""
    return metric.interval == "wilson" and metric.better == "higher"


def _ks(count: int) -> list[int]:
    return sorted({count, *(k for k in KS if k <= count)})


def _averaged(metric: Metric, count: int) -> Metric:
    """The metric of examples whose values are means over samples, which are no longer 0 or 1."""
    if metric.interval != "wilson" or metric.errors:
        return metric
    limits = " ".join(filter(None, (metric.limits, f"Of an example: the mean of {count} answers.")))
    return replace(metric, interval="jackknife" if metric.support or metric.scale != 1 else "t", limits=limits)


def _passing(count: int) -> Iterator[Metric]:
    for k in _ks(count):
        limits = (
            f"The chance that one of {k} answers is right, estimated without bias from {count} (Chen et al. 2021): "
            "1 - C(n - c, k) / C(n, k)."
        )
        yield mean(f"pass@{k}", bounds=UNIT, limits=limits)


def _majority(count: int) -> Metric:
    limits = f"Whether the most frequent of {count} answers is right; of tied ones, the share that are."
    return mean(f"maj@{count}", bounds=UNIT, limits=limits)


def _best(metric: Metric, sampling: Sampling) -> Metric:
    chosen = f"Of the best of {sampling.count} answers by {sampling.best_of}; of tied ones, the first."
    limits = " ".join(filter(None, (metric.limits, chosen)))
    return replace(metric, name=best_name(metric.name, sampling), limits=limits)


def _best_of(metrics: Sequence[Metric], answers: Sequence[Judged], sampling: Sampling) -> Judged | None:
    """The first of the best answers by the metric that chooses; None where no answer has it."""
    chosen = sampling.best_of or ""
    sign = next((-1 if metric.better == "lower" else 1 for metric in metrics if metric.name == chosen), 1)
    # A function of the user's may give a whole number, True or one of numpy's.
    values = [(one.values.get(chosen), one) for one in answers]
    worths = [(sign * float(value), one) for value, one in values if value is not None and not isinstance(value, tuple)]
    return max(worths, key=lambda pair: pair[0])[1] if worths else None


def _spread_of(metric: Metric, count: int) -> Metric:
    """The largest standard deviation is that of values half of which lie at either bound."""
    most = (metric.bounds[1] - metric.bounds[0]) / 2 * math.sqrt(count / (count - 1))
    limits = f"Standard deviation of the {count} answers to an example, averaged over examples."
    return mean(f"{metric.name}_sd", bounds=(0.0, most), better="lower", limits=limits)


def _mean(values: Sequence[Value]) -> Value:
    """The mean of numbers, or of rows of sufficient statistics, column by column."""
    if isinstance(values[0], tuple):
        return tuple(float(x) for x in np.mean(np.array(values, dtype=float), axis=0))
    return float(np.mean(np.array(values, dtype=float)))


def _spread(metrics: Sequence[Metric], each: Mapping[str, Sequence[Value]]) -> dict[str, Value]:
    first = next((metric.name for metric in metrics if is_score(metric)), None)
    own = each.get(first, ()) if first else ()
    if len(own) < 2 or isinstance(own[0], tuple):
        return {}
    return {f"{first}_sd": float(np.std(np.array(own, dtype=float), ddof=1))}
