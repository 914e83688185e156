"""A plug-in: one task, and one metric that task files can name too. The entry points are in pyproject.toml."""

import re

from harness.data import packaged
from harness.kinds import About, Data, Decoding, generation
from harness.metrics.classify import mean
from harness.metrics.measures import Measure, TextMeasure
from harness.types import Card, Example

TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
HALF_DAY = 12 * 60


def minutes(text: str) -> int | None:
    """The first time of day in a text, in minutes after midnight."""
    time = TIME.search(text)
    return int(time[1]) * 60 + int(time[2]) if time else None


def minutes_off() -> TextMeasure:
    """Minutes between the answered and the right time; an answer without a time is half a day off."""

    def value(example: Example, answer: str) -> float:
        right, said = minutes(str(example.target[0])), minutes(answer)
        if right is None or said is None:
            return float(HALF_DAY)
        apart = abs(right - said)
        return float(min(apart, 2 * HALF_DAY - apart))

    return Measure(mean("minutes_off", better="lower"), value)


TASKS = (
    generation(
        "tides/times",
        data=Data(packaged("harness_tides", "times.jsonl")),
        prompt="The tide is high at {first} and again 12 hours and 25 minutes later. When is that?\nTime:",
        target="second",
        decoding=Decoding(max_tokens=8, stop=("\n",)),
        measures=(minutes_off(),),
        about=About(
            version=1,
            card=Card(
                measures="Adding 12 hours and 25 minutes to a time of day.",
                limits="One addend and one phrasing; no knowledge of tides.",
                source="written for this example",
                licence="Apache-2.0",
            ),
        ),
    ),
)
