"""Compares a model's fast path with the reference, request by request and budget by budget."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from harness.engine.backend import Backend, Options
from harness.engine.causal.truth import FACTOR, FLOOR, HALF, Error, in_float32
from harness.engine.checkpoint import Checkpoint
from harness.engine.load import open_checkpoint
from harness.types import (
    Choose,
    Chosen,
    Generate,
    Generated,
    Likelihood,
    PseudoLikelihood,
    Question,
    Request,
    Response,
    Scored,
)

COUNT = 20
LEAST = 6
"""Requests of a kind that are compared however slow the reference is."""
PATIENCE = 6.0
"""Seconds that the reference has for a kind of request, unless LEAST take longer."""
BUDGETS = (None, 64)
TOLERANCE = 1e-4
"""Per token, in float32. Half precision is held against the same weights in float32, see ``truth``."""
_WORDS = (
    "the a one this old new small river house winter morning letter garden teacher engine window answer question "
    "is was has brings opens under over before after near light water paper stone green open quiet early and but "
    "because 7 12 1984 time people work year hand found left gave never always almost"
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How ``kind`` requests at one budget compare with the reference, in half precision with the reference in float32.

    ``difference``: the largest per token; ``changed``: answers that are others. ``allowed``: how much the difference
    may be. ``plain``: how far the reference in half precision is from that in float32; None in float32.
    """

    kind: str
    budget: str
    count: int
    difference: float
    changed: int
    seconds: float
    allowed: float = TOLERANCE
    plain: float | None = None

    def ok(self) -> bool:
        """Within what is allowed; in float32 no choice or greedy answer may have changed either.

        In half precision two candidates that are nearly alike change places by luck, in the plain pass too.
        """
        return self.difference <= self.allowed and (self.plain is not None or not self.changed)


def requests_for(kind: type, labels: Sequence[str], count: int = COUNT) -> list[Request]:
    """Requests of one kind with shared, nested, empty and equal prompts; the same on every call.

    ``labels``: names that a classifier's head knows; empty for models that read the choices.
    """
    draw = random.Random(kind.__name__)
    block = _sentence(draw, 12 if kind is Generate else 40)
    requests: list[Request] = []
    for number in range(count):
        prompt = f"{block} {_sentence(draw, draw.randint(1, 12))}" if number % 3 else _sentence(draw, 15)
        if kind is Generate:
            requests.append(Generate(prompt, 6, ("\n",), inputs=(prompt,)))
        elif kind is Likelihood:
            requests.append(Likelihood(" " + _sentence(draw, 9), prompt if number % 2 else ""))
        elif kind is PseudoLikelihood:
            requests.append(PseudoLikelihood(prompt, f"{_sentence(draw, 2)} {prompt}"))
        else:
            one = " " + _sentence(draw, 2)
            choices = tuple(labels) or (one, one + " then", " no")
            requests.append(Choose(prompt, choices, (prompt,), choices))
    requests[-1] = requests[0]
    return requests


def _sentence(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(_WORDS.split(), k=words))


def examine(
    checkpoint: Checkpoint,
    progress: Callable[[int, int], None] = lambda done, total: None,
    patience: float = PATIENCE,
) -> Iterator[Disagreement]:
    """Comparisons for every kind of request that the model answers, at several token budgets.

    Of each kind as many requests are compared as the reference answers in ``patience`` seconds: LEAST to COUNT.
    ``progress`` is called with (steps done, steps in all), of which every answer of the reference is one.
    """
    options = checkpoint.options
    reference = open_checkpoint(replace(checkpoint, options=replace(options, engine="reference")))
    labels = _labels(checkpoint)
    backends = [(budget, _at(checkpoint, options, budget)) for budget in BUDGETS]
    kinds = sorted(reference.info.answers, key=lambda kind: kind.__name__)
    each = COUNT + len(BUDGETS)
    for number, kind in enumerate(kinds):

        def step(done: int, before: int = number * each) -> None:
            progress(before + done, len(kinds) * each)

        whole = [Question("doctor", str(place), 0, one) for place, one in enumerate(requests_for(kind, labels))]
        questions, answered = _patiently(reference, whole, patience, step)
        expected, plain = _expected(checkpoint, reference, questions, answered, generated=kind is Generate)
        for place, (budget, backend) in enumerate(backends):
            step(COUNT + place)
            started = perf_counter()
            answers = _answers(backend, questions)
            seconds = perf_counter() - started
            comparison = compare(kind.__name__, str(budget or "default"), answers, expected, seconds)
            if plain is not None:
                comparison = replace(comparison, plain=plain, allowed=FACTOR * plain + FLOOR[checkpoint.dtype])
            yield comparison


def _patiently(
    reference: Backend, questions: Sequence[Question], seconds: float, step: Callable[[int], None]
) -> tuple[list[Question], list[Response]]:
    """The questions that a reference answers in so many seconds, and its answers; the last, asked twice, is one."""
    started = perf_counter()
    answers: dict[int, Response] = {}
    step(0)
    for batch in reference.answer(questions):
        answers.update(batch)
        step(len(answers))
        if len(answers) >= LEAST and perf_counter() - started > seconds:
            break
    if 0 in answers and questions[-1].request == questions[0].request:
        answers[len(questions) - 1] = answers[0]
    places = sorted(answers)
    return [questions[place] for place in places], [answers[place] for place in places]


def _expected(
    checkpoint: Checkpoint,
    reference: Backend,
    questions: Sequence[Question],
    plain: list[Response],
    *,
    generated: bool,
) -> tuple[list[Response], float | None]:
    """What the reference answers, in half precision what it answers in float32, and how far its own answers are off.

    Written answers are the half-precision reference's: one token that differs changes all that follow.
    """
    if checkpoint.dtype not in HALF:
        return plain, None
    if generated:
        return plain, 0.0
    with in_float32(checkpoint.model):
        truth = _answers(reference, questions)
    return truth, max(gap(*pair) for pair in zip(plain, truth, strict=True))


def _at(checkpoint: Checkpoint, options: Options, budget: int | None) -> Backend:
    return open_checkpoint(replace(checkpoint, options=replace(options, token_budget=budget)))


def _labels(checkpoint: Checkpoint) -> list[str]:
    if checkpoint.family != "classifier":
        return []
    names = [str(name) for _, name in sorted(checkpoint.model.config.id2label.items())]
    return names if len(names) > 1 else ["0", "1"]


def _answers(backend: Backend, questions: Sequence[Question]) -> list[Response]:
    answers = dict(pair for batch in backend.answer(questions) for pair in batch)
    return [answers[number] for number in range(len(questions))]


def compare(
    kind: str, budget: str, responses: Sequence[Response], expected: Sequence[Response], seconds: float
) -> Disagreement:
    """The largest difference per token between answers to the same questions, and how many are not the same."""
    pairs = list(zip(responses, expected, strict=True))
    difference = max((gap(ours, theirs) for ours, theirs in pairs), default=0.0)
    return Disagreement(kind, budget, len(pairs), difference, sum(differs(*pair) for pair in pairs), seconds)


def gap(ours: Response, theirs: Response) -> float:
    """The largest difference of two answers' log-probabilities, per token."""
    if isinstance(ours, Chosen) and isinstance(theirs, Chosen):
        sizes = theirs.tokens or (1,) * len(theirs.logprobs)
        parts = zip(ours.logprobs, theirs.logprobs, sizes, strict=True)
        return max((abs(a - b) / max(1, n) for a, b, n in parts), default=0.0)
    if isinstance(ours, Scored) and isinstance(theirs, Scored):
        return max((abs(a - b) for a, b in zip(ours.token_logprobs, theirs.token_logprobs, strict=True)), default=0.0)
    return 0.0


def differs(ours: Response, theirs: Response) -> bool:
    """Another choice, another text, another kind of answer. Choices that tie within the tolerance are the same."""
    if isinstance(ours, Chosen) and isinstance(theirs, Chosen):
        if not theirs.logprobs:
            return ours.picked != theirs.picked
        return abs(theirs.logprobs[ours.picked] - theirs.logprobs[theirs.picked]) > 1e-3
    if isinstance(ours, Generated) and isinstance(theirs, Generated):
        return (ours.text, ours.finish) != (theirs.text, theirs.finish)
    return type(ours) is not type(theirs)


@dataclass(frozen=True, slots=True)
class Way:
    """How a causal model is scored: its path, its and the plain pass's error on probes, and its share of the limit."""

    path: str
    error: Error | None
    plain: Error | None
    limit: float | None


def way_of(checkpoint: Checkpoint) -> Way:
    """Which path a causal model's scoring takes, and how near 80 requests come to the limit, where that is known."""
    from harness.engine.causal.backend import Causal

    backend = Causal(checkpoint)
    requests = requests_for(Choose, (), 80)
    questions = [Question("doctor", str(n), 0, request) for n, request in enumerate(requests)]
    started = perf_counter()
    _answers(backend, questions)
    limit = backend.limit_fraction(perf_counter() - started)
    return Way(str(backend.stats()["path"]), backend.runner.error, backend.runner.plain_error, limit)
