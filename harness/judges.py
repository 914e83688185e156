"""A model as a judge: which of two options is the better one, asked in both orders, by likelihood where possible."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.backend import Backend
from harness.types import Choose, Chosen, Failed, Question, Response

ASK = "Which one is better, A or B? Answer with the letter alone.\nAnswer:"


@dataclass(frozen=True, slots=True)
class Match:
    """Two options, and what a judge reads before them."""

    prompt: str
    first: str
    second: str

    def request(self, *, swapped: bool) -> Choose:
        """The options lettered A and B, in their order or in the other one."""
        one, two = (self.second, self.first) if swapped else (self.first, self.second)
        return Choose(f"{self.prompt}\n\nA:\n{one}\n\nB:\n{two}\n\n{ASK}", (" A", " B"))


@dataclass(frozen=True, slots=True)
class Ruling:
    """The option (1 or 2, in the match's own numbering) that a judge prefers in the given and in the swapped order."""

    given: int | Failed
    swapped: int | Failed

    @property
    def winner(self) -> int | Failed:
        """The option that it prefers in both orders; 0, a tie, where that changes with the order."""
        failure = next((one for one in (self.given, self.swapped) if isinstance(one, Failed)), None)
        if failure is not None:
            return failure
        return self.given if self.given == self.swapped else 0


def rulings(judge: Backend, matches: Sequence[Match]) -> list[Ruling]:
    """What a judge says of every match. Raises the errors of ``Backend.answer``."""
    asked = [
        Question("judge", str(number), part, match.request(swapped=bool(part)))
        for number, match in enumerate(matches)
        for part in (0, 1)
    ]
    answers = {position: response for batch in judge.answer(asked) for position, response in batch}
    sides = [_side(answers[position], swapped=bool(position % 2)) for position in range(len(asked))]
    return [Ruling(*pair) for pair in zip(sides[::2], sides[1::2], strict=True)]


def _side(response: Response, *, swapped: bool) -> int | Failed:
    if isinstance(response, Failed):
        return response
    assert isinstance(response, Chosen)
    return 2 - response.picked if swapped else 1 + response.picked
