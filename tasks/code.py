"""Code that is run: HumanEval and MBPP, judged by their tests in a sandbox."""

import re
from collections.abc import Iterable, Sequence

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, generation
from harness.metrics.classify import proportion
from harness.metrics.measures import Measure, TextMeasure
from harness.sandbox import judged_by_running
from harness.types import Card, Example, Row, Shots, Task

PASS = "pass@1"
PASSES: TextMeasure = Measure(
    proportion(PASS, limits="one answer a problem; the share of problems whose tests pass"),
    lambda example, answer: None,
)
"""Its value comes from the sandbox."""
FENCE = re.compile(r"```(?:[Pp]ython3?|py)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
SAFE = (
    "Runs in a sandbox, 3 s and 1 GB each (docs/tasks.md); only with --allow-code-execution. Few tests a problem: some "
    "wrong programs pass. Models may have seen the problems and their solutions. English, Python."
)


def fenced(answer: str) -> str:
    """The first block of code of an answer in Markdown; an answer without one is code as it stands."""
    block = FENCE.search(answer)
    return block[1] if block else answer


# ----------------------------------------------------------------------------------------------------------- HumanEval
def completed(example: Example, answer: str) -> str:
    """The function that an answer completes, or writes anew in a block of code, and its tests."""
    prompt, code = example.fields["prompt_code"], fenced(answer)
    whole = code is not answer and re.search(rf"^def {re.escape(example.fields['entry_point'])}\b", code, re.MULTILINE)
    solution = f"{prompt}    pass\n\n{code}" if whole else f"{prompt}{code}"
    return f"{solution}\n{example.fields['test']}\ncheck({example.fields['entry_point']})"


def humaneval(name: str, prompt: Template, decoding: Decoding, asked: str) -> Task:
    """The problems of HumanEval, asked in one of two ways."""
    card = Card(
        measures=f"Functions written from their signature and description ({asked}): the share of problems whose tests "
        "pass.",
        limits=SAFE,
        source="https://huggingface.co/datasets/openai/openai_humaneval",
        licence="MIT",
        citation="Chen et al. 2021, Evaluating Large Language Models Trained on Code",
    )

    def with_code(rows: Sequence[Row]) -> Iterable[Row]:
        return ({**row, "prompt_code": row["prompt"]} for row in rows)

    task = generation(
        name,
        data=Data(hub("openai/openai_humaneval", "openai_humaneval", "test"), id="task_id", prepare=with_code),
        prompt=prompt,
        target="canonical_solution",
        decoding=decoding,
        extract=str,
        measures=(PASSES,),
        about=About(version=1, card=card, tags=("code", "generation")),
    )
    return judged_by_running(task, completed, PASS)


def _request(row: Row) -> str:
    return (
        "Write a solution to the following problem and make sure that it passes the tests. Answer with the whole "
        f"function in one block of code.\n```python\n{row['prompt']}```\n"
    )


HUMANEVAL = humaneval(
    "humaneval",
    Template(lambda row: row["prompt"], delimiter=""),
    Decoding(1024, stop=("\nclass", "\ndef", "\n#", "\nif", "\nprint")),
    "continued as text",
)
HUMANEVAL_CHAT = humaneval("humaneval/chat", Template(_request), Decoding(1024), "as a request, for chat models")


# ---------------------------------------------------------------------------------------------------------------- MBPP
def asserted(example: Example, answer: str) -> str:
    """The program, and the assertions that it has to satisfy."""
    fields = example.fields
    return "\n".join((fenced(answer.partition("[DONE]")[0]), fields["test_setup_code"], *fields["test_list"]))


def _task(row: Row) -> str:
    tests = "\n".join(row["test_list"][:3])
    return (
        f"You are an expert Python programmer, and here is your task: {row['text']} "
        f"Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
    )


def without_first(rows: Sequence[Row]) -> list[Row]:
    """The paper's prompt shows problems 2, 3 and 4, the first ones of their split but for one."""
    return [row for row in rows if row["task_id"] != 1]


MBPP = judged_by_running(
    generation(
        "mbpp",
        data=Data(
            hub("google-research-datasets/mbpp", "full", "test"),
            id="task_id",
            prepare=without_first,
            shots=Shots(count=3, pick="first", dataset=(hub("google-research-datasets/mbpp", "full", "prompt"),)),
        ),
        prompt=Template(_task, delimiter="", answer=lambda row: f"{row['code']}\n[DONE]"),
        target="code",
        decoding=Decoding(512, stop=("[DONE]",)),
        extract=str,
        measures=(PASSES,),
        about=About(
            version=1,
            tags=("code", "generation"),
            card=Card(
                measures="Short programs written from a sentence and three assertions, which have to hold.",
                limits="The assertions are shown, so that a program may be made to fit them. " + SAFE,
                source="https://huggingface.co/datasets/google-research-datasets/mbpp",
                licence="CC BY 4.0",
                citation="Austin et al. 2021, Program Synthesis with Large Language Models",
            ),
        ),
    ),
    asserted,
    PASS,
)


TASKS = (HUMANEVAL, HUMANEVAL_CHAT, MBPP)
