"""Models and scorers by name: those of plug-ins, else what the engine and the scorers know."""

from collections.abc import Sequence
from importlib.metadata import EntryPoints, entry_points

from harness.engine.backend import Backend, Exam, Options
from harness.errors import UsageError
from harness.plugins.entries import label, load_entry, reason
from harness.types import Scorer, Task

OF_A_JUDGE = ("device", "dtype", "concurrency", "timeout", "requests_per_minute", "tokens_per_minute")
"""Options of a run that hold for the judges of its tasks too."""


def load_model(spec: str, options: Options, exams: Sequence[Exam] = ()) -> Backend:
    """A backend for ``spec``: a plug-in's scheme first, then what the engine knows. Raises UnknownName, ModelError.

    ``exams``: what a scripted model will be asked. Workers that the options ask for open the model for themselves.
    """
    if options.workers is not None or options.ray is not None:
        from harness.engine.scaled.driver import open_scaled

        return open_scaled(spec, options, load_model)
    for point in _offering(spec):
        try:
            backend: Backend = load_entry(point)(spec.partition(":")[2], options)
        except Exception as error:
            raise UsageError(f"model plug-in {label(point)} failed: {reason(error)}") from error
        return backend
    from harness.engine.load import load

    return load(spec, options, exams)


def offers_model(spec: str) -> bool:
    """Whether a plug-in opens what ``spec`` names."""
    return bool(_offering(spec))


def is_local(spec: str) -> bool:
    """Whether ``spec`` names weights that are read here, and no server, file of answers, script or plug-in's model."""
    from harness.engine.source import ELSEWHERE

    return spec.partition(":")[0] not in ELSEWHERE and not offers_model(spec)


def _offering(spec: str) -> EntryPoints:
    return entry_points(group="harness.models", name=spec.partition(":")[0])


def models() -> dict[str, str]:
    """What can be written as a model: name or scheme -> what it is."""
    own = {
        "smollm2": "SmolLM2-135M-Instruct, the embedded default (Apache-2.0)",
        "PATH": "a folder with config.json, tokenizer and safetensors weights, or a LoRA adapter (--base)",
        "hf:ORG/NAME[@REVISION]": "a model of the Hugging Face Hub",
        "openai:NAME": "a model behind an OpenAI-compatible server, with --base-url",
        "replay:FILE": "answers made elsewhere, one JSON object or one line each",
        "scripted:RULE": "the public fake: oracle, opposite, fail-every-N, slow-MS",
    }
    return own | {f"{point.name}:NAME": f"from {label(point)}" for point in entry_points(group="harness.models")}


def bound(tasks: Sequence[Task], spec: str | None, options: Options | None = None) -> list[Task]:
    """The tasks, those that judge by scores with the scorer that ``spec`` names, or with the judge that they name.

    Raises UsageError where no scorer is named, and the errors of loading a judge.
    """
    tasks = [_with_judge(task, options) for task in tasks]
    needing = [task.name for task in tasks if task.bind]
    if not needing:
        return tasks
    if not spec:
        from harness.scorers import VALID

        raise UsageError(f"{needing[0]} needs a scorer of texts: --scorer {' | '.join(VALID)}")
    scorer = load_scorer(spec, options)
    return [task.bind(task, scorer) if task.bind else task for task in tasks]


def _with_judge(task: Task, options: Options | None) -> Task:
    """The task bound to the judge that it names, if it names one."""
    if task.judging is None or task.bind is None:
        return task
    from harness.judges import judge_scorer

    shared = {name: getattr(options or Options(), name) for name in OF_A_JUDGE}
    own = Options(chat=task.judging.chat, base_url=task.judging.base_url, **shared)
    return task.bind(task, judge_scorer(load_model(task.judging.model, own), task.judging))


def load_scorer(spec: str, options: Options | None = None) -> Scorer:
    """A scorer of a plug-in, else a built-in one. Raises UsageError for a name that stands for none."""
    from harness.scorers import open_scorer
    from harness.scorers.checked import checked

    scheme, _, rest = spec.partition(":")
    points = {point.name: point for point in entry_points(group="harness.scorers")}
    if scheme not in points:
        return open_scorer(spec, options, list(points))
    point = points[scheme]
    try:
        function = load_entry(point)(rest)
        if not callable(function):
            raise TypeError(f"a scorer plug-in returns a function of texts, not {type(function).__name__}")
    except Exception as error:
        raise UsageError(f"scorer plug-in {label(point)} failed: {reason(error)}") from error
    release = point.dist.version if point.dist else "?"
    return checked(spec, {"plugin": label(point), "version": release, "argument": rest}, function)
