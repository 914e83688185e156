"""Tasks whose judge runs code: unfit to judge in the catalogue, whole once the user has allowed it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.sandbox.choose import open_sandbox
from harness.types import Example, Failed, Generated, Judged, Response, Sandbox, Task

NOT_ALLOWED = Failed("sandbox", "code that the model writes was not allowed to run")


def judged_by_running(task: Task, program: Callable[[Example, str], str], metric: str) -> Task:
    """A task of one ``Generate`` each whose answers are right if a program passes.

    ``program`` makes it of an example and an answer; ``metric`` is 1 for a program that passes. As it is, every example
    fails; ``task.confine(task, sandbox)`` is the task that can be judged.
    """

    def confine(own: Task, sandbox: Sandbox) -> Task:
        def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
            (response,) = responses
            assert isinstance(response, Generated)
            ran = sandbox.run(program(example, response.text))
            if isinstance(ran, Failed):
                return ran
            passed = ran.verdict == "passed"
            return Judged(
                f"{ran.verdict}: {ran.message}" if ran.message else ran.verdict, {metric: float(passed)}, passed
            )

        return replace(own, judge=judge, confine=None, sandbox=sandbox.name)

    return replace(task, judge=_not_allowed, confine=confine, votes=False)  # a verdict is no answer


def confined(tasks: Sequence[Task], *, allowed: bool) -> list[Task]:
    """The tasks, those that run code with the sandbox of this machine if that is ``allowed``. Raises Unsupported."""
    return [task.confine(task, open_sandbox()) if task.confine and allowed else task for task in tasks]


def _not_allowed(example: Example, responses: tuple[Response, ...]) -> Failed:
    return NOT_ALLOWED
