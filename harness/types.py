"""The records that travel through a run; this file imports only our errors.

Dataset -> Example -> Request -> Response -> Outcome -> Estimate, and the Run that holds them together.
All are frozen: nobody changes a request after it was asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from harness.errors import UsageError, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Row = Mapping[str, Any]
"""One record of a dataset, as the Hub gives it."""


# --------------------------------------------------------------------------------------------------------------- data
@dataclass(frozen=True, slots=True)
class Dataset:
    """Where rows come from: a dataset of the Hub (looked for in the mirror first) or a JSONL file at ``path``.

    ``beside`` names a table (TSV) that may lie beside the split: its columns join the rows by its first column.
    """

    id: str
    config: str = "default"
    split: str = "test"
    revision: str | None = None
    path: str | None = None
    beside: str | None = None

    def __str__(self) -> str:
        return f"{self.id}/{self.config}/{self.split}"


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a task.

    ``slices`` are the groups it is reported under (``{"gender": "female"}``); examples that share a passage, a
    template or a pair share a ``cluster`` and are not treated as independent. None: a cluster of its own.
    """

    id: str
    fields: Mapping[str, Any]
    target: Any = None
    slices: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None

    @property
    def cluster_key(self) -> str:
        """See ``cluster_key``."""
        return cluster_key(self.cluster, self.id)


def cluster_key(cluster: str | None, example: str) -> str:
    """What tells clusters apart: an example without one is a cluster of its own, whatever others are called."""
    return f"example {example}" if cluster is None else f"cluster {cluster}"


# ----------------------------------------------------------------------------------------------------------- requests
@dataclass(frozen=True, slots=True)
class Choose:
    """Which of ``choices`` continues ``prompt``?

    A causal model scores log P(choice | prompt); a classifier reads ``inputs`` (one text or a pair) through its head,
    whose label names are matched to ``labels`` (aligned with ``choices``); a server without log-probabilities
    answers in text.
    """

    prompt: str
    choices: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generate:
    """Continue ``prompt`` until a stop string (not part of the answer), the end token or ``max_tokens``.

    temperature 0 is greedy; otherwise ``seed`` alone decides the draw, never the neighbours in a batch.
    ``inputs`` is the bare source text for sequence-to-sequence models that take no instruction.
    """

    prompt: str
    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely is ``text`` after ``context``? Natural logarithm.

    With an empty context the text may be longer than the model's window: it is then rolled through disjoint windows
    in which every token is predicted exactly once, or through windows that advance by ``stride`` tokens.
    A masked model answers by pseudo-log-likelihood (one mask at a time).
    """

    text: str
    context: str = ""
    stride: int | None = None


@dataclass(frozen=True, slots=True)
class PseudoLikelihood:
    """How likely are those tokens of ``text`` that it shares with ``other``, each masked once? Natural logarithm.

    Only a masked model can answer; the rest of ``text`` stays visible. Shared are the equal blocks that difflib finds
    in the token ids of both texts; special tokens are not scored (Nangia et al. 2020, CrowS-Pairs).
    """

    text: str
    other: str


Request = Choose | Generate | Likelihood | PseudoLikelihood


# ---------------------------------------------------------------------------------------------------------- responses
@dataclass(frozen=True, slots=True)
class Chosen:
    """Log-probability of every choice (natural log, summed over its tokens), and how many tokens each has.

    ``logprobs`` is empty when the model answered in text: then ``picked`` was parsed from ``text`` and nothing that
    needs probabilities can be computed from it.
    """

    picked: int
    logprobs: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Generated:
    """Generated text without its stop string; ``finish`` tells what ended it."""

    text: str
    tokens: int
    finish: Literal["stop", "length", "end"]


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-likelihood of a text: ``logprob`` = sum of ``token_logprobs`` (natural log); ``bytes`` of the text in UTF-8.

    ``greedy``: every token was the model's most likely one.
    """

    logprob: float
    tokens: int
    bytes: int
    greedy: bool
    token_logprobs: tuple[float, ...] = ()


FailureKind = Literal[
    "connection", "empty", "filtered", "logprobs", "missing", "nan", "no-choice", "no-embedding", "no-likelihood",
    "no-scorer", "no-start", "plug-in", "refusal", "refused", "replay", "scorer", "scripted", "server", "thinking",
    "too-large", "too-long", "tool-call", "unparsed", "unsupported",
]  # fmt: skip
"""What a server, a model, a task or a scorer could not do; "plug-in" is for those of others."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or none that can be judged; never a score."""

    kind: FailureKind
    message: str


Response = Chosen | Generated | Scored | Failed


# -------------------------------------------------------------------------------------------------------------- tasks
Value = float | tuple[float, ...]
"""What one example gives to a metric: a number, or a row of sufficient statistics (counts of a BLEU, a confusion)."""


@dataclass(frozen=True, slots=True)
class Errors:
    """How a detector did where people judged: it found ``found`` of ``positives``, and passed ``passed`` of
    ``negatives``. Sensitivity is the first share, specificity the second."""

    found: int
    positives: int
    passed: int
    negatives: int


Better = Literal["higher", "lower", "ideal"]
Interval = Literal["wilson", "t", "log", "jackknife", "none"]
Family = Literal["score", "calibration", "variant", "scorer"]
"""What a metric is about: the task, the model's confidence, changed examples, or the errors of the scorer of texts."""
HEADLINE: tuple[Family, ...] = ("score", "scorer")
"""Of a task as it stands; what the other families tell comes after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The change of the examples that a metric is of, and what it tells of it.

    ``label`` names the change in metrics and samples ("typos@0.1", "gender_floor"). A "floor" is a neutral edit of the
    size of the swap whose name is ``swap``. ``tells``: the "score" ``metric`` of the changed examples, its "change",
    the share of answers that "flips", or the p of a "test" of broken against fixed.
    """

    label: str
    kind: Literal["edit", "order", "swap", "floor"]
    tells: Literal["score", "change", "flips", "test"]
    metric: str = ""
    swap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How the values of many examples become one number.

    ``reduce(sums, n)`` takes sums [..., k] of the examples' values and their count n [...] and returns [...]: it is
    vectorised over leading axes, so that a bootstrap is one matrix product. With ``additive=False`` it takes the
    rows themselves [..., n, k] (rank statistics) and n.
    ``expand`` turns the rows of a whole group [n, k] into those that are summed [n, m], where an example's row depends
    on the others' (bins of equal mass).
    ``balanced``: every cluster weighs the same: a row is divided by the size of its cluster, and the reciprocal of that
    size is appended to it, before the rows are summed.
    ``over``: of a metric of whole answers what it is over judged outcomes; its examples have no values.
    ``better`` says which direction is good; "ideal" means close to ``ideal`` (50 for a stereotype score).
    ``interval``: "wilson" for proportions of 0/1 values or of rows (hit, counted), "t" for means, "log" where the
    logarithm is what an error is computed of, "none" for a reference value that is neither estimated nor compared,
    "jackknife" for everything else.
    ``bounds``: the least and the largest value that it can have; no end of an interval lies outside.
    ``support``: of rows as they are summed [n, k], how many examples the number rests on; None: on all.
    ``folded``: it is a sum over columns of |mean|, which noise makes positive; its interval is of it without noise.
    ``affordable``: of a metric that is costly to compute, the examples up to which it is computed for an interval.
    ``scale``: the value of a proportion whose every row is 1; 100 where it is given in percent.
    ``kind`` names a ``reduce`` that ``harness.metrics.stored`` knows, so that a run can be compared without its task.
    ``family`` and ``variant``: what it is about; ``contents``: a hash of the user's files that compute it.
    ``loses`` tells in words what the metric does not see of a reference, empty where it sees all; a run passes it on.
    ``errors``: of the detector that gave the 0/1 values, for a share that is corrected for them; its interval carries
    their uncertainty.
    """

    name: str
    reduce: Callable[[Array, Array], Array]
    family: Family = "score"
    variant: Variant | None = None
    better: Better = "higher"
    ideal: float | None = None
    interval: Interval = "jackknife"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    support: Callable[[Array], float] | None = None
    folded: bool = False
    affordable: int | None = None
    scale: float = 1.0
    additive: bool = True
    balanced: bool = False
    over: Callable[[Sequence[Outcome]], float] | None = None
    expand: Callable[[Array], Array] | None = None
    errors: Errors | None = None
    limits: str = ""
    signature: str = ""
    contents: str = ""
    kind: str = ""
    loses: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge found: the prediction as text, each metric's value for this example, and whether it is right.

    A metric that does not apply to this example has no entry and does not count it. ``failed`` says of a metric that
    does why it has no value all the same; the example then counts as failed for this metric alone.
    """

    prediction: str
    values: Mapping[str, Value]
    correct: bool | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scorer:
    """What tells how far a text is toxic (or whatever it was made for): texts -> a number from 0 to 1 or Failed, each.

    ``fingerprint`` lists everything that can change a score; ``sample`` is a text that it scores high, if one is known.
    """

    name: str
    fingerprint: Mapping[str, str]
    score: Callable[[Sequence[str]], list[float | Failed]]
    sample: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a task measures and what it does not; shown wherever its numbers are."""

    measures: str
    limits: str
    source: str
    licence: str
    citation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """Where few-shot examples come from and how many are shown unless the run says otherwise.

    An empty ``dataset`` means the evaluated split itself, never the example asked. ``by`` names a slice within which
    shots are chosen (a subject of MMLU). ``pick`` is "hash" (by seed) or "first" (the published fixed order).
    """

    count: int = 0
    dataset: tuple[Dataset, ...] = ()
    by: str | None = None
    pick: Literal["hash", "first"] = "hash"


Score = float | Failed
"""What a scorer says of one text."""

Judge = Callable[[Example, tuple[Response, ...]], Judged | Failed]
"""(example, the responses to its requests, none of them Failed) -> what they say, or Failed if they say nothing."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An example asked differently.

    ``places``: for each of its requests the new places of the options, empty where they keep their own; ``count``: how
    many requests it has.
    """

    label: str
    example: Example
    places: tuple[tuple[int, ...], ...]
    count: int


class Variation(Protocol):
    """How a task's examples are also asked, and what the answers say together."""

    def alternatives(self, example: Example) -> tuple[Alternative, ...]:
        """The alternatives that ask something else than the example itself."""
        ...

    def ask(
        self, example: Example, shots: Sequence[Example], alternatives: Sequence[Alternative]
    ) -> tuple[Request, ...]:
        """The requests of the example, then those of its alternatives."""
        ...

    def judge(
        self, judge: Judge, example: Example, alternatives: Sequence[Alternative], responses: tuple[Response, ...]
    ) -> Judged | Failed:
        """The judgement of the example with the values of each pair; ``judge`` judges one of them alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A benchmark as data and four pure functions. Built by the functions of ``harness.kinds``.

    read:  rows of one dataset -> examples
    ask:   an example and its few-shot examples -> requests
    judge: an example and the responses to its requests, none of them Failed -> Judged, or Failed if not judgeable
    best, worst: the responses of a perfect and of a perfectly wrong model, with which every task is tested
    bind:  makes a task whole with the scorer that a run names, where its judge needs one; ``scorer`` is then that one
    judge_scores: instead of ``judge``, of a task with a scorer: an example, its texts and the score of each
    variation: how its examples are also asked; ``variant`` says so: two runs asked the same only if it is equal
    """

    name: str
    version: int
    dataset: tuple[Dataset, ...]
    read: Callable[[Sequence[Row], Dataset], list[Example]]
    ask: Callable[[Example, Sequence[Example]], tuple[Request, ...]]
    judge: Judge
    best: Callable[[Example], tuple[Response, ...]]
    worst: Callable[[Example], tuple[Response, ...]]
    metrics: tuple[Metric, ...]
    card: Card
    requests: frozenset[type] = frozenset()
    shots: Shots = Shots()
    tags: frozenset[str] = frozenset()
    bind: Callable[[Task, Scorer], Task] | None = None
    scorer: Scorer | None = None
    judge_scores: Callable[[Example, Sequence[str], Sequence[float]], Judged | Failed] | None = None
    variation: Variation | None = None
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One request of one example of one task; ``part`` counts the example's requests.

    A model is told who is asking by name alone: ``task`` is the task's, ``example`` the example's id.
    """

    task: str
    example: str
    part: int
    request: Request


# ------------------------------------------------------------------------------------------------------------ results
@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the samples: an example, what was asked, what came back and how it was judged."""

    example: Example
    requests: tuple[Request, ...]
    responses: tuple[Response, ...]
    judged: Judged | None
    failure: Failed | None = None


AVERAGE = "average"
"""The metric under which the average of a group of tasks stands; its task is the group."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its uncertainty: 95 % interval, n examples in it, their clusters, and how many failed.

    ``low`` and ``high`` are None where no interval exists (below two clusters); ``value`` is None where the number is
    undefined (no example could be judged, a correlation of constants): never 0, never NaN.
    """

    task: str
    metric: str
    slice: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    failed: int

    def against(self, ideal: float) -> str:
        """Whether the interval covers ``ideal``, in words; empty without an interval."""
        if self.low is None or self.high is None:
            return ""
        return f"{'not distinguishable' if self.low <= ideal <= self.high else 'differs'} from {ideal:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked to do beside its model and tasks.

    ``perturb`` and ``counterfactual`` name variants of ``harness.variants``, the latter also files of pairs;
    ``strength`` lists shares above 0 and at most 1, with each of which every perturbation is made.
    """

    limit: int | None = None
    shots: int | None = None
    shots_mode: Literal["fixed", "per-example"] = "fixed"
    seed: int = 0
    scorer: str | None = None
    perturb: tuple[str, ...] = ()
    strength: tuple[float, ...] = (0.1,)
    counterfactual: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UsageError for a limit below 1 (it would drop the last examples), shots below 0 and wrong variants."""
        for name, value, least in (("limit", self.limit, 1), ("shots", self.shots, 0)):
            if value is not None and (type(value) is not int or value < least):
                raise UsageError(f"{name} = {quoted(value)} is not a whole number of at least {least}")
        for name, words in (("perturb", self.perturb), ("counterfactual", self.counterfactual)):
            if type(words) is not tuple or not all(isinstance(word, str) for word in words):
                raise UsageError(f"{name} = {quoted(words)} is not a tuple of names")
        if type(self.strength) is not tuple or not self.strength:
            raise UsageError(f"strength = {quoted(self.strength)} is not a tuple of numbers")
        for share in self.strength:
            if type(share) not in (int, float) or not 0 < share <= 1:
                raise UsageError(f"strength {quoted(share)} is not a number above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who answers. ``fingerprint`` lists everything about the model that can change an answer.

    ``pinned``: the fingerprint pins the answers (local weights), so that they may be reused by a later run; a server
    may change its model under the same name. ``notices``: what whoever starts a run should be told of the model.
    ``devices``: where it computes ("cpu", "cuda:0"), empty where that is not this machine. ``parameters``: how many
    numbers it holds, None where nobody here knows.
    """

    name: str
    fingerprint: Mapping[str, str]
    answers: frozenset[type]
    context: int | None = None
    pinned: bool = False
    notices: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    parameters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord:
    """What a run keeps of a metric beside its numbers: the fields of ``Metric`` that are data.

    None in ``bounds`` is an end that is open, since JSON has no infinity.
    """

    name: str
    family: Family = "score"
    variant: Variant | None = None
    better: Better = "higher"
    ideal: float | None = None
    interval: Interval = "jackknife"
    limits: str = ""
    signature: str = ""
    contents: str = ""
    kind: str = ""
    scale: float = 1.0
    bounds: tuple[float | None, float | None] = (None, None)

    @property
    def is_headline(self) -> bool:
        """Whether it is of the task as it stands, and neither of calibration nor of changed examples."""
        return self.family in HEADLINE


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """What a run keeps of a task: enough to know whether two runs asked the same.

    ``scorer``: what scored its texts, with all that can change a score; empty where nothing did.
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


@dataclass(frozen=True, slots=True)
class PartScores:
    """How a fine-tuned model does on a part of its train split: how many examples, and the value of each metric."""

    examples: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the head for one task was trained, and its scores on what it was trained on and on what was held out."""

    task: str
    epochs: float
    learning_rate: float
    train: PartScores
    held_out: PartScores

    def gaps(self, estimates: Sequence[Estimate]) -> dict[str, float]:
        """For each metric the score on what was trained on less the run's own number: how far the head over-fits."""
        own = {e.metric: e.value for e in estimates if e.task == self.task and e.slice == "all" and e.value is not None}
        return {name: value - own[name] for name, value in self.train.values.items() if name in own}

    def flaw(self) -> str:
        """Which of its numbers is not finite, in words; empty where all are."""
        numbers = [("epochs", self.epochs), ("learning_rate", self.learning_rate)]
        numbers += [*self.train.values.items(), *self.held_out.values.items()]
        wrong = [f"{name} is {value}" for name, value in numbers if not math.isfinite(value)]
        return f"the training of {self.task}: {wrong[0]}" if wrong else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnergy:
    """What one task has taken: ``examples`` were computed in the window, ``tokens`` are those of their answers.

    ``joules`` is gross and None where nothing was measured. ``joules_per_correct``, with its 95 % interval, is None
    also where no answer is right or wrong, or none was right.
    """

    examples: int
    tokens: int
    joules: float | None = None
    joules_per_correct: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyUse:
    """The energy of the answers that a run computed; None is "not measured", never 0.

    ``method``: how it was measured ("nvml_counter", "rapl", "nvml_power_integral"), "none" for the ``reason`` given.
    ``net_joules`` leaves out what the idle device would have drawn, ``shared``: other processes were on the device.
    ``divided`` says by what the tasks' shares were found: "operations", or "examples" in equal parts where a model does
    not tell its operations. The shares of all tasks sum to ``joules``.
    """

    method: Literal["nvml_counter", "nvml_power_integral", "rapl", "none"]
    device: str
    reason: str
    seconds: float
    joules: float | None
    net_joules: float | None
    idle_watts: float | None
    shared: bool | None
    divided: Literal["operations", "examples"]
    tasks: Mapping[str, TaskEnergy]

    @property
    def examples(self) -> int:
        """Examples that were computed in the window."""
        return sum(task.examples for task in self.tasks.values())

    @property
    def tokens(self) -> int:
        """Tokens of their answers."""
        return sum(task.tokens for task in self.tasks.values())

    def per(self, amount: float, *, net: bool = False) -> float | None:
        """Joules of each of ``amount`` things; None where not measured or there is none."""
        joules = self.net_joules if net else self.joules
        return joules / amount if joules is not None and amount else None

    def flaw(self) -> str:
        """What is wrong with the numbers, in words; empty where nothing is."""
        parts = [
            task for one in self.tasks.values() for task in (one.joules, one.joules_per_correct, one.low, one.high)
        ]
        numbers = [self.seconds, self.joules, self.net_joules, self.idle_watts, *parts]
        wrong = [n for n in numbers if n is not None and not math.isfinite(n)]
        return f"a number of the energy is {wrong[0]}" if wrong else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation of one model on some tasks.

    ``command`` is for people to read and never obeyed. ``recipe`` says how the model can be asked again (options,
    tasks as they were named, folder of data); it is empty where nobody here asked it by a name. ``training``: of
    a fine-tuned model how the head for each task was trained.
    ``energy``: what a meter said while its questions were answered, None for a run that was never metered.
    ``imported``: the run came from a file of somebody else's.
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

    def metrics(self) -> dict[tuple[str, str], MetricRecord]:
        """What is kept of every metric, by task and name."""
        return {(task.name, metric.name): metric for task in self.tasks for metric in task.metrics}

    def ideals(self) -> dict[tuple[str, str], float]:
        """The known ideal of every (task, metric) that has one."""
        return {key: m.ideal for key, m in self.metrics().items() if m.better == "ideal" and m.ideal is not None}
