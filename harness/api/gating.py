"""A stored run checked by the rules of a gate, and a gate checked for its own error rates."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from harness import differences, plugins
from harness.api.asking_more import ask_more, require_askable
from harness.api.records import Where
from harness.differences import Difference
from harness.differences.bundles import bundles_differ
from harness.errors import UsageError, quoted
from harness.gate import selftest
from harness.gate.energy import rises
from harness.gate.extend import Extended, Source
from harness.gate.extend import extend as extend_gate
from harness.gate.formats import as_json
from harness.gate.judge import comparable, judge
from harness.gate.result import GateResult
from harness.gate.rules import JOULES, Gate, read_gate
from harness.store import Store, open_store
from harness.subset import shortfall
from harness.types import Run

PAIRED = ("max_drop", "max_rise")
"""Limits that compare a run with its baseline."""


def check_gate(
    rules: str | Path | Gate,
    run: str,
    baseline: str | None = None,
    *,
    intersect: bool = False,
    extend: int | None = None,
    where: Where | None = None,
    allowed: Collection[str] = (),
) -> GateResult:
    """Judge a stored run by a gate file, or by a ``Gate``, and keep the verdicts in the store.

    ``run`` is an id, its beginning, a tag, ``latest`` or a model; ``baseline`` the name of a baseline or a run, which
    max_drop and max_rise rules need. ``intersect`` compares what both runs have although data, version or size differ.
    With ``extend`` both runs' models are asked up to that many more examples of every dataset of an inconclusive rule;
    the answers are stored as new runs in ``where``, and ``allowed`` is that of ``ask_more``.
    Raises UsageError for a wrong file, a run that is not finished, a missing baseline, a run as its own baseline,
    tasks of the baseline that a paired rule is about and the run lacks, and runs that cannot be compared; UnknownName
    for a rule that matches nothing.
    """
    where = where or Where()
    gate = rules if isinstance(rules, Gate) else read_gate(Path(rules))
    store = open_store(where.store, create=False)
    checked = _finished(store.run(run), "checked")
    base = _baseline(store, gate, checked, baseline)
    if base and not intersect:
        _require_tasks(gate, checked, base)
    today = datetime.now(UTC).date()
    energy = rises(gate, checked, base, today)  # it may fail: before a model is asked for more
    source = Source(_comparison(store, checked, gate, intersect=intersect), store.results, _asking(where, allowed))
    done = _judged(gate, source, checked, base, extend, today)
    result = GateResult(
        checked.id,
        base.id if base else None,
        (*done.verdicts, *energy),
        added=done.runs,
        limit=done.limit,
        asked=shortfall(checked),
        bundles=bundles_differ(base, checked) if base else "",
        metrics=checked.metrics(),
    )
    store.save_verdicts(checked.id, as_json(result))
    return result


def selftest_gate(
    rules: str | Path | Gate,
    run: str,
    baseline: str | None = None,
    *,
    drop: float = 0.05,
    resamples: int = 1000,
    seed: int = 0,
    intersect: bool = False,
    store: str | None = None,
) -> list[selftest.AlarmRate]:
    """How often the max_drop rules fail on resampled answers of a stored run: without a change, and with ``drop``.

    The answers are paired with those of ``baseline``, or of the run itself. The last entry is for all rules together.
    Raises UsageError without a max_drop rule and for a drop that is not above 0.
    """
    gate = rules if isinstance(rules, Gate) else read_gate(Path(rules))
    opened = open_store(store, create=False)
    tested = _finished(opened.run(run), "checked")
    base = _finished(opened.baseline_run(baseline), "a baseline") if baseline else tested
    known = plugins.installed_metrics(task.name for task in tested.tasks)
    numbers = selftest.stored(opened, base.id, tested.id, known, intersect=intersect)
    return selftest.measure(gate, numbers, drop=drop, resamples=resamples, seed=seed)


def _finished(run: Run, what: str) -> Run:
    if run.status != "finished":
        raise UsageError(f"run {run.id} is {run.status}: only a finished run can be {what}")
    return run


def _baseline(store: Store, gate: Gate, run: Run, name: str | None) -> Run | None:
    """The baseline's run where a rule compares with one.

    Raises UsageError for one that is not finished, and where a name that is no baseline's, such as that of a model,
    means ``run`` itself.
    """
    limit = next((rule.limit for rule in gate.rules if rule.limit in PAIRED), None)
    if limit is None:
        return None
    if not name:
        raise UsageError(f"a {limit} rule needs --baseline NAME")
    base = _finished(store.baseline_run(name), "a baseline")
    if base.id == run.id and name not in store.baselines():
        raise UsageError(f"--baseline {name} is run {run.id} itself: name a baseline or an earlier run")
    return base


def _require_tasks(gate: Gate, run: Run, base: Run) -> None:
    """Raises UsageError for a task of the baseline that was not asked and that a pattern of a rule is about.

    What is not there cannot have become worse: the rule would pass over it in silence.
    """
    asked = {task.name for task in run.tasks}
    for task in (task for task in base.tasks if task.name not in asked):
        for rule in (rule for rule in gate.rules if rule.limit in PAIRED):
            names = [f"{task.name}:{name}" for name in (*(metric.name for metric in task.metrics), JOULES)]
            if any(fnmatchcase(name, rule.metric) for name in names):
                raise UsageError(
                    f"run {run.id} did not ask {task.name}, which the baseline has and the rule {quoted(rule.metric)} "
                    f"{rule.limit} is about; --intersect leaves it out"
                )


def _judged(gate: Gate, source: Source, run: Run, base: Run | None, budget: int | None, today: date) -> Extended:
    """The verdicts on what is stored; with a budget, on more examples where those are inconclusive."""
    if budget is None:
        rows = source.compare(base.id, run.id) if base else []
        numbers, both = source.results(run.id), comparable(run, base)
        return Extended(judge(gate, rows, numbers, today, metrics=run.metrics(), expected=both))
    for extended in (run, base) if base else (run,):  # before either model is asked for more
        require_askable(extended)
    return extend_gate(gate, source, run, base, budget, today)


def _comparison(store: Store, run: Run, gate: Gate, *, intersect: bool) -> Callable[[str, str], list[Difference]]:
    """Compares two runs by their ids; slices are left out where no rule is about them."""
    known = plugins.installed_metrics(task.name for task in run.tasks)
    slices = any(rule.slices != "all" for rule in gate.rules)

    def compare(first: str, second: str) -> list[Difference]:
        return differences.compare(store, first, second, known, intersect=intersect, slices=slices, flips=False)[0]

    return compare


def _asking(where: Where, allowed: Collection[str]) -> Callable[[Run, Sequence[str], int], str]:
    """Asks a run's model on some of its tasks with a larger limit, and gives the new run's id."""

    def ask(run: Run, tasks: Sequence[str], limit: int) -> str:
        return ask_more(run, tasks, limit, where=where, allowed=allowed).run.id

    return ask
