"""Two stored runs compared by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness import differences, plugins
from harness.api.sentence import direction, names_of, sentence
from harness.differences import Difference, Flip
from harness.differences.bundles import bundles_differ
from harness.metrics import words
from harness.store import open_store
from harness.types import HEADLINE, MetricRecord
from harness.visible import html_table, line

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Changes:
    """What changed from the run ``first`` to the run ``second``.

    ``names``: what to call the two runs: their models, with how they asked or the ids where both are one.
    ``sentence``: the outcome in words, by the first headline metric of every task. ``differences``: one for each
    metric, task and slice; ``flips``: the examples that only one of the runs has right;
    ``uncompared``: by task the metrics without values of the same examples in both. ``metrics``: what the second run
    keeps of each, by task and name.
    ``bundles``: which bundles the runs come from, empty where that is the same one or none.
    """

    first: str
    second: str
    names: tuple[str, str]
    sentence: str
    differences: tuple[Difference, ...]
    flips: tuple[Flip, ...]
    uncompared: dict[str, list[str]]
    metrics: Mapping[tuple[str, str], MetricRecord]
    bundles: str = ""

    @property
    def headlines(self) -> tuple[Difference, ...]:
        """The differences in the tasks' own scores: neither calibration nor changed examples."""
        return tuple(row for row in self.differences if row.family in HEADLINE)

    def __repr__(self) -> str:
        """The outcome in words."""
        return f"<{line(self._told, 2_000)}>"

    def _repr_html_(self) -> str:
        """The outcome in words, and the differences over all examples in the tasks' own scores."""
        head = ("task", "metric", *self.names, "difference", "95 % interval", "p", "n", "direction")
        rows = []
        for row in (row for row in self.headlines if row.slice == "all"):
            p, record = row.paired, self.metrics.get((row.task, row.metric))
            numbers = (words.value(p.first, record), words.value(p.second, record))
            change = (words.points(p.difference, record, signed=True), words.span(p.low, p.high, record))
            rows.append((row.task, row.metric, *numbers, *change, words.p_value(p.p), p.n, direction(row)))
        return html_table(head, rows, self._told)

    @property
    def _told(self) -> str:
        return "; ".join(filter(None, (self.sentence, self.bundles)))

    @property
    def frame(self) -> "pd.DataFrame":
        """The differences as a data frame: task, metric, slice, direction, first, second, difference, ..."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """A flat row for every difference, with what it means for the second run ("better", "unclear", ...)."""
        flat = []
        for row in self.differences:
            fields = asdict(row)
            paired = fields.pop("paired")
            del paired["bounds"]  # may be infinite, which JSON has no word for
            about = {name: fields.pop(name) for name in ("task", "metric", "slice")}
            flat.append({**about, "direction": direction(row), **paired, **fields})
        return flat


def compare(
    first: str,
    second: str,
    *,
    store: str | None = None,
    tasks: Sequence[str] = (),
    intersect: bool = False,
    slices: bool = False,
) -> Changes:
    """What changed from one run to another, example by example.

    A run is an id, its beginning, a tag, ``latest``, or a model; ``first`` may be the name of a baseline too.

    ``tasks`` narrows it; ``intersect`` compares what both runs have although data, version or size differ; ``slices``
    adds every slice. If one of them was imported from another harness, tasks and examples are matched by their content.
    Intervals are paired and clustered; p is Holm's over all rows.
    Raises UsageError where the runs did not ask the same, DataError where they share no example, UnknownName.
    """
    opened = open_store(store, create=False)
    one, two = opened.baseline_run(first), opened.run(second)
    known = plugins.installed_metrics({task.name for run in (one, two) for task in run.tasks})
    rows, flips = differences.compare(opened, one.id, two.id, known, tasks=tasks, intersect=intersect, slices=slices)
    shared = {task.name for task in one.tasks} | {row.task for row in rows}
    one_name, two_name = names_of((one, two))
    compared = [record for record in two.tasks if record.name in shared and (not tasks or record.name in tasks)]
    uncompared = {record.name: differences.incomparable(record, rows) for record in compared}
    return Changes(
        one.id,
        two.id,
        (one_name, two_name),
        sentence((one, two), rows),
        tuple(rows),
        tuple(flips),
        {task: names for task, names in uncompared.items() if names},
        two.metrics(),
        bundles_differ(one, two),
    )
