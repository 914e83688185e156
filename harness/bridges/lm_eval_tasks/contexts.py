"""The requests of every document of a task, with the few-shot examples that the package itself draws."""

from collections.abc import Sequence
from typing import Any

from harness.bridges.lm_eval_tasks.index import FAMILY
from harness.bridges.lm_eval_tasks.mirror import quiet
from harness.errors import DataError


class Contexts:
    """Instances by document, built once each.

    Where examples are drawn at random the package draws them document after document from one sequence of numbers, so
    they are built in that order: what a document is shown depends on no limit.
    """

    def __init__(self, task: Any, docs: Sequence[Any]) -> None:
        self.task = task
        self.docs = docs
        self.shots = int(task.get_config("num_fewshot") or 0)
        self._built: dict[int, list[Any]] = {}

    def of(self, number: int) -> list[Any]:
        """The instances of a document in the order of its requests. Raises DataError."""
        for place in range(len(self._built) if self.shots else number, number + 1):
            if place not in self._built:
                with quiet():
                    self._built[place] = self._instances(place)
        return self._built[number]

    def _instances(self, place: int) -> list[Any]:
        task, doc = self.task, self.docs[place]
        try:
            context = task.fewshot_context(
                doc,
                num_fewshot=self.shots,
                system_instruction=None,
                apply_chat_template=False,
                fewshot_as_multiturn=False,
                chat_template=None,
                gen_prefix=task.doc_to_prefix(doc),
            )
            about = (task.config.task, place, task.config.repeats)
            built = task.construct_requests(
                doc=doc, ctx=context, metadata=about, apply_chat_template=False, chat_template=None
            )
        except Exception as error:  # a task file is a program of somebody else's
            raise DataError(f"{FAMILY}:{task.task_name}: document {place}: {reason(error)}") from error
        return sorted(built if isinstance(built, list) else [built], key=lambda instance: instance.idx)


def reason(error: Exception) -> str:
    """What an error of somebody else's says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
