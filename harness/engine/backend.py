"""The one seam between a run and whatever answers it: a local model, a server, a file, a script."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from harness.errors import UsageError
from harness.types import Example, ModelInfo, Question, Request, Response, Task

Batch = list[tuple[int, Response]]
"""Answers that were computed together: (position of the question, response). One record of the journal."""
Exam = tuple[Task, Sequence[Example]]
"""A task and those of its examples that will be asked: what a scripted model looks its answers up in."""


@runtime_checkable
class Backend(Protocol):
    """A model that is ready to be asked."""

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        ...

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Plan over all ``questions``, then yield finished batches, skipping those that are already ``done``.

        The plan depends on ``questions`` alone, so that a resumed run computes the very batches that are missing.
        Whatever is wrong with the questions themselves is raised here, before the iterator is returned and anything
        is computed: TooLong for prompts beyond the context, Unsupported for kinds of request it cannot answer.
        A single question that cannot be answered becomes a ``Failed`` response.
        """
        ...

    def stats(self) -> Mapping[str, float | str]:
        """What the work has cost so far: tokens asked and computed, seconds, peak memory. Empty if nothing is known."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A backend that has to find out how it asks what it is going to be asked, which its fingerprint then tells."""

    def learn(self, requests: Iterable[Request]) -> None:
        """Find it out, before the run is described."""
        ...


@runtime_checkable
class Crewed(Protocol):
    """A backend with workers, which can say how they are doing."""

    def state(self) -> str:
        """A few words for whoever watches: how many workers there are, and how much of their time they have idled."""
        ...


@runtime_checkable
class Counted(Protocol):
    """A backend that knows how much it computes for each question."""

    def operations(self, responses: Sequence[Response]) -> Sequence[float] | None:
        """Floating-point operations for every question of the last ``answer``; None where the model cannot be counted,
        and where these are not all.

        ``responses`` are those to these questions. What several questions share is divided among them.
        """
        ...


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch before it is computed.

    ``positions``: the questions that it answers. ``cost``: about how many tokens go through the model for it alone.
    Batches of one ``group`` share work that a process computes once for all of them that it is given: ``shared``
    tokens.
    """

    positions: tuple[int, ...]
    cost: float
    group: int
    shared: float = 0.0


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a model has planned for some questions.

    ``batches``: all of them, in the plan's order; they may be computed in any order, by any process that has the same
    agenda, with the same bits. ``answer(done)``: see ``Backend.answer``.
    """

    batches: Callable[[], Sequence[BatchPlan]]
    answer: Callable[[Container[int]], Iterator[Batch]]


@runtime_checkable
class Planner(Protocol):
    """A backend that can say what it will compute before it does."""

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """Plan over all ``questions``. Raises what ``Backend.answer`` raises before anything is computed."""
        ...


def agenda_of(backend: Backend, questions: Sequence[Question]) -> Agenda:
    """What a backend will do; where it does not plan ahead, every question is a batch of its own."""
    if isinstance(backend, Planner):
        return backend.plan(questions)
    alone = [BatchPlan((position,), 1.0, position) for position in range(len(questions))]
    return Agenda(lambda: alone, lambda done: backend.answer(questions, done))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a model is to be loaded and run; everything here that can change an answer goes into the fingerprint.

    ``base`` is the model that an adapter belongs to, by default the one of the Hub that the adapter names.
    ``chat_template`` is a file, or one of the model's templates by its name; by default the model's own.
    ``requests_per_minute`` and ``tokens_per_minute`` are the most that a server is asked.
    ``workers`` are processes that share the work, each with ``threads`` CPU threads and, where there are any, a GPU of
    its own; ``ray`` is the address of a cluster that they live in, by default one on this machine for this run alone.
    """

    base: str | None = None
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    engine: Literal["auto", "reference"] = "auto"
    truncate: Literal["left"] | None = None
    chat: bool = False
    chat_template: str | None = None
    system: str | None = None
    token_budget: int | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False
    base_url: str | None = None
    concurrency: int = 8
    timeout: float = 60.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    workers: int | None = None
    ray: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for a system message that no model would see, and for numbers that leave nothing to do."""
        paces = ("requests_per_minute", "tokens_per_minute")
        names = ("concurrency", "timeout", "token_budget", "workers", "threads", *paces)
        counts = [(name, getattr(self, name)) for name in names]
        idle = next(((name, value) for name, value in counts if value is not None and not 0 < value < math.inf), None)
        if idle:
            raise UsageError(f"{idle[0]} = {idle[1]} is not a number above 0")
        if self.threads is not None and self.workers is None and self.ray is None:
            raise UsageError("threads belong to workers: one process takes OMP_NUM_THREADS")
        if self.system is not None and not self.chat:
            raise UsageError("a system message (--system) belongs to --chat: without it no model is shown one")
        if self.chat_template is not None and not self.chat:
            raise UsageError("a chat template (--chat-template) belongs to --chat: without it none is used")
