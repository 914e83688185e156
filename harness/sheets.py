"""What a task asks of some examples."""

from dataclasses import dataclass

from harness.types import Alternative, Example, Request, Task


@dataclass(frozen=True, slots=True)
class Sheet:
    """A task with the examples to be asked, and of each the requests and the alternatives that they are for too."""

    task: Task
    examples: tuple[Example, ...]
    requests: tuple[tuple[Request, ...], ...]
    alternatives: tuple[tuple[Alternative, ...], ...]
