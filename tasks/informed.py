"""What a customer has told an assistant in the course of a conversation, after the schema of the service."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data import hub
from harness.errors import DataError
from harness.kinds import About, Data, Decoding, conversation
from harness.metrics.classify import UNIT, mean, proportion
from harness.metrics.measures import Measure, TextMeasure
from harness.types import Card, Example, Row

ASK = (
    "Now list what I have told you: a line for each thing, written as slot: value, in my own words, and nothing else. "
    "The slots are {slots}. Leave out those that I said nothing of."
)
MARKS = " \t-*•`'\"“”.,;"
"""Around a slot or a value they mean nothing."""


def talks(rows: Sequence[Row]) -> Iterator[Row]:
    """Every dialogue in which the customer informs about something: what is said, up to the last such turn."""
    informed = [_informed(row) for row in rows]
    slots = sorted({slot for turns in informed for turn in turns for slot in turn})
    for row, turns in zip(rows, informed, strict=True):
        last = max((place for place, turn in enumerate(turns) if turn), default=None)
        if last is None:
            continue
        said = [turn["utterance"] for turn in row["turns"] if turn["speaker"] == "USER"]
        yield {
            "id": row["dialogue_id"],
            "service": row["services"][0].split("_")[0],
            "script": [*said[: last + 1], ASK.format(slots=", ".join(slots))],
            "wanted": {slot: values for turn in turns for slot, values in turn.items()},
        }


def _informed(row: Row) -> list[dict[str, list[str]]]:
    """What each turn of the customer's says: by slot the values that it may be given as, its own first."""
    if isinstance(row["turns"], Mapping):
        raise DataError("the turns are columns; this task reads the list of turns of the original files")
    return [
        {
            action["slot"]: [*action["values"], *action["canonical_values"]]
            for frame in turn["frames"]
            for action in frame["actions"]
            if action["act"] == "INFORM" and action["values"]
        }
        for turn in row["turns"]
        if turn["speaker"] == "USER"
    ]


def listed(answer: str) -> dict[str, str]:
    """The lines of an answer that are a slot and a value; of a slot that stands twice the last."""
    pairs = [(_plain(slot), _plain(value)) for slot, _, value in (line.partition(":") for line in answer.splitlines())]
    return {"_".join(slot.split()): value for slot, value in pairs if slot and value}


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold()).strip(MARKS)


def _right(example: Example, answer: str) -> tuple[int, int, int]:
    """How many slots are listed with one of their values, how many are listed, how many should be."""
    said, wanted = listed(answer), example.fields["wanted"]
    right = sum(said[slot] in map(_plain, values) for slot, values in wanted.items() if slot in said)
    return right, len(said), len(wanted)


def all_right(example: Example, answer: str) -> float:
    """1 if all that was told is listed, and nothing else."""
    return float(len(set(_right(example, answer))) == 1)


def slot_f1(example: Example, answer: str) -> float:
    """The harmonic mean of the shares of listed slots that are right and of told slots that are listed right."""
    right, said, wanted = _right(example, answer)
    return 2 * right / (said + wanted)


def _target(row: Row) -> Any:
    return "\n".join(f"{slot}: {values[0]}" for slot, values in row["wanted"].items())


MEASURES: tuple[TextMeasure, ...] = (
    Measure(proportion("all_right"), all_right),
    Measure(mean("slot_f1", bounds=UNIT), slot_f1),
)

INFORMED = conversation(
    "schema_guided/informed",
    data=Data(
        hub("google-research-datasets/schema_guided_dstc8", "dialogues", "validation"),
        slices=("service",),
        prepare=talks,
    ),
    script="script",
    system="You help customers of the service {service}.",
    target=_target,
    decoding=Decoding(96, ("\nUser:",)),
    measures=MEASURES,
    about=About(
        version=1,
        tags=("dialogue", "generation"),
        card=Card(
            measures="What a customer has told in a conversation with the model, listed by the schema's slots.",
            limits="The customer's words are those of the dialogue, whatever the model answers. Only what the customer "
            "says counts, no offer that is accepted. A value must be in the customer's words or the schema's.",
            source="https://huggingface.co/datasets/google-research-datasets/schema_guided_dstc8",
            licence="CC BY-SA 4.0",
            citation="Rastogi et al. 2020, Towards Scalable Multi-domain Conversational Agents",
        ),
    ),
)

TASKS = (INFORMED,)
