"""GSM8K beside itself with other numbers: does a model solve the questions that it may have seen, or only those?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.data import hub
from harness.kinds import About, Decoding, Extremes, Items, probe
from harness.kinds.text import seed_of, written
from harness.metrics.classify import mean, proportion
from harness.metrics.text import gsm8k_answer, last_number
from harness.reading.values import text_of
from harness.types import Card, Dataset, Example, Generate, Generated, Judged, Request, Response, Row
from harness_tasks.renumbering import LeftOut, renumbering

NAME = "gsm8k/renumbered"
VARIANTS = 3
"""Other sets of numbers of each question."""
SEED = 0
METRICS = (
    mean("renumbered", bounds=(0.0, 1.0)),
    proportion("original"),
    mean("renumbering_gap", bounds=(-1.0, 1.0), better="ideal", ideal=0.0, limits="Original less renumbered."),
)
SHOWN = (
    "Question: A shelf holds 14 jars of jam. Ruth adds 9 jars and then gives 5 to her sister. How many are there?\n"
    "Answer: Ruth adds 9 jars, which makes 14 + 9 = 23. She gives away 5, and 23 - 5 = 18 are left.\n#### 18\n\n"
    "Question: Tickets for a play cost $12. A class of 25 pupils goes with 2 teachers. What do they pay?\n"
    "Answer: There are 25 + 2 = 27 people. They pay 27 * 12 = 324 dollars.\n#### 324\n\n"
    "Question: A train covers 240 miles in 4 hours. How far does it go in 7 hours at the same speed?\n"
    "Answer: It goes 240 / 4 = 60 miles in an hour. In 7 hours it goes 60 * 7 = 420 miles.\n#### 420\n\n"
)
"""Three questions of our own, with the form of the answer; in no published set."""
DECODING = Decoding(max_tokens=256, stop=("Question:", "</s>", "<|im_end|>"))


def renumberable(rows: Iterable[Row]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """(rows that can be renumbered with their variants, how many cannot by reason)."""
    kept, left_out = [], Counter[str]()
    for number, row in enumerate(rows):
        question, solution = text_of(row["question"], "question"), text_of(row["answer"], "answer")
        try:
            plan = renumbering(question, solution)
            variants = [plan.draw(f"{SEED}\0{number}\0{k}") for k in range(VARIANTS)]
        except LeftOut as error:
            left_out[error.reason] += 1
            continue
        kept.append({**row, "id": number, "variants": variants})
    return kept, left_out


def example_of(row: Row, dataset: Dataset) -> Example:
    """A question with its variants; ``target``: their answers, the original's first."""
    variants = row["variants"]
    questions = [row["question"], *(question for question, _ in variants)]
    answers = [gsm8k_answer(row["answer"]), *(str(answer) for _, answer in variants)]
    return Example(str(row["id"]), {"questions": questions, "solution": row["answer"]}, answers)


def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
    """The question and its variants, each after the same worked questions."""
    before = SHOWN + "".join(_asked(e.fields["questions"][0]) + f" {e.fields['solution']}\n\n" for e in shown)
    seed = seed_of(NAME, example.id)
    return tuple(DECODING.request(before + _asked(question), seed) for question in example.fields["questions"])


def _asked(question: str) -> str:
    return f"Question: {question}\nAnswer:"


def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
    """Right or wrong for the original; the share of its variants that are right."""
    said = [gsm8k_answer(r.text) or last_number(r.text) or "" for r in responses if isinstance(r, Generated)]
    first, *others = [float(one == right) for one, right in zip(said, example.target, strict=True)]
    share = sum(others) / len(others)
    values = {"original": first, "renumbered": share, "renumbering_gap": first - share}
    return Judged(", ".join(said), values, first == 1 and share == 1)


def best(example: Example) -> tuple[Response, ...]:
    """Every answer is right."""
    return tuple(written(f"#### {answer}") for answer in example.target)


def worst(example: Example) -> tuple[Response, ...]:
    """Every other question is known by heart, and nothing else is known."""
    knows = int(example.id) % 2 == 0
    return tuple(
        written(f"#### {answer if knows and i == 0 else int(answer) + 1}") for i, answer in enumerate(example.target)
    )


RENUMBERED = probe(
    NAME,
    items=Items(hub("openai/gsm8k", "main", "test"), example_of, lambda rows: renumberable(rows)[0]),
    ask=ask,
    asks=Generate,
    judge=judge,
    metrics=METRICS,
    extremes=Extremes(best, worst),
    about=About(
        version=1,
        card=Card(
            measures="Grade-school arithmetic in words, each question as published and three times with other "
            "numbers: the share of right answers to either, and the gap between them, question by question.",
            limits="346 of the 1,319 test questions: those whose numbers can be changed beyond doubt and whose answer "
            "follows from the annotated solution; they are shorter than the others. Of 36 that were read one was "
            "wrong, and a rule now leaves out its kind; others may be left. "
            "Other numbers may be harder to compute with, so that a gap alone does not show that a question was seen: "
            "compare it with that of another model. Three worked questions of our own are shown first.",
            source="https://huggingface.co/datasets/openai/gsm8k",
            licence="MIT",
            citation="Cobbe et al. 2021; after Mirzadeh et al. 2024, GSM-Symbolic",
        ),
        tags=("generation", "mathematics", "contamination"),
    ),
)
TASKS = (RENUMBERED,)
