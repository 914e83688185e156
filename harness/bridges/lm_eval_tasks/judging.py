"""Answers filtered and judged by the package, document by document: what it cannot judge has failed."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.bridges.lm_eval_tasks.aggregations import metric_of, value_of
from harness.bridges.lm_eval_tasks.contexts import Contexts, reason
from harness.bridges.lm_eval_tasks.mirror import quiet
from harness.bridges.lm_eval_tasks.requests import answers_of, requests_of
from harness.imports.lm_eval_samples import TOLD, metric_name
from harness.types import Example, Failed, Judged, Metric, Outcome, Request, Response, Value

PROBED = 3
"""Documents that are judged with made-up answers, to learn which metrics a task gives."""
Raw = Mapping[str, Any]


class Judging:
    """One task of the package: asks about its documents and judges the answers; ``seed`` is that of drawn answers."""

    def __init__(self, contexts: Contexts, seed: int) -> None:
        self.task = contexts.task
        self.contexts = contexts
        self.seed = seed
        self.repeats = int(self.task.config.repeats or 1)
        self._raw: dict[tuple[str, tuple[Response, ...]], Raw] = {}
        self.metrics: dict[str, Metric] = {}
        self.metrics = {name: self._metric(name, filter) for name, filter in self._announced()}

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The questions of a document; its few-shot examples are the package's own. Raises DataError, Unsupported."""
        return tuple(request for own in self._requests(int(example.id)) for request in own)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """What every filter and metric makes of the responses."""
        try:
            raw = self._judged(example.id, responses)
        except Exception as error:  # of the package's Python: the example has failed, whatever it would have scored
            return Failed("plug-in", f"lm-eval could not judge it: {reason(error)}")
        unknown = raw.keys() - self.metrics.keys()
        if unknown:
            return Failed("plug-in", f"lm-eval gives the metric {min(unknown)!r} to this example and not to the first")
        values: dict[str, Value] = {}
        failed: dict[str, str] = {}
        for name, value in raw.items():
            if self.metrics[name].over:
                continue
            try:
                values[name] = value_of(self.metrics[name], value)
            except (ValueError, TypeError) as error:
                failed[name] = str(error)
        right = next((value for name, value in values.items() if name.partition(",")[0] in TOLD), None)
        correct = bool(right) if right in (0.0, 1.0) else None
        return Judged(self._said(example.id, responses), values, correct, failed)

    def raw(self, outcome: Outcome) -> Raw:
        """What ``process_results`` gave for a judged outcome, by the name of the metric."""
        return self._judged(outcome.example.id, outcome.responses)

    # ---------------------------------------------------------------------------------------------------------- theirs
    def _requests(self, number: int) -> list[tuple[Request, ...]]:
        built = self.contexts.of(number)
        return [requests_of(i.request_type, i.args, seed=self.seed, repeats=self.repeats) for i in built]

    def _judged(self, id: str, responses: tuple[Response, ...]) -> Raw:
        key = (id, responses)
        if key not in self._raw:
            self._raw[key] = self._filtered(int(id), self._answers(int(id), responses))
        return self._raw[key]

    def _answers(self, number: int, responses: Sequence[Response]) -> list[list[Any]]:
        """The answers to each instance of a document."""
        left = iter(responses)
        built = self.contexts.of(number)
        own = [[next(left) for _ in requests] for requests in self._requests(number)]
        return [answers_of(part, i.request_type, self.repeats) for part, i in zip(own, built, strict=True)]

    def _filtered(self, number: int, answers: Sequence[list[Any]]) -> Raw:
        """Every filter's metrics for one document. Raises whatever the package's Python raises."""
        given: dict[str, Any] = {}
        built = self.contexts.of(number)
        answered = [copy.copy(instance) for instance in built]
        for instance, own in zip(answered, answers, strict=True):
            instance.resps, instance.filtered_resps = list(own), {}
        with quiet():
            for ensemble in self.task._filters:
                ensemble.apply(answered)
                results = [instance.filtered_resps[ensemble.name] for instance in answered]
                metrics = self.task.process_results(copy.deepcopy(self.contexts.docs[number]), results)
                given |= {metric_name(str(metric), ensemble.name): value for metric, value in metrics.items()}
        return given

    def _said(self, id: str, responses: Sequence[Response]) -> str:
        """The likeliest continuation or the text that was written; empty where there is a single likelihood."""
        built, answers = self.contexts.of(int(id)), self._answers(int(id), responses)
        if built[0].request_type == "generate_until":
            return str(answers[0][0])
        if built[0].request_type != "loglikelihood" or len(built) < 2:
            return ""
        scores = [own[0][0] for own in answers]
        return str(built[scores.index(max(scores))].args[1])

    # --------------------------------------------------------------------------------------------------------- metrics
    def _announced(self) -> dict[tuple[str, str], None]:
        """(name, metric) of what the task gives: those of its file, and those that made-up answers are given."""
        filters = [ensemble.name for ensemble in self.task._filters]
        declared = {(metric_name(metric, f), metric): None for f in filters for metric in self.task.aggregation()}
        seen: dict[tuple[str, str], None] = {}
        for number in range(min(PROBED, len(self.contexts.docs))):
            try:
                built = self.contexts.of(number)
                raw = self._filtered(number, [[_made_up(i) for _ in range(self.repeats)] for i in built])
            except Exception:  # an answer that nobody wrote is no reason to refuse the task
                continue
            bare = {
                metric_name(metric, f): metric for f in filters for metric in (n.removesuffix(f",{f}") for n in raw)
            }
            seen |= {(name, bare[name]): None for name in raw}
        own = callable(self.task.config.process_results) or not hasattr(self.task, "_metric_fn_list")
        return {**seen, **declared} if own or not seen else seen

    def _metric(self, name: str, metric: str) -> Metric:
        from lm_eval.api.metrics import mean

        aggregate = self.task.aggregation().get(metric, mean)
        return metric_of(name, aggregate, self.task.higher_is_better().get(metric), self.raw)


def _made_up(instance: Any) -> Any:
    """An answer to a request that nobody was asked."""
    if instance.request_type == "generate_until":
        return "1"
    likelihood = -1.0 - instance.idx
    return (likelihood, False) if instance.request_type == "loglikelihood" else min(likelihood, -math.pi)
