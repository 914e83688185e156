"""Benchmarks of instructions whose following a program can check: strict and loose, of prompts and of instructions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.data import hub
from harness.errors import DataError, listed, quoted
from harness.kinds import About, Decoding, Extremes, Items, probe
from harness.kinds.text import seed_of, written
from harness.metrics.classify import UNIT, proportion, quotient
from harness.reading.values import label_of, text_of
from harness.types import Dataset, Example, Generate, Generated, Judged, Metric, Request, Response, Row, Task

Asked = Mapping[str, Any]
"""What an instruction asks, by the names of the dataset's ``kwargs``."""
Check = Callable[[str, Asked], bool]
"""(an answer, never an empty one; what is asked) -> whether the answer follows."""
Obey = Callable[[Sequence[str], Sequence[Asked]], str]
"""(names of instructions, what each asks) -> an answer that follows them."""

PROMPT = "prompt"
"""Under this name an instruction needs the whole prompt, which is no kwarg of its own."""
DECODING = Decoding(1280)
STRICT, LOOSE = "the answer as it is", "or without its first or last line, or stars"
METRICS: tuple[Metric, ...] = (
    proportion("prompt_level_strict_acc", limits=f"every instruction of a prompt, {STRICT}"),
    quotient("inst_level_strict_acc", bounds=UNIT, limits=f"instructions, not prompts, {STRICT}"),
    proportion("prompt_level_loose_acc", limits=f"every instruction of a prompt, {STRICT}, {LOOSE}"),
    quotient("inst_level_loose_acc", bounds=UNIT, limits=f"instructions, not prompts, {STRICT}, {LOOSE}"),
)


@dataclass(frozen=True, slots=True)
class Instructions:
    """The instructions of a benchmark by name: how each is checked, and what it needs, by key.

    A need is a type, or the values that are known. ``marks``: what the prompt itself must hold.
    """

    checks: Mapping[str, Check]
    needs: Mapping[str, Mapping[str, type[Any] | tuple[str, ...]]]
    marks: Mapping[str, str] = field(default_factory=dict)


def instructed(name: str, hub_id: str, known: Instructions, obey: Obey, about: About) -> Task:
    """A task of prompts with instructions: rows of ``prompt``, ``instruction_id_list``, ``kwargs`` and ``key``."""

    def example(row: Row, dataset: Dataset) -> Example:
        names: Sequence[str] = row["instruction_id_list"]
        if not names or len(names) != len(row["kwargs"]):
            raise DataError(f"{len(names)} instructions with {len(row['kwargs'])} kwargs")
        prompt = text_of(row["prompt"], "prompt")
        asked = tuple(
            checked(known, name, {**own, PROMPT: prompt}) for name, own in zip(names, row["kwargs"], strict=True)
        )
        fields = {"prompt": prompt, "instructions": tuple(names), "kwargs": asked}
        return Example(label_of(row["key"], "key"), fields, None, {"instructions": str(len(names))})

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        return (DECODING.request(example.fields["prompt"], seed_of(name, example.id)),)

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
        return judged(known, example, responses)

    def best(example: Example) -> tuple[Response, ...]:
        return (written(obey(example.fields["instructions"], example.fields["kwargs"])),)

    def worst(example: Example) -> tuple[Response, ...]:
        return (written(""),)

    return probe(
        name,
        items=Items(hub(hub_id, "default", "train"), example),
        ask=ask,
        asks=Generate,
        judge=judge,
        metrics=METRICS,
        extremes=Extremes(best, worst),
        about=about,
    )


def checked(known: Instructions, instruction: str, asked: Asked) -> Asked:
    """What an instruction needs of its kwargs; a whole number may stand as 5.0.

    Raises DataError for an instruction or a value that nobody knows, and for what is missing or of another type.
    """
    if instruction not in known.checks:
        raise DataError(f"unknown instruction {quoted(instruction)}; valid: {listed(known.checks)}")
    mark = known.marks.get(instruction, "")
    if mark not in asked.get(PROMPT, ""):
        raise DataError(f"{instruction}: the prompt does not say {quoted(mark)}")
    needs = known.needs.get(instruction, {})
    return {key: _needed(f"{instruction}: {key}", asked.get(key), kind) for key, kind in needs.items()}


def _needed(what: str, value: object, kind: type[Any] | tuple[str, ...]) -> object:
    if isinstance(kind, tuple):
        if value not in kind:
            raise DataError(f"{what} is {quoted(value)}; valid: {listed(kind)}")
        return value
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and value < 0:
        raise DataError(f"{what} is {value}, which counts nothing")
    if type(value) is not kind or (isinstance(value, list) and not all(isinstance(word, str) for word in value)):
        raise DataError(f"{what} is {quoted(value)}, which is no {kind.__name__}")
    return value


def judged(known: Instructions, example: Example, responses: tuple[Response, ...]) -> Judged:
    """The prediction names the instructions that were not followed."""
    (response,) = responses
    assert isinstance(response, Generated)
    strict, loose = (verdicts(known, example, response.text, check) for check in (follows, follows_loosely))
    values: dict[str, Any] = {
        "prompt_level_strict_acc": float(all(strict)),
        "inst_level_strict_acc": (float(sum(strict)), float(len(strict))),
        "prompt_level_loose_acc": float(all(loose)),
        "inst_level_loose_acc": (float(sum(loose)), float(len(loose))),
    }
    broken = [name for name, kept in zip(example.fields["instructions"], strict, strict=True) if not kept]
    return Judged(f"broken: {', '.join(broken)}" if broken else "all followed", values, all(strict))


def verdicts(
    known: Instructions, example: Example, answer: str, check: Callable[[Instructions, str, str, Asked], bool]
) -> list[bool]:
    """Of each instruction whether the answer follows it, as ``follows`` or ``follows_loosely`` says."""
    pairs = zip(example.fields["instructions"], example.fields["kwargs"], strict=True)
    return [check(known, instruction, answer, asked) for instruction, asked in pairs]


def follows(known: Instructions, instruction: str, answer: str, asked: Asked) -> bool:
    """Whether an answer follows an instruction; an empty one follows none. Raises KeyError for an unknown name."""
    return bool(answer.strip()) and known.checks[instruction](answer, asked)


def follows_loosely(known: Instructions, instruction: str, answer: str, asked: Asked) -> bool:
    """Whether the answer, or what is left without its first or last line or stars, follows an instruction."""
    return any(follows(known, instruction, variant, asked) for variant in loose_variants(answer))


def loose_variants(answer: str) -> list[str]:
    """The answer as it is, without its first line, its last line, both, and each of these without stars."""
    lines = answer.split("\n")
    parts = [answer, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*parts, *(part.replace("*", "") for part in parts)]
