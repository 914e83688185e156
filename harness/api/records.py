"""What every function here takes and gives: where a run lives, who listens to it, what it was told, what came out."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from harness.api.shown import ROWS, NotebookBar, headlines, notebook_display, printed
from harness.engine.backend import Options
from harness.errors import UnknownName, UsageError, quoted
from harness.metrics import words
from harness.store import pointers
from harness.subset import shortfall
from harness.types import Estimate, Run, Settings
from harness.visible import html_table, line

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What a run reads and where it writes.

    ``store`` and ``samples`` are URLs, by default ``./harness-results`` and a folder beside the catalogue; ``data`` is
    a folder of datasets in the Hub's layout. ``cache`` reuses answers of earlier runs; ``resume`` goes on with the
    interrupted run of the same model, tasks and settings. ``shard`` ("3/16") answers one part of a run, for ``merge``.
    ``name`` is what the run calls its model, by default what the model was asked for by; ``tags`` will point to the run
    once it is finished. ``command`` is kept with the run as a note for people.
    ``idle``: seconds for which the device's power is measured before anything is asked, where it has a counter; 0 gives
    no net energy. ``max_minutes``: the run stops between two batches after so long, and ``resume`` goes on with it.
    ``family`` and ``step`` say of a model under training which training that is and how many steps it has made;
    ``bundle`` is the id of the bundle that data and weights are taken from.
    ``skip_missing`` leaves out tasks whose data or scorer is missing instead of refusing all of them.
    ``redact`` keeps personal data in texts as numbers, and neither reads nor fills the cache of answers.
    ``allow_code_execution``: code that the model writes may run, in a sandbox; tasks that need it are refused without.
    """

    store: str | None = None
    samples: str | None = None
    data: Path | None = None
    cache: bool = True
    resume: bool = False
    shard: str | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    command: str = ""
    idle: float = 0.0
    max_minutes: float | None = None
    skip_missing: bool = False
    family: str = ""
    step: int | None = None
    bundle: str = ""
    allow_code_execution: bool = False
    redact: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError for an invalid idle time and for names that cannot be stored."""
        if self.name and (flaw := pointers.flaw_of(self.name)):
            raise UsageError(f"a model cannot be called {quoted(self.name)}: {flaw}")
        for tag in self.tags:
            pointers.require_tag(tag)
        if self.tags and self.shard is not None:
            raise UsageError("a shard has no run that a tag could point to yet: tag the run that `harness merge` makes")
        if self.redact and self.shard is not None:
            raise UsageError("the file of a shard holds answers as they are: a run that redacts is asked whole")
        if not 0 <= self.idle < math.inf:
            raise UsageError(f"idle = {self.idle} must be a number of seconds of at least 0")
        if self.max_minutes is not None and not 0 < self.max_minutes < math.inf:
            raise UsageError(f"max_minutes = {self.max_minutes} is not a number above 0")


def unheard(*what: object) -> None:
    """What a run tells where nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who is told how a run goes.

    ``progress`` is called with (questions answered, questions in all), ``state`` before it with a few words on how
    workers are doing, where there are any, and ``notice`` with one sentence. In a notebook a bar and printed sentences
    stand in for what is not set.
    """

    progress: Callable[[int, int], None] = unheard
    state: Callable[[str], None] = unheard
    notice: Callable[[str], None] = unheard


class Overrides(TypedDict, total=False):
    """Fields of Settings, Options, Where and Listener by their names."""

    limit: int | str | None
    limit_order: Literal["sampled", "first"]
    shots: int | None
    shots_mode: Literal["fixed", "per-example"]
    fewshot_as_turns: bool
    seed: int
    scorer: str | None
    perturb: tuple[str, ...]
    strength: tuple[float, ...]
    counterfactual: tuple[str, ...]
    wrapper: str
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    repeats: int
    best_of: str | None
    base: str | None
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    engine: Literal["auto", "reference"]
    truncate: Literal["left"] | None
    chat: bool
    chat_template: str | None
    system: str | None
    token_budget: int | None
    trust_remote_code: bool
    allow_pickle: bool
    base_url: str | None
    concurrency: int
    timeout: float
    requests_per_minute: float | None
    tokens_per_minute: float | None
    workers: int | None
    ray: str | None
    threads: int | None
    store: str | None
    samples: str | None
    data: str | Path | None
    cache: bool
    resume: bool
    shard: str | None
    name: str
    tags: tuple[str, ...]
    command: str
    idle: float
    max_minutes: float | None
    skip_missing: bool
    family: str
    step: int | None
    bundle: str
    allow_code_execution: bool
    redact: bool
    progress: Callable[[int, int], None]
    state: Callable[[str], None]
    notice: Callable[[str], None]


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A finished run and its numbers. Notebooks show its first numbers as a table."""

    run: Run
    estimates: tuple[Estimate, ...]

    @property
    def frame(self) -> "pd.DataFrame":
        """The numbers as a data frame: task, metric, slice, value, low, high, n, clusters, failed."""
        import pandas as pd

        return pd.DataFrame([asdict(e) for e in self.estimates])

    def __repr__(self) -> str:
        """The model, the run, and the first numbers of its tasks, a line each."""
        shown = headlines(self.run, self.estimates)
        lines = [f"{line(e.task)} {line(e.metric)} {value} {ends}" for e, value, ends in self._told(shown[:ROWS])]
        more = [f"and {len(shown) - ROWS} more: .frame has all"] if len(shown) > ROWS else []
        return "\n  ".join([f"<{line(self.run.model, 80)}, run {self.run.id}, {self.run.status}>", *lines, *more])

    def _repr_html_(self) -> str:
        """The numbers over all examples but calibration's; names are nothing but text."""
        shown = headlines(self.run, self.estimates)
        rows = [(e.task, e.metric, value, ends, e.n, e.clusters, e.failed) for e, value, ends in self._told(shown)]
        asked = f"; asked {part}" if (part := shortfall(self.run)) else ""
        caption = f"{line(self.run.model, 80)}, run {self.run.id}{asked}; .frame has slices and calibration too"
        return html_table(("task", "metric", "value", "95 % interval", "n", "clusters", "failed"), rows, caption)

    def _told(self, shown: Sequence[Estimate]) -> Iterator[tuple[Estimate, str, str]]:
        """Numbers with value and interval in words, shares in percent."""
        records = self.run.metrics()
        for e in shown:
            record = records.get((e.task, e.metric))
            yield e, words.value(e.value, record), words.ends(e, record)

    def without_value(self) -> list[Estimate]:
        """Numbers that should be there and are not: undefined ones, and every metric of a task that nobody answered.

        A metric that needs what the model does not give (probabilities) does not apply and is not missed.
        """
        whole = [e for e in self.estimates if e.slice == "all"]
        answered = {e.task for e in whole if e.n}
        return [e for e in whole if e.value is None and (e.n or e.task not in answered)]


def with_overrides(
    settings: Settings | None,
    options: Options | None,
    where: Where | None,
    listener: Listener | None,
    overrides: Overrides,
) -> tuple[Settings, Options, Where, Listener]:
    """The records, by default new ones, with some of their fields replaced.

    Raises UnknownName for a name that is no field of theirs.
    """
    records = (settings or Settings(), options or Options(), where or Where(), listener or Listener())
    values: dict[str, Any] = dict(overrides)
    names = [{f.name for f in fields(record)} for record in records]
    unknown = next((name for name in values if not any(name in own for own in names)), None)
    if unknown is not None:
        raise UnknownName("setting", unknown, set[str]().union(*names))
    if "data" in values:
        values["data"] = Path(values["data"]) if values["data"] else None
    own = [{name: values[name] for name in part if name in values} for part in names]
    return (
        replace(records[0], **own[0]),
        replace(records[1], **own[1]),
        replace(records[2], **own[2]),
        replace(records[3], **own[3]),
    )


def heard(listener: Listener, title: str) -> Listener:
    """The listener; in a notebook with a bar and printed sentences where nothing else was asked for."""
    display = notebook_display()
    if display is None:
        return listener
    progress = NotebookBar(title or "model", display) if listener.progress is unheard else listener.progress
    return replace(listener, progress=progress, notice=printed if listener.notice is unheard else listener.notice)
