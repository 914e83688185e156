"""IFEval: instructions whose following a program can check (Zhou et al. 2023)."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.data import hub
from harness.errors import DataError
from harness.kinds import About, Decoding, Extremes, Items, probe
from harness.kinds.text import seed_of, written
from harness.metrics.classify import UNIT, proportion, quotient
from harness.reading.values import label_of, text_of
from harness.types import Card, Dataset, Example, Generate, Generated, Judged, Request, Response, Row
from harness_tasks.ifeval.checks import Asked, checked, follows, follows_loosely
from harness_tasks.ifeval.obedient import obedient

NAME, HUB = "ifeval", "google/IFEval"
DECODING = Decoding(1280)
STRICT, LOOSE = "the answer as it is", "or without its first or last line, or stars"
METRICS = (
    proportion("prompt_level_strict_acc", limits=f"every instruction of a prompt, {STRICT}"),
    quotient("inst_level_strict_acc", bounds=UNIT, limits=f"instructions, not prompts, {STRICT}"),
    proportion("prompt_level_loose_acc", limits=f"every instruction of a prompt, {STRICT}, {LOOSE}"),
    quotient("inst_level_loose_acc", bounds=UNIT, limits=f"instructions, not prompts, {STRICT}, {LOOSE}"),
)


def example(row: Row, dataset: Dataset) -> Example:
    """A prompt with its instructions, each with what it asks. Raises DataError."""
    names: Sequence[str] = row["instruction_id_list"]
    if not names or len(names) != len(row["kwargs"]):
        raise DataError(f"{len(names)} instructions with {len(row['kwargs'])} kwargs")
    asked = tuple(map(checked, names, row["kwargs"]))
    fields = {"prompt": text_of(row["prompt"], "prompt"), "instructions": tuple(names), "kwargs": asked}
    return Example(label_of(row["key"], "key"), fields, None, {"instructions": str(len(names))})


def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
    """The prompt alone."""
    return (DECODING.request(example.fields["prompt"], seed_of(NAME, example.id)),)


def verdicts(example: Example, answer: str, check: Callable[[str, str, Asked], bool]) -> list[bool]:
    """Of each instruction whether the answer follows it."""
    pairs = zip(example.fields["instructions"], example.fields["kwargs"], strict=True)
    return [check(instruction, answer, asked) for instruction, asked in pairs]


def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
    """The prediction names the instructions that were not followed."""
    (response,) = responses
    assert isinstance(response, Generated)
    strict, loose = (verdicts(example, response.text, check) for check in (follows, follows_loosely))
    values: dict[str, Any] = {
        "prompt_level_strict_acc": float(all(strict)),
        "inst_level_strict_acc": (float(sum(strict)), float(len(strict))),
        "prompt_level_loose_acc": float(all(loose)),
        "inst_level_loose_acc": (float(sum(loose)), float(len(loose))),
    }
    broken = [name for name, kept in zip(example.fields["instructions"], strict, strict=True) if not kept]
    return Judged(f"broken: {', '.join(broken)}" if broken else "all followed", values, all(strict))


def best(example: Example) -> tuple[Response, ...]:
    """An answer made to follow every instruction."""
    return (written(obedient(example.fields["instructions"], example.fields["kwargs"])),)


def worst(example: Example) -> tuple[Response, ...]:
    """Nothing, which follows no instruction."""
    return (written(""),)


IFEVAL = probe(
    NAME,
    items=Items(hub(HUB, "default", "train"), example),
    ask=ask,
    asks=Generate,
    judge=judge,
    metrics=METRICS,
    extremes=Extremes(best, worst),
    about=About(
        version=1,
        tags=("instructions", "generation"),
        card=Card(
            measures="Following of instructions that a program can check (length, format, keywords, case, language), "
            "one to three a prompt; of the whole prompt and of each instruction, strictly and loosely.",
            limits="Form alone: an answer may follow every instruction and be nonsense. Prompts are read as they "
            "stand: ask chat models with --chat. Languages are told by script and frequent words, sentences by English "
            "rules and a list of abbreviations; the authors' detector errs elsewhere. Where an instruction counts a "
            "sign that is no letter, the authors' code draws a letter; here the sign is counted. English prompts.",
            source=f"https://huggingface.co/datasets/{HUB}",
            licence="Apache-2.0",
            citation="Zhou et al. 2023, Instruction-Following Evaluation for Large Language Models",
        ),
    ),
)

TASKS = (IFEVAL,)
