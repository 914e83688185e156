"""A task whose few-shot examples are shown as earlier turns of a chat."""

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import Unsupported
from harness.types import Choose, Example, Generate, Request, Settings, Task


def in_turns(task: Task, settings: Settings) -> Task:
    """The task asked in turns where the settings say so and it shows few-shot examples, else itself.

    Raises Unsupported for a task whose examples cannot be told from its prompt.
    """
    own = task.shots.pick == "own"
    count = task.shots.count if own or settings.shots is None else settings.shots
    if not settings.fewshot_as_turns or not count:
        return task
    ask, turns = task.ask, task.turns
    if own or turns is None:
        raise Unsupported(f"{task.name} writes its few-shot examples into its prompt: they cannot be shown as turns")

    def asked(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        messages = turns(example, shown)
        return tuple(
            replace(request, messages=messages) if isinstance(request, Choose | Generate) else request
            for request in ask(example, shown)
        )

    return replace(task, ask=asked, variant="few-shot as turns")
