"""Answers that the shards of a run have computed already, and a model for what they left open."""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain

from harness.answers.shard import Shard
from harness.engine.backend import Backend, Batch
from harness.engine.costs import summed
from harness.types import ModelInfo, Question


class Merged:
    """The shards of one run; ``model`` answers what none of them has, if there is any."""

    def __init__(self, info: ModelInfo, shards: Sequence[Shard], model: Backend | None = None) -> None:
        self.info = info
        self.shards = shards
        self.model = model

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Batches come as the shards computed them."""
        answered = {position for shard in self.shards for position in shard.positions}
        kept = (
            list(batch)
            for shard in self.shards
            for batch in shard.answers
            if any(position not in done for position, _ in batch)
        )
        if self.model is None or len(answered) == len(questions):
            return kept
        over = answered | {position for position in range(len(questions)) if position in done}
        return chain(kept, self.model.answer(questions, over))

    def stats(self) -> Mapping[str, float | str]:
        """What the shards, and then the model, have cost."""
        own = [self.model.stats()] if self.model else []
        return {**summed([*(shard.engine for shard in self.shards), *own]), "shards": float(len(self.shards))}
