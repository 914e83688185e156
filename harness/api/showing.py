"""What a model will be asked, seen before a run: the requests of a few examples, with all that stands around them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from harness import plugins
from harness import run as running
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.prompts import ShownPrompt, parts_of, shown_as
from harness.api.records import Overrides, Where, with_overrides
from harness.engine.backend import Options
from harness.errors import UsageError
from harness.types import Choose, Example, Judged, Question, Response, Scorer, Settings, Task

SILENT = Scorer("none", {}, lambda texts: [0.0] * len(texts))
"""Prompts do not depend on what scores the answers."""


def show_prompt(
    tasks: str | Sequence[str | Task],
    model: str | None = None,
    settings: Settings | None = None,
    *,
    options: Options | None = None,
    where: Where | None = None,
    **overrides: Unpack[Overrides],
) -> list[ShownPrompt]:
    """The requests of ``limit`` examples of every data set (by default one), as ``model`` will read them.

    Of a model only config and tokenizer are read; without one, torch is not even imported. ``overrides`` are fields of
    Settings, Options or Where (``shots=3``, ``chat=True``).
    Raises UsageError for ``options.chat`` without a model, whose template is what shapes a chat, and the errors of
    ``evaluate`` for what is missing or too long.
    """
    settings, options, where, _ = with_overrides(settings, options, where, None, overrides)
    settings = settings if settings.limit is not None else replace(settings, limit=1)
    if options.chat and model is None:
        raise UsageError("--chat shapes a prompt by the model's own template: name the model (--model)")
    scored = bool(settings.scorer)
    chosen = [t if not t.bind or (scored and not t.judging) else t.bind(t, SILENT) for t in tasks_of(tasks)]
    planned = planned_tasks(chosen, settings, options, where)
    gold = {(p.task.name, example.id): _gold(p.task, example) for p in planned for example in p.examples}
    shown = _shown(model, running.questions(planned), options)
    return [replace(one, gold=gold[one.task, one.example]) for one in shown]


def _shown(model: str | None, questions: Sequence[Question], options: Options) -> list[ShownPrompt]:
    if model is not None and plugins.is_local(model):
        from harness.api.showing_tokens import read_by

        return read_by(model, questions, options)
    server = model is not None and model.startswith("openai:")
    return [_sent(question, options) if server else _plain(question) for question in questions]


def _sent(question: Question, options: Options) -> ShownPrompt:
    from harness.engine.elsewhere.wording import shown

    sent = shown_as("messages", question, shown(question.request, options), ())
    scored = isinstance(question.request, Choose) and not options.chat
    return (
        replace(sent, decoding="a server that scores texts is sent the prompt with each choice instead")
        if scored
        else sent
    )


def _gold(task: Task, example: Example) -> str:
    """The prediction that a perfect model gets."""
    responses: tuple[Response, ...] = task.best(example)
    judged = running.judge_one(task, example, (), responses).judged
    return judged.prediction if isinstance(judged, Judged) else ""


def _plain(question: Question) -> ShownPrompt:
    return shown_as("text", question, *parts_of(question.request))
