"""What a stored sample asked, in the words that matter: its question without the examples before it, gold as text."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.metrics.calibrate import probabilities
from harness.store.store import Store

LOOKED_AT = 20
"""Samples of a task whose prompts are compared to see what all of them begin with."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of a sample: tokens, natural log-probability, and its probability among the choices, None if unknown."""

    part: int
    text: str
    tokens: int
    logprob: float
    share: float | None
    picked: bool
    gold: bool


def preamble(store: Store, run: str, task: str) -> str:
    """What the prompts of a task begin with alike, few-shot examples above all, up to the end of a line; else "".

    Raises as ``Store.samples`` does.
    """
    prompts = store.samples(run, task, limit=LOOKED_AT, columns=["prompt"])["prompt"].tolist()
    return common({prompt for prompt in prompts if isinstance(prompt, str)})


def common(prompts: Collection[str]) -> str:
    """The longest beginning that half of these prompts share, up to the end of a line.

    Half of them: an example that is itself a few-shot example of the others is shown another one in its place.
    """
    ordered, half = sorted(prompts), max(2, (len(prompts) + 1) // 2)
    ends = zip(ordered, ordered[half - 1 :], strict=False)
    alike = max((_beginning(*pair) for pair in ends), key=len, default="")
    return alike[: alike.rfind("\n") + 1]


def _beginning(one: str, other: str) -> str:
    """What two texts begin with alike."""
    size = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:size]


def question(prompt: str, shared: str, length: int) -> str:
    """A prompt without what it shares with others; of a long one its beginning and, two thirds of it, its end."""
    own = prompt.removeprefix(shared)
    start = "… " if len(own) < len(prompt) else ""
    if len(own) <= length:
        return start + own
    tail = 2 * length // 3
    return f"{start}{own[: length - tail]} … {own[-tail:]}"


def gold_of(sample: Mapping[str, Any]) -> str:
    """The gold answer as text: the choices that the target's indices name, else the first reference; "" for none."""
    target, options = sample["target"], _options(sample)
    wanted = target if isinstance(target, list) else [target]
    if options and wanted and all(type(place) is int and 0 <= place < len(options) for place in wanted):
        return ", ".join(options[place].strip() for place in wanted)
    if isinstance(target, list):
        return str(target[0]) if target else ""
    return "" if target is None else str(target)


def _options(sample: Mapping[str, Any]) -> list[str]:
    """The choices of a sample: those it was asked to choose from, alike in all parts, else its field of that name."""
    asked = [request.get("choices") for request in sample.get("requests") or []]
    options = asked[0] if asked and all(each == asked[0] for each in asked) else None
    options = options or (sample.get("fields") or {}).get("choices")
    return [str(option) for option in options] if isinstance(options, list) else []


def choices(sample: Mapping[str, Any]) -> Iterator[Choice]:
    """The choices of a sample of a model that gave log-probabilities; none for others."""
    requests, gold = sample["requests"] or [], sample["target"]
    for part, (request, response) in enumerate(zip(requests, sample["responses"] or [], strict=False)):
        options, logprobs = request.get("choices") or [], list(map(float, response.get("logprobs") or []))
        if not options or len(options) != len(logprobs):
            continue
        shares = probabilities(logprobs)
        for i, option in enumerate(options):
            yield Choice(
                part=part,
                text=option,
                tokens=response["tokens"][i],
                logprob=logprobs[i],
                share=None if shares is None else float(shares[i]),
                picked=i == response.get("picked"),
                gold=i == gold and len(requests) == 1,
            )


def asked(sample: Mapping[str, Any]) -> str:
    """What a sample's first request asked: its turns, each below its role, where it was several, else its prompt."""
    first: Mapping[str, Any] = next(iter(sample["requests"] or []), {})
    turns = first.get("messages") or []
    return "\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns) or sample["prompt"] or ""


def reasoning(sample: Mapping[str, Any]) -> str:
    """What the model thought before it answered, "" where nobody knows."""
    return "\n\n".join(filter(None, (response.get("reasoning") for response in sample["responses"] or [])))


def outcome(sample: Mapping[str, Any]) -> str:
    """A sample's outcome in a word: "right", "wrong", "failed: why", or "judged" where nothing is right or wrong."""
    if isinstance(sample["failure_kind"], str):
        return f"failed: {sample['failure_kind']}"
    import pandas as pd

    correct = sample["correct"]
    return "judged" if correct is None or pd.isna(correct) else "right" if correct else "wrong"
