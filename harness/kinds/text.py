"""Tasks that write: what does the model write, and how does it compare with the references?"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.kinds.extract import Extract, TooSlow
from harness.kinds.prompt import Prompt, Template, prompt_after, prompt_fields, shown_answer, template_of, turns_after
from harness.kinds.rows import Column, Data, value_of
from harness.kinds.task import About, task_of
from harness.kinds.values import values_of
from harness.metrics.measures import BLEU, CHRF, CHRF_PP, TER, TextMeasure, bleu
from harness.reading.values import references_of, text_of
from harness.types import (
    Constraint,
    Example,
    Failed,
    Generate,
    Generated,
    Judged,
    Message,
    Request,
    Response,
    Row,
    Task,
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is written: at most so many tokens, up to a stop string, greedily at temperature 0.

    ``constraint``: a JSON schema or regular expression that a server holds the model to; nobody else can be asked.
    """

    max_tokens: int
    stop: Sequence[str] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    constraint: Constraint | None = None

    def request(self, prompt: str, seed: int, inputs: tuple[str, ...] = ()) -> Generate:
        """The request that asks for an answer to ``prompt``; ``seed`` decides the draw."""
        how = (tuple(self.stop), self.temperature, self.top_p)
        return Generate(prompt, self.max_tokens, *how, seed, inputs, constraint=self.constraint)


def generation(
    name: str,
    *,
    data: Data,
    prompt: Prompt,
    target: Column,
    decoding: Decoding,
    measures: Sequence[TextMeasure],
    about: About,
    extract: Extract = str.strip,
) -> Task:
    """What the model writes after ``prompt``, compared with the references that ``target`` gives (one or a list).

    ``extract`` finds the answer in what was written; where it finds none the example is judged on the empty answer, as
    published scores do. The first measure that is a share of right answers (0 or 1 for each) says whether an example
    counts as correct; without one, no example is correct or incorrect.
    """
    writing = _Writing(name, template_of(prompt), target, decoding, tuple(measures), extract)
    return replace(task_of(name, writing, Generate, data, about), turns=writing.turns, votes=True)


def translation(
    name: str,
    *,
    data: Data,
    source: Column,
    target: Column,
    languages: tuple[str, str],
    about: About,
    max_tokens: int = 256,
    tokenize: str = "13a",
) -> Task:
    """Translation judged by BLEU, chrF, chrF++ and TER of sacrebleu, whose signatures stand beside the values.

    ``languages`` are named in the prompt, from and to; ``tokenize`` is BLEU's.
    """

    def text(row: Row) -> str:
        return text_of(value_of(row, source), "the source text")

    def prompt(row: Row) -> str:
        return f"{languages[0]}: {text(row)}\n{languages[1]}:"

    return generation(
        name,
        data=data,
        prompt=Template(prompt, (text,), description=f"Translate from {languages[0]} to {languages[1]}.\n\n"),
        target=target,
        decoding=Decoding(max_tokens, stop=("\n",)),
        measures=(BLEU if tokenize == "13a" else bleu(tokenize=tokenize), CHRF, CHRF_PP, TER),
        about=about,
    )


@dataclass(frozen=True, slots=True)
class _Writing:
    """One ``Generate`` for each example, judged by the answer that is extracted from what was written."""

    name: str
    template: Template
    target: Column
    decoding: Decoding
    measures: tuple[TextMeasure, ...]
    extract: Extract

    def fields(self, row: Row) -> tuple[dict[str, Any], Any]:
        """What the example of a row holds, and its references."""
        references = references_of(value_of(row, self.target))
        answer = {"answer_shown": references[0]} | shown_answer(self.template, row)
        return dict(row) | prompt_fields(self.template, row) | answer, references

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The prompt of the example, to be continued."""
        prompt = prompt_after(example, shown, self.template)
        return (self.decoding.request(prompt, seed_of(self.name, example.id), example.fields["inputs"]),)

    def turns(self, example: Example, shown: Sequence[Example]) -> tuple[Message, ...]:
        """The prompt as the turns of a chat."""
        return turns_after(example, shown, self.template)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The value of every measure for the answer that is extracted from the text."""
        (response,) = responses
        assert isinstance(response, Generated)
        try:
            answer = self.extract(response.text) or ""
        except TooSlow as error:
            return Failed("unparsed", str(error))
        values, failed = values_of(self.measures, example, answer)
        share = self._share_of_right()
        first = values.get(share) if share else None
        return Judged(answer, values, first == 1.0 if first in (0.0, 1.0) else None, failed)

    def _share_of_right(self) -> str | None:
        """The first measure that is a share of right answers."""
        metrics = (measure.metric for measure in self.measures)
        return next((m.name for m in metrics if m.interval == "wilson" and m.better == "higher"), None)

    def best(self, example: Example) -> tuple[Response, ...]:
        """The answer that a few-shot example would show."""
        return (written(example.fields["answer_shown"]),)

    def worst(self, example: Example) -> tuple[Response, ...]:
        """Nothing."""
        return (written(""),)


def written(text: str) -> Generated:
    """A text as a model that ended by itself would have written it."""
    return Generated(text, len(text.split()), "end")


def seed_of(task: str, example: str) -> int:
    """The seed of an example's draw, which depends on nothing but its names."""
    return zlib.crc32(f"{task}\0{example}".encode())
