"""What a run would ask and cost, told before anything is asked, loaded or written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from harness import able, plugins
from harness import run as running
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.models import require_usable
from harness.api.prompts import parts_of
from harness.api.ready import missing_data, singly, variable
from harness.api.records import Overrides, Where, with_overrides
from harness.api.showing import SILENT
from harness.energy.rates import Rates, read_rates
from harness.engine.backend import Options
from harness.errors import StoreError, UnknownName
from harness.store import open_store
from harness.types import Generate, Question, Settings, Task

CHARACTERS = 4
"""Of a token, about, where no tokenizer is at hand: English text in current vocabularies."""


@dataclass(frozen=True, slots=True)
class TaskForecast:
    """One task of a forecast.

    ``examples`` of those ``available`` would be asked in so many ``requests``; all are 0 where ``missing`` says why
    nothing could be: data, a scorer, or a kind of request that the model does not answer. ``left_out``: the run would
    go on without it; otherwise what is missing makes the run refuse.
    """

    task: str
    examples: int
    available: int
    requests: int
    missing: str = ""
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would take; None for what cannot be known beforehand.

    ``asked``: tokens of every request by itself; ``computed``: what they share counted once; ``written``: the most that
    answers may have. ``seconds`` of computing, beside loading, and the ``basis`` of that. ``memory``: the most
    bytes that it holds, about. ``price`` in ``currency`` by the rates that were given.
    """

    model: str
    tasks: tuple[TaskForecast, ...]
    asked: int | None = None
    computed: int | None = None
    written: int | None = None
    seconds: float | None = None
    basis: str = ""
    memory: int | None = None
    price: float | None = None
    currency: str = ""

    @property
    def requests(self) -> int:
        """Of all tasks."""
        return sum(task.requests for task in self.tasks)

    @property
    def missing(self) -> tuple[TaskForecast, ...]:
        """Tasks that could not be asked."""
        return tuple(task for task in self.tasks if task.missing)

    @property
    def refused(self) -> bool:
        """Whether the run would end before anything is asked, because of what is missing."""
        return any(not task.left_out for task in self.missing)


def dry_run(
    model: str,
    tasks: str | Sequence[str | Task],
    settings: Settings | None = None,
    *,
    options: Options | None = None,
    where: Where | None = None,
    rates: str | Path | None = None,
    **overrides: Unpack[Overrides],
) -> Forecast:
    """What ``evaluate`` with the same arguments would ask and cost. Nothing is asked, stored, or read of weights.

    Time comes from the newest finished run of the model in the store, else from a matrix product measured here for a
    third of a second. Of servers tokens are estimated at four characters each. ``rates`` is a file as `harness energy`
    reads it; a server is priced by its million_tokens and, of those written, million_written.
    Raises UnknownName, TooLong, ModelError and UsageError as ``evaluate`` does; data that are missing are only told.
    """
    settings, options, where, _ = with_overrides(settings, options, where, None, overrides)
    factors = read_rates(Path(rates)) if rates is not None else None
    chosen = tasks_of(tasks)
    require_usable(model, options, chosen)
    kept, reasons = variable(chosen, settings, tasks)
    left_out = set(reasons)
    reasons |= {name: f"data are missing: {d}" for name, (d, _) in missing_data(kept, where.data).items()}
    reasons |= (
        {}
        if settings.scorer
        else {t.name: "a scorer is missing (--scorer)" for t in chosen if t.bind and not t.judging}
    )
    if not where.allow_code_execution:
        reasons |= {t.name: "it runs code (--allow-code-execution)" for t in chosen if t.confine}
    left_out |= set(reasons) if where.skip_missing else set()
    silent = [task.bind(task, SILENT) if task.bind else task for task in chosen if task.name not in reasons]
    planned = planned_tasks(silent, replace(settings, scorer=None), options, where)
    whole = Forecast(model, ())
    if plugins.is_local(model):
        whole, unable = _local(model, planned, options, where)
        reasons |= unable
        left_out |= (unable.keys() - singly(tasks)) if unable else set()
        planned = [p for p in planned if p.task.name not in unable]
    elif model.startswith("openai:"):
        whole = _server(model, running.questions(planned))
    asked = {p.task.name: p for p in planned}
    if len(left_out) == len(chosen):  # a run that asks nothing is none
        left_out.clear()
    each = tuple(
        _task(task, asked.get(task.name), reasons.get(task.name, ""), left_out=task.name in left_out) for task in chosen
    )
    return _priced(replace(whole, tasks=each), factors)


def _task(task: Task, planned: running.Planned | None, missing: str, *, left_out: bool) -> TaskForecast:
    if planned is None:
        return TaskForecast(task.name, 0, 0, 0, missing, left_out)
    available = planned.record.available or planned.record.n
    return TaskForecast(task.name, planned.record.n, available, sum(map(len, planned.requests)))


def _local(
    model: str, planned: Sequence[running.Planned], options: Options, where: Where
) -> tuple[Forecast, dict[str, str]]:
    """The forecast of a local model, and the tasks that its kind cannot be asked."""
    from harness.engine import forecast
    from harness.engine.unloaded import open_unloaded

    unloaded = open_unloaded(model, options)
    unable = able.unable(f"a {unloaded.family} model", unloaded.answers, planned)
    if unloaded.family != "causal":
        return Forecast(model, ()), unable
    own = running.questions([p for p in planned if p.task.name not in unable])
    work = forecast.work_of(unloaded, own)
    parameters = forecast.parameters_of(unloaded)
    rate, basis = _rate_of(where.name or model, where)
    if rate is None:
        rate, basis = forecast.measured_rate(unloaded, parameters), "a matrix product measured on this machine"
    return Forecast(
        model,
        (),
        work.asked,
        work.computed,
        work.written,
        (work.computed + work.written) / rate,
        f"{rate:,.0f} tokens a second: {basis}",
        forecast.memory_of(unloaded, parameters, work),
    ), unable


def _rate_of(model: str, where: Where) -> tuple[float | None, str]:
    """Tokens a second of the newest finished run of a model that tells them, and which one that was."""
    try:
        runs = open_store(where.store, create=False).runs(model=model, status="finished", limit=20)
    except (StoreError, UnknownName):
        return None, ""
    for run in runs:
        rate = run.engine.get("tokens_per_second")
        if isinstance(rate, float) and rate > 0:
            return rate, f"run {run.id}"
    return None, ""


def _server(model: str, questions: Sequence[Question]) -> Forecast:
    """Tokens of a server, about: nobody here has its tokenizer."""
    texts = ["".join((prompt, *more)) for prompt, more in (parts_of(question.request) for question in questions)]
    asked = sum(-(-len(text) // CHARACTERS) for text in texts)
    most = [q.request.max_tokens if isinstance(q.request, Generate) else 16 for q in questions]
    return Forecast(model, (), asked, None, sum(most), basis=f"{CHARACTERS} characters a token")


def _priced(forecast: Forecast, rates: Rates | None) -> Forecast:
    if rates is None or rates.price is None or forecast.asked is None:
        return forecast
    written = forecast.written or 0
    tokens = (forecast.asked if forecast.computed is None else forecast.computed) + written
    price = rates.price.of(forecast.seconds, float(tokens), float(written))
    return replace(forecast, price=price, currency=rates.price.currency)
