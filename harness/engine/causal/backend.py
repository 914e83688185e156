"""A causal model as a backend: every distinct token of all questions is computed once, and generation is batched."""

from collections.abc import Container, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from harness.engine.backend import Agenda, Batch, BatchPlan
from harness.engine.budget import SMALLEST, keep_freed_memory, out_of_memory, peak_memory, rows_for
from harness.engine.causal.batching import plan as shards_of
from harness.engine.causal.choose import open_scorer
from harness.engine.causal.encode import Encoded, Encoder, Prompt, encode
from harness.engine.causal.generate import Generator, generate
from harness.engine.causal.lanes import behind, in_lanes, lanes_of
from harness.engine.causal.operations import countable, operations
from harness.engine.causal.plan import Plan
from harness.engine.causal.reference import Score, respond
from harness.engine.causal.roofline import best_rate, needed
from harness.engine.causal.schedule import Inputs, Schedule, generated_batches, scored_batches
from harness.engine.causal.score import Answer, Way
from harness.engine.checkpoint import Checkpoint
from harness.errors import UsageError
from harness.types import Choose, Generate, Generated, Likelihood, ModelInfo, Question, Response

LONG = 20.0
"""Seconds of scoring from which on its distance from the machine's limit is measured."""


PATHS: Mapping[Way, str] = {
    "tree": "tree",
    "tails": "carried",
    "tokens": "carried token by token",
    "padded": "padded",
}
"""How a run tells the way in which its model is scored."""


class Causal:
    """A local causal model. ``alone`` says why the tree of tokens does not suit it; empty where it does."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.encoder = Encoder(checkpoint.tokenizer, checkpoint.options, checkpoint.context, checkpoint.rows)
        config = checkpoint.model.config
        asked = checkpoint.options.token_budget
        if asked is not None and asked < 1:
            raise UsageError(f"token budget {asked} is not a number of rows; valid: 1 or more")
        if checkpoint.device.type == "cpu":
            keep_freed_memory()
        self.budget = asked or rows_for(config, checkpoint.device, checkpoint.dtype)
        self.scorer, self.alone = open_scorer(checkpoint.model)
        self.lanes = lanes_of(checkpoint.device) if self.scorer.way == "tree" else 1
        self.lag = 1 if checkpoint.device.type == "cuda" else 0
        self._generator: Generator | None = None
        fingerprint = {**checkpoint.fingerprint, "attention": PATHS[self.scorer.way], "token_budget": str(self.budget)}
        answers: frozenset[type] = frozenset({Choose, Generate, Likelihood})
        self.info = ModelInfo(checkpoint.name, fingerprint, answers, checkpoint.context, pinned=True)
        self._asked = 0
        self._encoded: Sequence[Encoded] = ()
        self._written: list[tuple[Prompt, int]] = []
        self._seconds = {"encode": 0.0, "plan": 0.0, "compute": 0.0, "score": 0.0}

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong before anything is computed."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner."""
        started = perf_counter()
        work = Inputs(questions, encode(questions, self.encoder))
        self._encoded = work.encoded
        self._seconds["encode"] += perf_counter() - started
        return Agenda(lambda: self._planned(work), lambda done: self._answers(work, done))

    def _planned(self, work: Inputs) -> list[BatchPlan]:
        failed = tuple(position for position, _ in work.failed)
        scores = scored_batches(Schedule(self._laid(work), work.spans_of, list(work.spans_of)))
        alone = [BatchPlan(failed, 0.0, -1)] if failed else []
        shards = shards_of(work.prompts, self.generator.shard) if work.prompts else []
        return [*alone, *scores, *generated_batches(shards, len(work.spans))]

    def _answers(self, work: Inputs, done: Container[int]) -> Iterator[Batch]:
        failed: Batch = [(i, failure) for i, failure in work.failed if i not in done]
        if failed:
            yield failed
        yield from self._scores(work, done)
        yield from self._generations(work, done)

    # ------------------------------------------------------------------------------------------------------ scoring
    def _laid(self, work: Inputs) -> Plan:
        """The passes of the work, laid out once for a budget."""
        started = perf_counter()
        if work.laid is None or work.laid[0] != self.budget:
            work.laid = self.budget, self.scorer.plan(work.spans, self.budget)
        self._seconds["plan"] += perf_counter() - started
        return work.laid[1]

    def _scores(self, asked: Inputs, done: Container[int]) -> Iterator[Batch]:
        """Batches of the plan. Out of memory halves the budget, and what is left is planned anew."""
        given: set[int] = set()
        while True:
            laid = self._laid(asked)
            open_ = [i for i in asked.spans_of if i not in done and i not in given]
            work = Schedule(laid, asked.spans_of, open_)
            try:
                for batch in self._batches(asked.questions, work):
                    given.update(index for index, _ in batch)
                    yield batch
                return
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or self.budget <= SMALLEST:
                    raise
                self.budget //= 2

    def _batches(self, questions: Sequence[Question], work: Schedule) -> Iterator[Batch]:
        kept: dict[int, Any] = {}
        scores: dict[int, list[Answer]] = {}
        parents = [step.parent for step in work.plan.steps]
        started = perf_counter()
        with self.scorer.ready():
            started_ = in_lanes(work.steps, parents, lambda step: self.scorer.run(work.plan, step, kept), self.lanes)
            for number, answers in behind(started_, self.lag):
                for answer in answers:
                    scores.setdefault(answer.span, []).append(answer)
                for old in [step for step in list(kept) if work.last_use[step] <= number]:
                    del kept[old]
                finished = work.finished.get(number, ())
                batch: Batch = [(i, self._respond(questions[i], work, i, scores)) for i in finished]
                for span in work.read_last.get(number, ()):
                    scores.pop(span, None)
                self._seconds["compute"] += perf_counter() - started
                self._seconds["score"] += perf_counter() - started
                if batch:
                    yield batch
                started = perf_counter()

    def _respond(self, question: Question, work: Schedule, index: int, scores: Mapping[int, list[Answer]]) -> Response:
        found = []
        for span in work.asked[index]:
            parts = sorted(scores[span], key=lambda part: part.offset)
            logprobs = tuple(float(x) for part in parts for x in part.logprobs)
            found.append(Score(logprobs, all(bool(part.greedy.all()) for part in parts)))
            self._asked += len(work.plan.spans[span].tokens) - 1
        return respond(question, found)

    # --------------------------------------------------------------------------------------------------- generation
    @property
    def generator(self) -> Generator:
        """Made when the first prompt comes: it tries out the model's attention."""
        if self._generator is None:
            self._generator = Generator(
                self.checkpoint.model, self.checkpoint.tokenizer, whole=self.scorer.whole, fast=self.scorer.fast
            )
        return self._generator

    def _generations(self, work: Inputs, done: Container[int]) -> Iterator[Batch]:
        if not work.prompts:
            return
        batches = generate(self.generator, work.prompts, done)
        while True:
            started = perf_counter()
            batch = next(batches, None)
            self._seconds["compute"] += perf_counter() - started
            if batch is None:
                return
            prompts = [(work.encoded[i], _written(answer)) for i, answer in batch]
            self._written += [(prompt, count) for prompt, count in prompts if isinstance(prompt, Prompt)]
            yield batch

    # ----------------------------------------------------------------------------------------------------------- cost
    def operations(self, responses: Sequence[Response]) -> Sequence[float] | None:
        """See ``Counted``."""
        if not countable(self.checkpoint.model):
            return None
        found: list[float] = operations(self.checkpoint.model, self._encoded, [_written(r) for r in responses]).tolist()
        return found

    def _computed(self) -> float | None:
        """Operations so far, padding included; None for a model that cannot be counted."""
        model, work = self.checkpoint.model, self.scorer.work
        if not countable(model):
            return None
        scored = needed(model, work.rows, work.rows if self.scorer.whole else work.logits, work.pairs)
        prompts, written = [prompt for prompt, _ in self._written], [count for _, count in self._written]
        return scored + float(operations(model, prompts, written).sum())

    def stats(self) -> Mapping[str, float | str]:
        """Tokens asked and computed, share saved, padding, seconds, speed, peak memory in bytes, share of the limit."""
        work = self.scorer.work
        cost = self._generator.cost if self._generator is not None else None
        asked = self._asked + (cost.asked if cost else 0)
        computed = work.rows + (cost.computed if cost else 0)
        seconds, scoring = self._seconds["compute"], self._seconds["score"]
        limit = self.limit_fraction(scoring, 1.0) if scoring >= LONG else None
        counted = self._computed()
        return {
            "path": ": ".join(filter(None, (PATHS[self.scorer.way], self.alone))),
            "tokens_asked": float(asked),
            "tokens_computed": float(computed),
            "share_saved": 1.0 - computed / asked if asked else 0.0,
            "padding": work.padding / work.rows if work.rows else 0.0,
            "logits_read": float(work.logits),
            "prompts_cut": float(self.encoder.cut),
            "seconds_compute": seconds,
            "seconds_load": self.checkpoint.load_seconds,
            "seconds_tokenise": self._seconds["encode"],
            "seconds_plan": self._seconds["plan"],
            "tokens_per_second": computed / seconds if seconds else 0.0,
            "peak_memory": float(peak_memory(self.checkpoint.device)),
            "token_budget": float(self.budget),
            **({} if counted is None else {"operations": counted}),
            **({} if limit is None else {"limit_fraction": limit}),
            **({"generation": self._generation()} if self._generator is not None else {}),
        }

    def limit_fraction(self, seconds: float, measured: float = 3.0) -> float | None:
        """(operations of all that was scored / best rate of a product) / ``seconds`` that it took.

        The rate is ``measured`` for about so many seconds. None for models without a tree or with a head of their own:
        of them it is not known which products a token takes.
        """
        if self.scorer.way != "tree" or self.scorer.whole:
            return None
        work, model = self.scorer.work, self.checkpoint.model
        operations = needed(model, work.rows - work.padding, work.logits, work.pairs)
        return operations / best_rate(model, seconds=measured) / seconds

    def _generation(self) -> str:
        """How answers are generated, and why not from shared keys and values where they are not."""
        aligned, alone = self.generator.aligned, self.generator.alone
        if not alone:
            return "together"
        return f"carried: {alone}" if aligned is not None and aligned.rows > 1 else f"one at a time: {alone}"


def _written(response: Response) -> int:
    """Tokens that were generated."""
    return response.tokens if isinstance(response, Generated) else 0
