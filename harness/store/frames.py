"""What is stored as pandas data frames: ``harness.load(store).results()`` and ``.samples(run, task)``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.store import Store, open_store
from harness.store.queries import leaderboard, results
from harness.store.queries.leaderboard import LeaderboardFilter, Standing
from harness.store.queries.results import ResultFilter
from harness.types import cluster_key

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
        newest: bool = False,
    ) -> "pd.DataFrame":
        """One row per number: run, model, started, task, metric, slice, value, low, high, n, clusters, failed, version,
        shots, limit, seed.

        Runs that asked differently are rows of one frame: ``newest`` keeps of every model and task the newest run
        alone, so that a pivot table averages nothing; else group by ``run``, or by version, shots and limit.
        ``run``: the name of one run (an id, a tag, ``latest``, a model), or several.
        A missing bound of an interval is NaN, never 0.
        """
        import pandas as pd

        names = [run] if isinstance(run, str) else run
        ids = None if names is None else [self.store.run(name).id for name in names]
        rows = results.table(self.store, ResultFilter(ids, model, task, metric, slice, newest))
        frame = pd.DataFrame(rows, columns=list(results.COLUMNS))
        floats = dict.fromkeys(("value", "low", "high"), "float64")
        return frame.astype(floats | dict.fromkeys(("version", "shots"), "Int64") | {"limit": "object"})

    def leaderboard(
        self,
        *,
        tasks: Sequence[str] = (),
        metrics: Sequence[str] = (),
        model: str = "",
        slice: str = "all",
    ) -> "pd.DataFrame":
        """The newest numbers of every model on what it was asked, each with the ranks that it may have.

        One row per standing (see ``harness.store.queries.leaderboard.Standing``); ``model`` is looked for in names.
        """
        wanted = LeaderboardFilter(tuple(tasks), tuple(metrics), model, slice)
        return standings_frame(leaderboard.standings(self.store, wanted))

    def samples(
        self,
        run: str,
        task: str,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """One row per example of a task of a run; ``where`` and ``sort`` are SQL, as in ``harness samples``.

        ``target``, ``slices``, ``values``, ``fields``, ``requests`` and ``responses`` are Python values.
        """
        return self.store.samples(run, task, where, sort, limit, columns=columns)


def cluster_keys(samples: "pd.DataFrame") -> "pd.Series[str]":
    """The key of each sample's cluster, of a frame with ``cluster`` and ``example_id`` (see ``harness.types``)."""
    import pandas as pd

    pairs = zip(samples["cluster"], samples["example_id"], strict=True)
    keys = [cluster_key(cluster if isinstance(cluster, str) else None, str(example)) for cluster, example in pairs]
    return pd.Series(keys, index=samples.index, dtype=object)


BOARD = ("task", "metric", "model", "value", "low", "high", "rank", "n", "failed", "asked", "shots", "version", "run")
"""The columns of a frame of standings."""


def standings_frame(standings: Sequence[Standing]) -> "pd.DataFrame":
    """Rows of the leaderboard as a data frame; the average of a group has neither shots nor version."""
    import pandas as pd

    frame = pd.DataFrame([[getattr(row, name) for name in BOARD] for row in standings], columns=list(BOARD))
    floats, whole = dict.fromkeys(("value", "low", "high"), "float64"), dict.fromkeys(("shots", "version"), "Int64")
    return frame.astype(floats | whole)
