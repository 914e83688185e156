r"""Mathematics for competitions: MATH-500, whose answers stand in ``\boxed``."""

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, generation
from harness.metrics.classify import proportion
from harness.metrics.mathematics import final_answer, same_answer
from harness.metrics.measures import Measure, TextMeasure
from harness.types import Card, Example


def _equal(example: Example, answer: str) -> float:
    return float(same_answer(answer, example.target[0]))


EQUAL: TextMeasure = Measure(
    proportion("exact_match", signature="LaTeX as written, normalised; nothing computed"), _equal
)


MATH_500 = generation(
    "math_500",
    data=Data(hub("HuggingFaceH4/MATH-500", "default", "test"), id="unique_id", slices=("subject", "level")),
    prompt=Template(
        "Problem:\n{problem}\n\nReason step by step, and put the final answer into \\boxed{{}}.\n\nSolution:",
        answer="solution",
    ),
    target="answer",
    decoding=Decoding(2048, stop=("\nProblem:",)),
    extract=final_answer,
    measures=(EQUAL,),
    about=About(
        version=1,
        tags=("mathematics", "generation"),
        card=Card(
            measures="500 problems of competitions by subject and level: the answer in the last box, else after "
            '"the answer is", must be the published one.',
            limits="Answers are compared as written after a normalisation (fractions, units, spaces, thousands), by no "
            "computer algebra: (x+1)^2 is not x^2+2x+1 here, so figures of harnesses that compute are a little higher. "
            "Models may have seen problems and solutions.",
            source="https://huggingface.co/datasets/HuggingFaceH4/MATH-500",
            licence="MIT",
            citation="Lightman et al. 2023, Let's Verify Step by Step; Hendrycks et al. 2021, MATH",
        ),
    ),
)

TASKS = (MATH_500,)
