"""A model as a judge: which of two options is the better one, asked in both orders, by likelihood where possible."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.data import digest
from harness.engine.backend import Backend
from harness.errors import TooLong
from harness.kinds.judged import Match
from harness.types import Cache, Choose, Chosen, Failed, JudgeModel, Question, Response, Score, Scorer


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
    asked = [match.request(swapped=swapped) for match in matches for swapped in (False, True)]
    answers = [_side(response, swapped=bool(i % 2)) for i, response in enumerate(_answers(judge, asked, each=2))]
    return [Ruling(*pair) for pair in zip(answers[::2], answers[1::2], strict=True)]


def judge_scorer(judge: Backend, judging: JudgeModel, cache: Cache | None = None) -> Scorer:
    """A judge as a scorer of what it is asked: 1 where it answers A, 0 where B; what ``cache`` holds is not asked.

    What is longer than its context fails alone.
    """

    def score(texts: Sequence[str]) -> list[Score]:
        try:
            answers = _answers(judge, [Choose(text, (" A", " B")) for text in texts], cache=cache)
        except TooLong as error:
            if len(texts) == 1:
                return [Failed("too-long", f"the judge: {error}")]
            return [one for text in texts for one in score([text])]
        return [one if isinstance(one, Failed) else float(_picked(one) == 0) for one in answers]

    def keeping(shared: Cache | None, own: Cache) -> Scorer:
        return judge_scorer(judge, judging, shared if shared and judge.info.pinned else own)

    how = digest([judging.rubric, judging.against, judging.swap, judging.ties])
    identity = digest([dict(judge.info.fingerprint), how])
    return Scorer(
        f"judge {judge.info.name} {identity[:12]}", {**judge.info.fingerprint, "rubric": how}, score, "", keeping
    )


def _answers(
    judge: Backend, requests: Sequence[Choose], *, each: int = 1, cache: Cache | None = None
) -> list[Response]:
    """The responses to requests, ``each`` of them for one match; every finished batch is kept at once.

    The judge plans over all requests, so that what is kept already changes no batch.
    """
    asked = [Question("judge", str(i // each), i % each, request) for i, request in enumerate(requests)]
    answers = cache.get_many(judge.info.fingerprint, requests) if cache else {}
    for batch in judge.answer(asked, set(answers)) if len(answers) < len(asked) else ():
        if cache:
            cache.put_many(judge.info.fingerprint, [(requests[i], response) for i, response in batch])
        answers.update(batch)
    return [answers[position] for position in range(len(asked))]


def _side(response: Response, *, swapped: bool) -> int | Failed:
    if isinstance(response, Failed):
        return response
    return 2 - _picked(response) if swapped else 1 + _picked(response)


def _picked(response: Response) -> int:
    assert isinstance(response, Chosen)
    return response.picked
