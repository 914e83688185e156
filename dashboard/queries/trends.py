"""One metric over the runs of a model family, with baselines and gate verdicts as marks; no Streamlit in here."""

import pandas as pd
from sqlalchemy import select

from harness.groups import AVERAGE
from harness.store import Store
from harness.store.database import reading
from harness.store.schema import MODELS, RESULTS, RUNS, TASK_SETS, TASKS, VERDICTS
from harness_dashboard.queries.asked import asked, averages
from harness_dashboard.queries.runs import family, short

RUNS_SHOWN = 200
COLUMNS = ("run", "series", "model", "started", "value", "low", "high", "n", "failed", "baseline", "gate")
OUTCOMES = {0: "passed", 1: "failed", 4: "inconclusive"}


def families(store: Store) -> list[str]:
    """Model families that have a finished run, by name."""
    query = select(MODELS.c.name).where(MODELS.c.id.in_(select(RUNS.c.model_id).where(RUNS.c.status == "finished")))
    with reading(store.engine) as connection:
        return sorted({family(name) for name in connection.execute(query.distinct()).scalars()})


def asked_of(store: Store, name: str) -> list[tuple[str, str]]:
    """Every (task, metric) of the finished runs of a family, the most often asked task first."""
    query = (
        select(TASKS.c.name, TASKS.c.metrics, TASKS.c.id)
        .join(TASK_SETS, TASK_SETS.c.task_id == TASKS.c.id)
        .where(TASK_SETS.c.id.in_(select(RUNS.c.task_set).where(RUNS.c.model_id.in_(_members(store, name)))))
    )
    own = select(RUNS.c.id).where(RUNS.c.model_id.in_(_members(store, name)), RUNS.c.status == "finished")
    average = averages().where(RESULTS.c.run_id.in_(own))
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
        groups = connection.execute(average).scalars().all()
    found = {(row[0], str(metric["name"])): 0 for row in rows for metric in row[1]}
    for row in rows:
        for metric in row[1]:
            found[row[0], str(metric["name"])] += 1
    most = {task: max(n for (t, _), n in found.items() if t == task) for task, _ in found}
    return sorted(found, key=lambda key: (-most[key[0]], key[0])) + [(group, AVERAGE) for group in sorted(groups)]


def _members(store: Store, name: str) -> list[str]:
    """Ids of the models of a family."""
    with reading(store.engine) as connection:
        models = connection.execute(select(MODELS.c.id, MODELS.c.name)).all()
    return [row[0] for row in models if family(row[1]) == name]


def history(store: Store, name: str, task: str, metric: str) -> pd.DataFrame:
    """The newest runs of a family, oldest first; a series is one definition of the task, so no line joins others."""
    r, tasks = RESULTS.c, asked()
    query = (
        select(
            RUNS.c.id, MODELS.c.name, RUNS.c.started, tasks.c.version, tasks.c.data_sha256, tasks.c.shots,
            r.value, r.low, r.high, r.n, r.failed,
        )
        .select_from(RESULTS)
        .join(RUNS, RUNS.c.id == r.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .join(tasks, (tasks.c.task_set == RUNS.c.task_set) & (tasks.c.name == r.task))
        .where(RUNS.c.model_id.in_(_members(store, name)), RUNS.c.status == "finished")
        .where(r.task == task, r.metric == metric, r.slice == "all")
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
        .limit(RUNS_SHOWN)
    )  # fmt: skip
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    baselines, gates = _baselines(store), _gates(store, [row[0] for row in rows])
    several = len({row[4] for row in rows}) > 1
    made = [
        (row[0], _series(row[3], row[4], row[5], several), short(row[1]), row[2], *row[6:],
         baselines.get(row[0], ""), gates.get(row[0], ""))
        for row in reversed(rows)
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(COLUMNS))


def _series(version: int | None, data: str | None, shots: int | None, several: bool) -> str:
    if version is None or data is None:
        return "whole group"
    return f"v{version}, {shots}-shot" + f", data {data[:8]}" * several


def _baselines(store: Store) -> dict[str, str]:
    """Names of the baselines that point to a run now, or pointed to it before."""
    now = store.baselines()
    found: dict[str, str] = {}
    for step in store.baseline_history():
        if step.run_id:
            mark = step.name if now.get(step.name) == step.run_id else f"{step.name} (before)"
            found.setdefault(step.run_id, mark)
    return found


def _gates(store: Store, run_ids: list[str]) -> dict[str, str]:
    """The newest gate's outcome of each run, in a word."""
    query = select(VERDICTS.c.run_id, VERDICTS.c.verdict).where(VERDICTS.c.run_id.in_(run_ids)).order_by(VERDICTS.c.id)
    with reading(store.engine) as connection:
        return {run: outcome(verdict.get("exit_code")) for run, verdict in connection.execute(query).all()}


def outcome(code: object) -> str:
    """A gate's exit code in a word."""
    return OUTCOMES.get(code, f"ended with {code}") if isinstance(code, int) else "unknown"


def marks(frame: pd.DataFrame) -> pd.DataFrame:
    """What is written over the points: baselines and verdicts."""
    words = [
        ", ".join([f"baseline {row.baseline}"] * bool(row.baseline) + [f"gate {row.gate}"] * bool(row.gate))
        for row in frame.itertuples()
    ]
    marked = frame.assign(mark=words)
    return marked.loc[marked["mark"] != "", ["started", "value", "mark"]]
