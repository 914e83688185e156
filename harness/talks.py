"""Conversations in a run: which questions wait for the answers to others, and what they are once these are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.answers.journal import Journal
from harness.errors import Unsupported
from harness.sheets import Sheet
from harness.types import Example, Failed, Generated, Question, Request, Response, Task


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation: its task, its example, and the positions of its turns among the questions of the run."""

    task: Task
    example: Example
    positions: range


def conversations(planned: Sequence[Sheet]) -> list[Talk]:
    """The conversations among what is planned."""
    talks, start = [], 0
    for p in planned:
        for example, requests in zip(p.examples, p.requests, strict=True):
            if p.task.next_turn:
                talks.append(Talk(p.task, example, range(start, start + len(requests))))
            start += len(requests)
    return talks


def require_undivided(planned: Sequence[Sheet]) -> None:
    """Raises Unsupported for conversations: their turns wait for each other, and so cannot be shared out beforehand."""
    talk = next((p.task.name for p in planned if p.task.next_turn), None)
    if talk is not None:
        raise Unsupported(f"{talk} is a conversation, whose turns wait for each other; leave shards and workers out")


def asked_next(
    asked: Sequence[Question], talks: Sequence[Talk], turn: int, journal: Journal
) -> tuple[list[Question], list[int]]:
    """The questions with those of this turn as they are asked now, and the positions of these.

    A conversation that broke off is asked no more: the rest of it fails for the same reason.
    """
    questions, open_, lost = list(asked), [], []
    for talk in talks:
        position = talk.positions[turn]
        before = [journal.responses[i] for i in talk.positions[:turn]]
        failure = next((one for one in before if isinstance(one, Failed)), None)
        if failure is None:
            question = questions[position]
            request = _turned(talk.task, talk.example, question.request, before)
            questions[position] = replace(question, request=request)
            open_.append(position)
        elif position not in journal.responses:
            lost.append((position, Failed(failure.kind, f"an earlier turn failed: {failure.message}")))
    if lost:
        journal.append(lost)
    return questions, open_


def turned(
    task: Task, example: Example, requests: tuple[Request, ...], responses: Sequence[Response]
) -> tuple[Request, ...]:
    """The requests of a conversation as they were asked, as far as it went; those of other tasks as they are."""
    if task.next_turn is None or not requests:
        return requests
    known = next((i for i, one in enumerate(responses) if isinstance(one, Failed)), len(responses))
    first, *later = requests
    return (first, *(_turned(task, example, r, responses[:i]) if i <= known else r for i, r in enumerate(later, 1)))


def _turned(task: Task, example: Example, request: Request, before: Sequence[Response]) -> Request:
    assert task.next_turn is not None
    return task.next_turn(example, request, [one.text if isinstance(one, Generated) else "" for one in before])
