"""What is stored as pandas data frames: ``harness.load(store).results()`` and ``.samples(run, task)``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.store import Store, Which, open_store
from harness.store.numbers import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def load(store: str | None = None) -> "Frames":
    """A store that exists, for reading: a folder or an SQLAlchemy URL; None: $HARNESS_STORE, else ./harness-results."""
    return Frames(open_store(store, create=False))


class Frames:
    """A store seen as data frames; ``store`` is the store itself."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def runs(self) -> "pd.DataFrame":
        """One row per run, newest first: run, model, status, started, finished, tasks, seed, limit, shots, tags."""
        import pandas as pd

        tags = self.store.tags()
        rows = [
            {
                "run": run.id,
                "model": run.model,
                "status": run.status,
                "started": pd.Timestamp(run.started),
                "finished": pd.Timestamp(run.finished) if run.finished else pd.NaT,
                "tasks": ", ".join(task.name for task in run.tasks),
                "seed": run.settings.get("seed"),
                "limit": run.settings.get("limit"),
                "shots": run.settings.get("shots"),
                "tags": ", ".join(tags.get(run.id, ())),
            }
            for run in self.store.runs()
        ]
        names = ("run", "model", "status", "started", "finished", "tasks", "seed", "limit", "shots", "tags")
        return pd.DataFrame(rows, columns=list(names))

    def results(
        self,
        run: str | Sequence[str] | None = None,
        *,
        model: str | None = None,
        task: str | None = None,
        metric: str | None = None,
        slice: str | None = None,
    ) -> "pd.DataFrame":
        """One row per number: run, model, started, task, metric, slice, value, low, high, n, clusters, failed.

        ``run``: one id, tag or beginning of an id, or several. A missing bound of an interval is NaN, never 0.
        """
        import pandas as pd

        names = [run] if isinstance(run, str) else run
        ids = None if names is None else [self.store.run(name).id for name in names]
        rows = self.store.table(Which(ids, model, task, metric, slice))
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        return frame.astype({"value": "float64", "low": "float64", "high": "float64"})

    def samples(
        self,
        run: str,
        task: str,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """One row per example of a task of a run; ``where`` and ``sort`` are SQL, as in ``harness samples``."""
        return self.store.samples(run, task, where, sort, limit, columns=columns)
