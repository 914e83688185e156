"""Units to free workers, finished batches to the driver; what a lost worker leaves goes to another."""

from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from harness.answers.records import response_to_json
from harness.engine.backend import Batch, BatchPlan
from harness.engine.division import Unit, unit_of, units
from harness.engine.scaled import cluster
from harness.engine.scaled.crew import DELIVERY, Crew, Member, Reply
from harness.engine.scaled.messages import Trouble, unpack_batch, unpack_plan
from harness.engine.scaled.worker import Delivery, Identity
from harness.errors import ModelError, RunError, listed, quoted
from harness.types import Failed, Response

FATAL = 3
"""Workers that a batch may cost until it counts as failed."""
WAIT = 1.0
"""Seconds between two looks at workers that say nothing."""


@dataclass(frozen=True, slots=True)
class _Delivered:
    """A batch that has arrived: from which worker, and its answers by position."""

    where: str
    answers: Mapping[int, Response]


class Dispatch:
    """The questions of one run and the crew that answers them.

    ``batches``: the plan, once a worker has told it. ``counts``: units given out, units given out again, workers lost.
    """

    def __init__(self, crew: Crew, packed: bytes) -> None:
        self.crew = crew
        self.questions: Any = crew.ray.put(packed) if packed else None
        self.batches: list[BatchPlan] | None = None
        self.counts: Counter[str] = Counter()
        self._digest = ""
        self._planner: Member | None = None
        self._waiting: deque[Unit] = deque()
        self._todo: set[int] = set()
        self._over: dict[int, _Delivered] = {}
        self._deaths: Counter[int] = Counter()
        self._in_a_row = 0
        self._someone = monotonic()

    def batches_of(self, done: Container[int]) -> Iterator[Batch]:
        """Compute all that is not ``done``: batches as they are finished, each question once."""
        assert self.batches is not None
        open_ = [batch for batch in self.batches if any(position not in done for position in batch.positions)]
        self._todo, self._over = {position for batch in open_ for position in batch.positions}, {}
        self._waiting = deque(units(open_, max(1, cluster.wanted(self.crew.size))))
        while len(self._over) < len(self._todo):
            yield from self.step()

    def step(self) -> Iterator[Batch]:
        """Give work to whoever is free, then wait a moment for what comes back."""
        for member in self.crew.members:
            self._employ(member)
        for answer in self.crew.answers(WAIT):
            self._someone = monotonic() if not answer.dead else self._someone
            if answer.dead:
                yield from self._lost(answer)
            elif isinstance(answer.value, Delivery):
                yield from self._delivered(answer.member, answer.value)
            else:
                self._met(answer.member, answer.value)
        if not self.crew.members or all(member.state == "opening" for member in self.crew.members):
            self._require_somebody()
        else:
            self._someone = monotonic()

    def _employ(self, member: Member) -> None:
        """Let a member that is open plan, and one that is free compute."""
        if member.state == "open" and self.questions is not None:
            whole = self.batches is None and self._planner is None
            self._planner = member if whole else self._planner
            member.state, member.moved = "planning", monotonic()
            self.crew.call(member, lambda actor: actor.plan.remote(self.questions, whole))
        elif member.state == "free" and self._waiting:
            unit = self._waiting.popleft()
            self.counts["units"] += 1
            member.unit, member.state, member.moved = unit, "busy", monotonic()
            self.crew.call(member, lambda actor: actor.compute.remote(unit.positions, member.seen, DELIVERY))

    def _met(self, member: Member, value: Identity | Trouble | tuple[str, bytes]) -> None:
        """A member is open, or has planned. Raises what kept it, and ModelError for one that is not like the others."""
        if isinstance(value, Trouble):
            raise value.error()
        member.moved = monotonic()
        if isinstance(value, Identity):
            member.report, member.state = value, "open"
            self.crew.require_alike(member)
            return
        digest, packed = value
        if packed:
            self._digest, self.batches = digest, unpack_plan(packed)
        if self._digest and digest != self._digest:
            raise ModelError(
                f"the worker on {member.where} plans other batches than the first one for the same questions"
            )
        member.state, member.free_since = "free", member.free_since or monotonic()

    def _delivered(self, member: Member, delivery: Delivery) -> Iterator[Batch]:
        unit = member.unit
        assert unit is not None
        if delivery.error is not None and not delivery.exhausted:
            raise delivery.error.error()
        member.busy = delivery.busy
        self.crew.costs[member.number] = delivery.costs or self.crew.costs.get(member.number, {})
        for packed in delivery.batches:
            member.seen += 1
            member.moved, self._in_a_row = monotonic(), 0
            if batch := self._first_copies(member, unpack_batch(packed)):
                yield batch
        if delivery.exhausted:
            self.crew.dismiss(member)
            yield from self._lost(Reply(member, dead="out of memory", own_fault=True))
        elif not delivery.idle:
            self.crew.call(member, lambda actor: actor.deliver.remote(member.seen, DELIVERY))
        elif self._is_open(unit.positions):
            raise RunError(f"the worker on {member.where} left questions of its unit without an answer")
        else:
            member.unit, member.state = None, "free"

    def _first_copies(self, member: Member, batch: Batch) -> Batch:
        """The answers that are new. Raises ModelError where one that has arrived before is another one now."""
        for position, response in batch:
            before = self._over.get(position)
            if before is None or position not in before.answers:  # what the driver gave up is no answer
                continue
            if response_to_json(before.answers[position]) != response_to_json(response):
                raise ModelError(
                    f"the worker on {member.where} gives question {position} of the plan another answer than the one "
                    f"on {before.where}: one of them computes wrongly"
                )
        new = _Delivered(member.where, dict(batch))
        fresh = [(i, response) for i, response in batch if i in self._todo and i not in self._over]
        self._over.update((position, new) for position, _ in fresh)
        return fresh

    def _is_open(self, positions: Sequence[int]) -> bool:
        return any(position not in self._over for position in positions)

    def _lost(self, answer: Reply) -> Iterator[Batch]:
        """What a lost member has not finished goes to others; the batch that it was at, by itself."""
        member = answer.member
        self.counts["workers_lost"] += 1
        self._in_a_row += 1
        if self._planner is member and self.batches is None:
            self._planner = None
        if self._in_a_row > FATAL * (cluster.wanted(self.crew.size) + 1):
            raise RunError(
                f"workers die without finishing anything; the last one on {member.where}: {quoted(answer.dead)}"
            )
        if member.unit is None:
            return
        left = [b for b in member.unit.batches if self._is_open(b.positions)]
        member.unit = None
        if not left:
            return
        self.counts["retries"] += 1
        first, rest = left[0], left[1:]
        self._deaths[first.positions[0]] += answer.own_fault
        if rest:
            self._waiting.appendleft(unit_of(rest))
        if self._deaths[first.positions[0]] < FATAL:
            self._waiting.appendleft(unit_of([first]))
            return
        self._in_a_row = 0
        self._over.update((position, _Delivered("", {})) for position in first.positions)
        why = f"{FATAL} workers died at it, the last one on {member.where}: {quoted(answer.dead)}"
        yield [(position, Failed("worker-died", why)) for position in first.positions]

    def _require_somebody(self) -> None:
        """Raises RunError where no worker has come up for long."""
        patience = self.crew.patience.nobody
        if monotonic() - self._someone > patience:
            nodes = listed(
                f"{n['NodeManagerHostname']} with {n['Resources'].get('CPU', 0):g} CPUs and "
                f"{n['Resources'].get('GPU', 0):g} GPUs"
                for n in cluster.live_nodes()
            )
            size = self.crew.size
            raise RunError(
                f"no worker has come up for {patience:g} seconds: each takes {size.threads} CPUs and {size.gpus} GPUs; "
                f"there are {nodes or 'no nodes'}"
            )
