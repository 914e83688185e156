"""One evaluation of one model, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.types.energy import EnergyUse
from harness.types.metrics import MetricRecord
from harness.types.tasks import Card
from harness.types.training import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """What a run keeps of a task: enough to know whether two runs asked the same.

    ``n`` examples were asked of those ``available``, which is None where an older release did not keep it.
    ``scorer``: what scored its texts, or the sandbox that ran them, with all that can change a score; empty where
    nothing did.
    """

    name: str
    version: int
    fingerprint: str
    data_sha256: str
    data_source: str
    n: int
    shots: int
    shots_source: str
    card: Card
    metrics: tuple[MetricRecord, ...]
    scorer: str = ""
    available: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation of one model on some tasks.

    ``command`` is for people to read and never obeyed. ``recipe`` says how the model can be asked again (options,
    tasks as they were named, folder of data); it is empty where nobody here asked it by a name. ``training``: of
    a fine-tuned model how the head for each task was trained.
    ``energy``: what a meter said while its questions were answered, None for a run that was never metered.
    ``left_out``: tasks that were named, not asked, and why.
    ``family`` and ``step``: of a model that was evaluated while it was trained, the training that it belongs to and how
    many steps that had made. ``bundle``: the id of the bundle that data and weights came from, empty for none.
    ``imported``: the run came from a file of somebody else's; ``source``: if another harness wrote it, its ``format``,
    the name of the ``file``, and the ``sha256`` of what it held.
    """

    id: str
    model: str
    fingerprint: Mapping[str, str]
    tasks: tuple[TaskRecord, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    command: str
    started: str
    finished: str | None = None
    status: Literal["running", "finished", "failed", "interrupted"] = "running"
    message: str = ""
    engine: Mapping[str, float | str] = field(default_factory=dict)
    training: tuple[Training, ...] = ()
    energy: EnergyUse | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    imported: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    family: str = ""
    step: int | None = None
    bundle: str = ""

    def metrics(self) -> dict[tuple[str, str], MetricRecord]:
        """What is kept of every metric, by task and name."""
        return {(task.name, metric.name): metric for task in self.tasks for metric in task.metrics}

    def ideals(self) -> dict[tuple[str, str], float]:
        """The known ideal of every (task, metric) that has one."""
        return {key: m.ideal for key, m in self.metrics().items() if m.better == "ideal" and m.ideal is not None}
