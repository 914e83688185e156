"""A benchmark as data and pure functions, and what it asks a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.types.cache import Cache
from harness.types.code import Sandbox
from harness.types.data import Dataset, Example, Row
from harness.types.groups import Group
from harness.types.metrics import Metric
from harness.types.requests import Message, Request
from harness.types.responses import Failed, Response
from harness.types.results import Judged
from harness.types.settings import Settings

Score = float | Failed
"""What a scorer says of one text."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """What tells how far a text is toxic (or whatever it was made for): texts -> a number from 0 to 1 or Failed, each.

    ``fingerprint`` lists everything that can change a score; ``sample`` is a text that it scores high, if one is known.
    ``keeping``: of a scorer that asks a model, the same one that keeps its answers and asks for none twice: in the
    first cache, of all runs (None: there is none), if its fingerprint pins them, else in the second, of one run.
    """

    name: str
    fingerprint: Mapping[str, str]
    score: Callable[[Sequence[str]], list[float | Failed]]
    sample: str = ""
    keeping: Callable[[Cache | None, Cache], Scorer] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a task measures and what it does not; shown wherever its numbers are."""

    measures: str
    limits: str
    source: str
    licence: str
    citation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """Where few-shot examples come from and how many are shown unless the run says otherwise.

    An empty ``dataset`` means the evaluated split itself, never the example asked. ``by`` names a slice within which
    shots are chosen (a subject of MMLU). ``pick`` is "hash" (by seed), "first" (the published fixed order) or "own":
    the task writes its own into its prompts, and is handed none.
    """

    count: int = 0
    dataset: tuple[Dataset, ...] = ()
    by: str | None = None
    pick: Literal["hash", "first", "own"] = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeModel:
    """How a model judges answers: ``rubric`` is a template over the row's columns that it reads first.

    Without ``against`` the rubric holds the answer as ``{response}`` and is said yes or no to; else the answer competes
    with the column of that name. ``swap``: the two options are shown in both orders; where the ruling changes with
    them, ``ties`` makes it half a win or a failure. ``chat`` and ``base_url`` are those of Options.
    """

    model: str
    rubric: str
    against: str | None = None
    swap: bool = True
    ties: Literal["half", "failed"] = "half"
    chat: bool = False
    base_url: str | None = None


Judge = Callable[[Example, tuple[Response, ...]], Judged | Failed]
"""(example, the responses to its requests, none of them Failed) -> what they say, or Failed if they say nothing."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An example asked differently.

    ``places``: for each of its requests the new places of the options, empty where they keep their own; ``count``: how
    many requests it has.
    """

    label: str
    example: Example
    places: tuple[tuple[int, ...], ...]
    count: int


class Variation(Protocol):
    """How a task's examples are also asked, and what the answers say together."""

    def alternatives(self, example: Example) -> tuple[Alternative, ...]:
        """The alternatives that ask something else than the example itself."""
        ...

    def ask(
        self, example: Example, shots: Sequence[Example], alternatives: Sequence[Alternative]
    ) -> tuple[Request, ...]:
        """The requests of the example, then those of its alternatives."""
        ...

    def judge(
        self, judge: Judge, example: Example, alternatives: Sequence[Alternative], responses: tuple[Response, ...]
    ) -> Judged | Failed:
        """The judgement of the example with the values of each pair; ``judge`` judges one of them alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A benchmark as data and four pure functions. Built by the functions of ``harness.kinds``.

    read:  rows of one dataset -> examples
    ask:   an example and its few-shot examples -> requests
    judge: an example and the responses to its requests, none of them Failed -> Judged, or Failed if not judgeable
    best, worst: the responses of a perfect and of a perfectly wrong model, with which every task is tested
    bind:  makes a task whole with the scorer that a run names, where its judge needs one; ``scorer`` is then that one
    confine: makes a task whole with a sandbox, where its judge runs code of the model's; ``sandbox`` is then its name
    judge_scores: instead of ``judge``, of a task with a scorer: an example, its texts and the score of each
    judging: the model that judges the answers, which ``bind`` makes the scorer
    judged_as: what a scorer reads of an example and one of its texts, where that is not the text alone
    variation: how its examples are also asked; ``variant`` says so: two runs asked the same only if it is equal
    open: makes a task of another package whole, with its data, for a run's settings and folder of data
    groups: averages by name, which a run has beside those that plug-ins offer
    next_turn: of a conversation, each of whose requests is asked after the answers to those before it: the example, a
        request as planned and these answers -> the request as it is asked
    turns: what its requests ask as messages, few-shot examples as earlier turns; None where that cannot be told
    votes: its predictions are answers (no verdicts), so that the most frequent of several is one
    """

    name: str
    version: int
    dataset: tuple[Dataset, ...]
    read: Callable[[Sequence[Row], Dataset], list[Example]]
    ask: Callable[[Example, Sequence[Example]], tuple[Request, ...]]
    judge: Judge
    best: Callable[[Example], tuple[Response, ...]]
    worst: Callable[[Example], tuple[Response, ...]]
    metrics: tuple[Metric, ...]
    card: Card
    requests: frozenset[type] = frozenset()
    shots: Shots = Shots()
    tags: frozenset[str] = frozenset()
    bind: Callable[[Task, Scorer], Task] | None = None
    scorer: Scorer | None = None
    confine: Callable[[Task, Sandbox], Task] | None = None
    sandbox: str = ""
    judge_scores: Callable[[Example, Sequence[str], Sequence[float]], Judged | Failed] | None = None
    judging: JudgeModel | None = None
    judged_as: Callable[[Example, str], tuple[str, ...]] | None = None
    variation: Variation | None = None
    variant: str = ""
    open: Callable[[Settings, Path | None], Task] | None = None
    groups: tuple[tuple[str, Group], ...] = ()
    next_turn: Callable[[Example, Request, Sequence[str]], Request] | None = None
    turns: Callable[[Example, Sequence[Example]], tuple[Message, ...]] | None = None
    votes: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One request of one example of one task; ``part`` counts the example's requests.

    A model is told who is asking by name alone: ``task`` is the task's, ``example`` the example's id.
    """

    task: str
    example: str
    part: int
    request: Request
