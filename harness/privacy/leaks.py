"""Personal data in the answers that a run stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import DataError, UnknownName
from harness.privacy.personal import MARK, Leaks, PersonalDatum, Redaction, leaks, marked, personal
from harness.privacy.redacted import is_redacted
from harness.store import Store
from harness.types import Chosen, Generate, Generated, Outcome


@dataclass(frozen=True, slots=True)
class Leak:
    """One piece of personal data in one answer; ``value`` is a number of a report's own where it was redacted."""

    task: str
    example: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class LeakReport:
    """The share of written answers that leak each kind, and every leak; ``without``: answers that hold no text."""

    run: str
    redacted: bool
    kinds: tuple[Leaks, ...]
    without: int
    leaks: tuple[Leak, ...]


def leaks_of(store: Store, run: str, tasks: Sequence[str] = (), *, redact: bool = False) -> LeakReport:
    """Look through the written answers of a run, or of some of its tasks.

    Of a run that was stored without personal data, what stands for them is counted too.
    Raises UnknownName for a task that the run has not, DataError where the run has no written answer.
    """
    stored = store.run(run)
    known = [task.name for task in stored.tasks]
    for name in tasks:
        if name not in known:
            raise UnknownName(f"task of run {stored.id}", name, known)
    answers = [
        (task, outcome.example.id, prompt, answer)
        for task in (tasks or known)
        for outcome in store.outcomes(stored.id, task)
        for prompt, answer in _answers(outcome)
    ]
    asked = [row for row in answers if row[-1]]
    if not asked:
        raise DataError(f"run {stored.id} has no written answers: leaks are looked for in texts")
    hidden = is_redacted(stored)
    kinds, each = leaks([(prompt, answer) for _, _, prompt, answer in asked], _also_marked if hidden else personal)
    hide = Redaction().of if redact or hidden else str
    leaked = tuple(
        Leak(task, example, one.kind, hide(one.value))
        for (task, example, _, _), own in zip(asked, each, strict=True)
        for one in own
    )
    return LeakReport(stored.id, redact or hidden, tuple(kinds), len(answers) - len(asked), leaked)


def _also_marked(text: str) -> Iterator[PersonalDatum]:
    """What was redacted, and what was not although the run says so: it may have been made by somebody else."""
    yield from marked(text)
    yield from personal(MARK.sub(" ", text))  # one number in a thousand looks like a card's


def _answers(outcome: Outcome) -> Iterator[tuple[str, str]]:
    for request, response in zip(outcome.requests, outcome.responses, strict=True):
        text = response.text if isinstance(response, Generated | Chosen) else ""
        if text or isinstance(request, Generate):
            yield str(getattr(request, "prompt", "")), text
