"""Requests of HELM: one for each instance, or one for each of its references, which together are one example."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.imports.fields import amount, finite, items, needed, table, text
from harness.imports.metrics import marks
from harness.imports.records import ForeignExample
from harness.types import Failed, Generate, Generated, Judged, Request, Response

TOLD = ("exact_match", "quasi_exact_match")
"""Metrics that say whether an example is right, the first that there is."""
Key = tuple[str, int]


def examples_of(states: Sequence[Mapping[str, Any]], values: Mapping[Key, Mapping[str, float]]) -> list[ForeignExample]:
    """The examples that were asked as they are; ``values`` by instance and trial. Raises DataError."""
    together: dict[Key, list[Mapping[str, Any]]] = {}
    for state in states:
        instance = table(state.get("instance"), "instance")
        if not instance.get("perturbation"):
            trial = amount(state.get("train_trial_index")) or 0
            together.setdefault((needed(instance.get("id"), "instance.id"), trial), []).append(state)
    judged = [values.get(key, {}) for key in together]
    rows = zip(together.items(), judged, marks(judged, TOLD), strict=True)
    return [_example(same, key, own, mark) for (key, same), own, mark in rows]


def _example(
    states: Sequence[Mapping[str, Any]], key: Key, values: Mapping[str, float], mark: bool | None
) -> ForeignExample:
    instance = table(states[0].get("instance"), "instance")
    references = [table(one, "a reference") for one in items(instance.get("references"), "references")]
    texts = [_text(one.get("output")) for one in references]
    correct = [t for t, one in zip(texts, references, strict=True) if "correct" in items(one.get("tags"), "tags")]
    split = text(instance.get("split"), "split")
    exchanges = [_exchange(state, bool(values)) for state in states]
    mapping = table(states[0].get("output_mapping"), "output_mapping")
    last = exchanges[0][1]
    written = last.text.strip() if isinstance(last, Generated) else ""
    named = mapping.get(written)
    return ForeignExample(
        content={"input": _text(instance.get("input")), "references": texts},
        target=correct,
        requests=tuple(request for request, _ in exchanges),
        responses=tuple(response for _, response in exchanges),
        judged=Judged(named if isinstance(named, str) else written, values, mark),
        slices={"split": split} if split else {},
        repeat=key[1],
    )


def _text(value: object) -> str:
    return text(table(value, "a text of HELM").get("text"), "text")


def _exchange(state: Mapping[str, Any], scored: bool) -> tuple[Request, Response]:
    """A request with its first completion."""
    asked = table(state.get("request"), "request")
    stops = tuple(stop for stop in items(asked.get("stop_sequences"), "stop_sequences") if isinstance(stop, str))
    most, warm = amount(asked.get("max_tokens")), finite(asked.get("temperature"))
    request = Generate(text(asked.get("prompt"), "prompt"), most or 0, stops, warm or 0.0)
    result = table(state.get("result"), "result")
    if not result.get("success"):
        return request, Failed("server", text(result.get("error"), "error")[:300] or "the request failed")
    if not scored:
        return request, Failed("missing", "the files hold no score of it")
    completion = table(next(iter(items(result.get("completions"), "completions")), None), "a completion")
    tokens = items(completion.get("tokens"), "tokens")
    return request, Generated(text(completion.get("text"), "text"), len(tokens), "end")
