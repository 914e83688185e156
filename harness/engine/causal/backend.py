"""A causal model as a backend: every distinct token of all questions is computed once, and generation is batched."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from harness.engine.backend import Agenda, Batch, BatchPlan
from harness.engine.budget import SMALLEST, keep_freed_memory, out_of_memory, rows_for
from harness.engine.causal.choose import open_runner
from harness.engine.causal.encode import Encoded, Encoder, Prompt, encode
from harness.engine.causal.generation.generate import Generator, generate
from harness.engine.causal.generation.grouping import plan as shards_of
from harness.engine.causal.lanes import behind, in_lanes, lanes_of
from harness.engine.causal.operations import countable, operations
from harness.engine.causal.roofline import best_rate, needed
from harness.engine.causal.scoring.plan import Plan
from harness.engine.causal.scoring.runner import SpanScore, Way
from harness.engine.causal.scoring.schedule import Inputs, Schedule, generated_batches, scored_batches
from harness.engine.checkpoint import ANSWERS, Checkpoint
from harness.engine.respond import Score, respond
from harness.engine.tally import Tally
from harness.types import Generated, ModelInfo, Question, Response

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
        if checkpoint.device.type == "cpu":
            keep_freed_memory()
        self.budget = checkpoint.options.token_budget or rows_for(config, checkpoint.device, checkpoint.dtype)
        self.runner, self.alone = open_runner(checkpoint.model)
        together = self.runner.way == "tree" and not checkpoint.offloaded  # whose weights go when one lane is done
        self.lanes = lanes_of(checkpoint.device) if together else 1
        self.lag = 1 if checkpoint.device.type == "cuda" else 0
        self._generator: Generator | None = None
        fingerprint = {**checkpoint.fingerprint, "attention": PATHS[self.runner.way], "token_budget": str(self.budget)}
        answers = ANSWERS["causal"]
        self.info = ModelInfo(checkpoint.name, fingerprint, answers, checkpoint.context, pinned=True)
        self._encoded: Sequence[Encoded] = ()
        self._written: list[tuple[Prompt, int]] = []
        self._best_rate: float | None = None

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong before anything is computed."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner."""
        with self.runner.tally.timed("tokenise"):
            inputs = Inputs(questions, encode(questions, self.encoder))
        self.runner.tally.cut = self.encoder.cut
        self._encoded = inputs.encoded
        return Agenda(lambda: self._planned(inputs), lambda done: self._answers(inputs, done))

    def _planned(self, inputs: Inputs) -> list[BatchPlan]:
        failed = tuple(position for position, _ in inputs.failed)
        scores = scored_batches(Schedule(self._laid(inputs), inputs.spans_of, list(inputs.spans_of)))
        alone = [BatchPlan(failed, 0.0, -1)] if failed else []
        shards = shards_of(inputs.prompts, self.generator.batching) if inputs.prompts else []
        return [*alone, *scores, *generated_batches(shards, len(inputs.spans))]

    def _answers(self, inputs: Inputs, done: Container[int]) -> Iterator[Batch]:
        failed: Batch = [(i, failure) for i, failure in inputs.failed if i not in done]
        if failed:
            yield failed
        yield from self._scores(inputs, done)
        yield from self._generations(inputs, done)

    # ------------------------------------------------------------------------------------------------------ scoring
    def _laid(self, inputs: Inputs) -> Plan:
        """The passes of the work, laid out once for a budget."""
        with self.runner.tally.timed("plan"):
            if inputs.laid is None or inputs.laid[0] != self.budget:
                inputs.laid = self.budget, self.runner.plan(inputs.spans, self.budget)
        return inputs.laid[1]

    def _scores(self, inputs: Inputs, done: Container[int]) -> Iterator[Batch]:
        """Batches of the plan. Out of memory halves the budget, and what is left is planned anew."""
        answered: set[int] = set()
        while True:
            plan = self._laid(inputs)
            with self.runner.tally.timed("plan"):
                open_ = [i for i in inputs.spans_of if i not in done and i not in answered]
                schedule = Schedule(plan, inputs.spans_of, open_)
            try:
                for batch in self.runner.tally.timing(self._batches(inputs.questions, schedule)):
                    answered.update(index for index, _ in batch)
                    yield batch
                return
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or self.budget <= SMALLEST:
                    raise
                self.budget //= 2

    def _batches(self, questions: Sequence[Question], schedule: Schedule) -> Iterator[Batch]:
        """Run, collect, respond, release: step by step, in the plan's order whichever is computed first."""
        plan = schedule.plan
        kept: dict[int, Any] = {}
        scores: dict[int, list[SpanScore]] = {}
        parents = [step.parent for step in plan.steps]
        with self.runner.ready():
            passes = in_lanes(schedule.steps, parents, lambda step: self.runner.run(plan, step, kept), self.lanes)
            for step, parts in behind(passes, self.lag):
                for part in parts:
                    scores.setdefault(part.span, []).append(part)
                finished = schedule.finished.get(step, ())
                batch: Batch = [(i, self._respond(questions[i], schedule.spans_of[i], plan, scores)) for i in finished]
                schedule.release(step, kept, scores)
                if batch:
                    yield batch

    def _respond(
        self, question: Question, spans: Sequence[int], plan: Plan, scores: Mapping[int, list[SpanScore]]
    ) -> Response:
        whole = []
        for span in spans:
            parts = sorted(scores[span], key=lambda part: part.offset)
            logprobs = tuple(float(x) for part in parts for x in part.logprobs)
            whole.append(Score(logprobs, all(bool(part.greedy.all()) for part in parts)))
            self.runner.tally.add(asked=len(plan.spans[span].tokens) - 1)
        return respond(question, whole)

    # --------------------------------------------------------------------------------------------------- generation
    @property
    def generator(self) -> Generator:
        """Made when the first prompt comes: it tries out the model's attention."""
        if self._generator is None:
            self._generator = Generator(
                self.checkpoint.model,
                self.checkpoint.tokenizer,
                whole=self.runner.whole,
                fast=self.runner.fast,
                thinking=self.encoder.thinking,
            )
        return self._generator

    def _generations(self, inputs: Inputs, done: Container[int]) -> Iterator[Batch]:
        if not inputs.prompts:
            return
        for batch in self.generator.tally.timing(generate(self.generator, inputs.prompts, done)):
            prompts = [(inputs.encoded[i], _written(answer)) for i, answer in batch]
            self._written += [(prompt, count) for prompt, count in prompts if isinstance(prompt, Prompt)]
            yield batch

    # ----------------------------------------------------------------------------------------------------------- cost
    def operations(self, responses: Sequence[Response]) -> Sequence[float] | None:
        """See ``Counted``."""
        if not countable(self.checkpoint.model) or len(responses) != len(self._encoded):
            return None
        costs: list[float] = operations(self.checkpoint.model, self._encoded, [_written(r) for r in responses]).tolist()
        return costs

    def _computed(self) -> float | None:
        """Operations so far, padding included; None for a model that cannot be counted."""
        model, tally = self.checkpoint.model, self.runner.tally
        if not countable(model):
            return None
        scored = needed(model, tally.computed, tally.computed if self.runner.whole else tally.logits, tally.pairs)
        prompts, written = [prompt for prompt, _ in self._written], [count for _, count in self._written]
        return scored + float(operations(model, prompts, written).sum())

    def stats(self) -> Mapping[str, float | str]:
        """Tokens asked and computed, share saved, padding, seconds, speed, peak memory in bytes, share of the limit."""
        scoring = self.runner.tally
        whole = scoring + (self._generator.tally if self._generator is not None else Tally())
        path = ": ".join(filter(None, (PATHS[self.runner.way], self.alone)))
        limit = self.limit_fraction(scoring.compute, 1.0) if scoring.compute >= LONG else None
        counted = self._computed()
        return {
            **whole.stats(path, self.checkpoint.device, self.checkpoint.load_seconds),
            "logits_read": float(whole.logits),
            "seconds_plan": whole.plan,
            "token_budget": float(self.budget),
            **({} if counted is None else {"operations": counted}),
            **({} if limit is None else {"limit_fraction": limit}),
            **({"generation": self._generation()} if self._generator is not None else {}),
        }

    def limit_fraction(self, seconds: float, measured: float = 3.0) -> float | None:
        """(operations of all that was scored / best rate of a product) / ``seconds`` that it took.

        The rate is ``measured`` once, for about so many seconds. None for models without a tree or with a head of
        their own: of them it is not known which products a token takes.
        """
        if self.runner.way != "tree" or self.runner.whole:
            return None
        tally, model = self.runner.tally, self.checkpoint.model
        operations = needed(model, tally.computed - tally.padding, tally.logits, tally.pairs)
        if self._best_rate is None:
            self._best_rate = best_rate(model, seconds=measured)
        return operations / self._best_rate / seconds

    def _generation(self) -> str:
        """How answers are generated, and why not from shared keys and values where they are not."""
        aligned, alone = self.generator.aligned, self.generator.alone
        if not alone:
            return "together"
        return f"carried: {alone}" if aligned is not None and aligned.rows > 1 else f"one at a time: {alone}"


def _written(response: Response) -> int:
    """Tokens that were generated."""
    return response.tokens if isinstance(response, Generated) else 0
