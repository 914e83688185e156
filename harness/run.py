"""What a run is, top to bottom: plan, ask, score, judge, summarise. Knows no store, no command line and no model."""

import math
import os
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.answers.journal import Journal
from harness.data import digest, load
from harness.engine.backend import Backend, Exam, Learner
from harness.errors import DataError, HarnessError, NotAtHand
from harness.kinds import shots
from harness.metrics.estimate import estimate
from harness.metrics.stored import recorded
from harness.scorers import identities
from harness.scorers.bound import Scores, audited, judge_by_scores, pinned, score_texts, scored_texts, signed
from harness.scorers.identities import audit, sentences
from harness.sheets import Sheet
from harness.subset import subset
from harness.talks import asked_next, conversations, turned
from harness.types import (
    Alternative,
    Cache,
    Chosen,
    Estimate,
    Example,
    Failed,
    MetricRecord,
    Outcome,
    Question,
    Request,
    Response,
    Scored,
    Settings,
    Task,
    TaskRecord,
)

Progress = Callable[[int, int], None]
"""Called with (questions answered, questions in all)."""


@dataclass(frozen=True, slots=True)
class Planned(Sheet):
    """The sheet of a task in a run, and what the run keeps of the task."""

    record: TaskRecord


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything that a run found out."""

    outcomes: Mapping[str, tuple[Outcome, ...]]
    estimates: tuple[Estimate, ...]


def plan(tasks: Sequence[Task], settings: Settings, mirror: Path | None) -> list[Planned]:
    """Read the data, choose few-shot examples and write every request. Pure but for reading files.

    Raises DataError for data that is missing, broken or empty.
    """
    opened = [task.open(settings, mirror) if task.open else task for task in tasks]
    return [_plan_task(task, settings, mirror) for task in opened]


def questions(planned: Sequence[Sheet]) -> list[Question]:
    """All requests of all tasks in one list: the model sees them together and shares what they share."""
    return [
        Question(p.task.name, example.id, part, request)
        for p in planned
        for example, requests in zip(p.examples, p.requests, strict=True)
        for part, request in enumerate(requests)
    ]


def exams(planned: Sequence[Planned]) -> list[Exam]:
    """Every task with the examples that it will ask, for a model that looks its answers up."""
    return [(p.task, p.examples) for p in planned]


def prepare(backend: Backend, planned: Sequence[Sheet]) -> None:
    """Let a model find out what its fingerprint has to tell of how these questions are asked."""
    if isinstance(backend, Learner):
        backend.learn(request for p in planned for requests in p.requests for request in requests)


def ask(
    backend: Backend,
    asked: Sequence[Question],
    journal: Journal,
    *,
    planned: Sequence[Sheet] = (),
    cache: Cache | None = None,
    begun: Callable[[], None] = lambda: None,
    progress: Progress = lambda done, total: None,
) -> list[Response]:
    """The response to every question, from the journal, the cache or the model; each finished batch is journalled.

    ``begun`` is called once the model has accepted the questions, before anything is computed. ``planned``: where the
    questions come from; those of conversations are asked turn by turn.
    """
    answer = partial(_ask_together, backend, journal=journal, cache=cache, progress=progress)
    talks = conversations(planned)
    later = {position for talk in talks for position in talk.positions[1:]}
    answer(asked, [i for i in range(len(asked)) if i not in later], begun=begun)
    for turn in range(1, max((len(talk.positions) for talk in talks), default=1)):
        asked, own = asked_next(asked, [talk for talk in talks if turn < len(talk.positions)], turn, journal)
        answer(asked, own, begun=lambda: None)
    return [journal.responses[i] for i in range(len(asked))]


def _ask_together(
    backend: Backend,
    asked: Sequence[Question],
    positions: Sequence[int],
    *,
    journal: Journal,
    cache: Cache | None,
    begun: Callable[[], None],
    progress: Progress,
) -> None:
    """Answer the questions at ``positions``.

    The model plans over those that the cache could not answer when they were first asked, so that a resumed run
    computes the same batches as an undisturbed one.
    """
    fresh = not any(i in journal.responses for i in positions)
    if cache and fresh:
        known = cache.get_many(backend.info.fingerprint, [asked[i].request for i in positions])
        journal.append(sorted((positions[i], response) for i, response in known.items()), cached=True)
    open_positions = [i for i in positions if i not in journal.cached]
    to_local = {position: local for local, position in enumerate(open_positions)}
    done = {to_local[i] for i in journal.responses if i in to_local}
    batches = backend.answer([asked[i] for i in open_positions], done) if len(done) < len(open_positions) else ()
    begun()
    progress(len(journal.responses), len(asked))
    for batch in batches:
        answered = [(open_positions[local], response) for local, response in batch]
        journal.append(answered)
        if cache:
            cache.put_many(backend.info.fingerprint, [(asked[i].request, response) for i, response in answered])
        progress(len(journal.responses), len(asked))


def score(planned: Sequence[Sheet], responses: Sequence[Response]) -> Mapping[str, Scores]:
    """By task the score of every text among its responses and of the sentences that check its scorer.

    A scorer sees all of its texts at once; a task that needs no scores has none.
    """
    left = iter(responses)
    texts = []
    for p in planned:
        parts = [(e, [next(left) for _ in asked]) for e, asked in zip(p.examples, p.requests, strict=True)]
        own = [text for e, part in parts for text in scored_texts(p.task, e, part)] if p.task.scorer else []
        texts.append((p.task, [*own, *(sentences() if audited(p.task) else ())]))
    return score_texts(texts)


def judge(
    planned: Sequence[Sheet], responses: Sequence[Response], scores: Mapping[str, Scores]
) -> dict[str, tuple[Outcome, ...]]:
    """Hand each example's responses to its task's judge. A failed response never reaches a judge."""
    left = iter(responses)
    return {
        p.task.name: _judged(p, [tuple(next(left) for _ in own) for own in p.requests], scores[p.task.name])
        for p in planned
    }


def _judged(p: Sheet, responses: Sequence[tuple[Response, ...]], scores: Scores) -> tuple[Outcome, ...]:
    """The outcome of every example. A judge that waits for programs has as many at once as there are cores."""
    rows = [*zip(p.examples, p.requests, responses, p.alternatives, strict=True)]

    def one(row: tuple[Example, tuple[Request, ...], tuple[Response, ...], tuple[Alternative, ...]]) -> Outcome:
        example, requests, own, others = row
        return judge_one(p.task, example, requests, own, scores, others)

    if not p.task.sandbox:
        return tuple(map(one, rows))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return tuple(pool.map(one, rows))


def judge_one(
    task: Task,
    example: Example,
    requests: tuple[Request, ...],
    responses: tuple[Response, ...],
    scores: Scores | None = None,
    alternatives: Sequence[Alternative] | None = None,
) -> Outcome:
    """One example's outcome: judged, or failed with the first failure among its responses.

    A NaN log-probability is a failure, whatever the task would make of it, and so is an error that its judge raises.
    ``scores`` of its texts and its ``alternatives`` are worked out where they are not given.
    """
    requests = turned(task, example, requests, responses)
    failure = next(filter(None, map(failure_of, responses)), None)
    if failure:
        return Outcome(example, requests, responses, None, failure)
    if scores is None:
        scores = score_texts([(task, scored_texts(task, example, responses))])[task.name]
    judge_alone = partial(judge_by_scores, task, scores)
    try:
        if task.variation is None:
            judged = judge_alone(example, responses)
        else:
            others = task.variation.alternatives(example) if alternatives is None else alternatives
            judged = task.variation.judge(judge_alone, example, others, responses)
    except HarnessError:
        raise
    except Exception as error:  # whatever a judge raises over one answer, the others are judged
        judged = Failed("judge", f"{type(error).__name__}: {error}"[:500])
    if isinstance(judged, Failed):
        return Outcome(example, requests, responses, None, judged)
    return Outcome(example, requests, responses, judged)


def failure_of(response: Response) -> Failed | None:
    """Why nothing can be read off a response; None where something can. One choice may be impossible, not all."""
    logs = response.logprobs if isinstance(response, Chosen) else ()
    if any(map(math.isnan, logs)) or (logs and not math.isfinite(max(logs))):
        return Failed("nan", f"log-probabilities {str(logs)[:200]}")
    if isinstance(response, Scored) and not math.isfinite(response.logprob):
        return Failed("nan", f"log-likelihood {response.logprob}")
    return response if isinstance(response, Failed) else None


def summarise(task: Task, outcomes: Sequence[Outcome], scores: Scores | None = None) -> list[Estimate]:
    """Every metric over all examples and over every slice, with its interval, n, clusters and failures.

    Where texts were scored, the scorer's own false positives follow.
    """
    groups = sliced(outcomes)
    about = applicable(task, outcomes)
    numbers = []
    for metric in task.metrics:
        foreign = {place for place, names in about.items() if metric.name not in names}
        for name, group in groups.items():
            own = [outcomes[place] for place in group if place not in foreign]
            numbers.append(estimate(task.name, metric, name, own))
    if audited(task):
        for metric, rows in audit(score_texts([(task, sentences())])[task.name] if scores is None else scores):
            for name, group in sliced(rows).items():
                numbers.append(estimate(task.name, metric, name, [rows[place] for place in group]))
    return numbers


def sliced(outcomes: Sequence[Outcome]) -> dict[str, Sequence[int]]:
    """Places of the outcomes under "all" and under every ``name=value`` of their slices."""
    groups: dict[str, list[int]] = {}
    for place, outcome in enumerate(outcomes):
        for key, value in outcome.example.slices.items():
            groups.setdefault(f"{key}={value}", []).append(place)
    return {"all": range(len(outcomes)), **groups}


def applicable(task: Task, outcomes: Sequence[Outcome]) -> dict[int, Container[str]]:
    """Of every failed example the metrics that it would have counted for, by what a perfect answer to it gives.

    Empty where every metric counts every example: then nobody needs to know.
    """
    names = {metric.name for metric in task.metrics if not metric.over}
    whole = {metric.name for metric in task.metrics if metric.over}
    judged = [o.judged for o in outcomes if o.judged]
    if judged and all(names <= (one.values.keys() | one.failed.keys()) for one in judged):
        return {}
    counted: dict[int, Container[str]] = {}
    for place, outcome in enumerate(outcomes):
        if outcome.failure:
            ideal = judge_one(task, outcome.example, (), task.best(outcome.example)).judged
            counted[place] = whole | (names if ideal is None else ideal.values.keys() | ideal.failed.keys())
    return counted


def finish(planned: Sequence[Planned], responses: Sequence[Response]) -> Finished:
    """Score, judge and summarise all tasks of a run."""
    scores = score(planned, responses)
    outcomes = judge(planned, responses, scores)
    numbers = [e for p in planned for e in summarise(p.task, outcomes[p.task.name], scores[p.task.name])]
    return Finished(outcomes, tuple(numbers))


def sheet(
    task: Task, examples: Sequence[Example], shots: Callable[[Example], Sequence[Example]] = lambda example: ()
) -> Sheet:
    """The examples with their alternatives, and every request."""
    variation = task.variation
    if variation is None:
        return Sheet(task, tuple(examples), tuple(task.ask(e, shots(e)) for e in examples), ((),) * len(examples))
    others = tuple(variation.alternatives(example) for example in examples)
    requests = tuple(variation.ask(e, shots(e), own) for e, own in zip(examples, others, strict=True))
    return Sheet(task, tuple(examples), requests, others)


def _plan_task(task: Task, settings: Settings, mirror: Path | None) -> Planned:
    loaded = [(dataset, load(dataset, mirror)) for dataset in task.dataset]
    parts = [task.read(part.rows, dataset) for dataset, part in loaded]
    everything = [example for part in parts for example in part]
    # A limit counts per dataset, so that each subject of a task of many subjects is still represented.
    asked = [subset(part, settings, task.name) for part in parts]
    examples = [example for part in asked for example in part]
    if not examples:
        raise DataError(f"{task.name} has no examples: {', '.join(map(str, task.dataset))} is empty")
    shown, count, shots_source = choosing(task, everything, settings, mirror)
    whole = sheet(task, examples, shown)
    record = TaskRecord(
        name=task.name,
        version=task.version,
        fingerprint=_fingerprint(task, count, settings, _limited(settings, parts, asked)),
        data_sha256=digest([part.sha256 for _, part in loaded]) if len(loaded) > 1 else loaded[0][1].sha256,
        data_source=", ".join(sorted({part.source for _, part in loaded})[:3]),
        n=len(examples),
        shots=count,
        shots_source=shots_source,
        card=task.card,
        metrics=described(task),
        scorer=scored_by(task),
        available=len(everything),
    )
    return Planned(task, whole.examples, whole.requests, whole.alternatives, record)


def _fingerprint(task: Task, shots: int, settings: Settings, limited: Sequence[object]) -> str:
    """What two runs share whose examples of a task, and what is read before them, were chosen alike."""
    drawn = [settings.shots_mode, settings.seed] if shots else None
    variant = [task.variant] if task.variant else []
    return digest([task.name, task.version, shots, drawn, *variant, *limited])


def _limited(
    settings: Settings, parts: Sequence[Sequence[Example]], asked: Sequence[Sequence[Example]]
) -> list[object]:
    """What tells a limit's examples from others: nothing where all are asked, or the first ones, whose number does."""
    counts = [len(part) for part in asked]
    if counts == [len(part) for part in parts]:
        return []
    if settings.limit_order == "sampled":
        return [["sampled", settings.seed, counts]]
    return [["first", counts]] if isinstance(settings.limit, str) else []


def described(task: Task) -> tuple[MetricRecord, ...]:
    """What is kept of a task's metrics, the false positives of its scorer among them."""
    own = tuple(signed(m, task.scorer) for m in identities.METRICS) if task.scorer and audited(task) else ()
    return tuple(recorded(metric) for metric in (*task.metrics, *own))


def scored_by(task: Task) -> str:
    """What scored the texts of a task, or ran them, as its record keeps it; empty where nothing did."""
    return pinned(task.scorer) if task.scorer else task.sandbox


def choosing(
    task: Task, evaluated: Sequence[Example], settings: Settings, mirror: Path | None
) -> tuple[shots.Chooser, int, str]:
    """Which few-shot examples stand before an example, how many there are, and where they come from."""
    own = task.shots.pick == "own"
    count = task.shots.count if own or settings.shots is None else settings.shots
    pool, source = _pool(task, evaluated, mirror) if count and not own else ([], "")
    few = replace(task.shots, count=0 if own else count)
    chosen = shots.chooser(pool, few, seed=settings.seed, task=task.name, mode=settings.shots_mode)
    return chosen, count, "the task's own" if own and count else source


def _pool(task: Task, evaluated: Sequence[Example], mirror: Path | None) -> tuple[Sequence[Example], str]:
    """Few-shot candidates: the task's own few-shot data, else the evaluated split (never the example asked).

    Raises DataError for a file that the task names and is not there, and for data that are there and cannot be read.
    """
    if not task.shots.dataset:
        return evaluated, "evaluated split"
    parts = []
    for dataset in task.shots.dataset:
        try:
            parts.append((dataset, load(dataset, mirror)))
        except NotAtHand:
            return evaluated, f"evaluated split ({dataset} is not at hand)"
    return [e for dataset, part in parts for e in task.read(part.rows, dataset)], str(task.shots.dataset[0])
