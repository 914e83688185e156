"""Answers judged by a model: both orders, ties by policy, the judge in the signature, failures that stay failures."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import byte_tokenizer, causal

from harness import evaluate
from harness.engine.backend import Batch
from harness.errors import DataError, ModelError, TooLong, Unsupported, UsageError
from harness.judges import judge_scorer
from harness.kinds import About, Data, Decoding, generation, judged
from harness.kinds.file import task_from_file
from harness.metrics.measures import SQUAD_EM
from harness.store import open_store
from harness.types import (
    Card,
    Choose,
    Chosen,
    Dataset,
    Example,
    Failed,
    Judged,
    JudgeModel,
    ModelInfo,
    Question,
    Response,
    Settings,
    Task,
)  # fmt: skip
from harness.variants import varied

ROWS = [{"id": i, "q": f"Q{i}?", "a": "yes", "rival": f"rival {i}", "none": None} for i in range(8)]
WRITING = generation(
    "writing",
    data=Data(Dataset("rows", rows=ROWS)),
    prompt="{q}",
    target="a",
    decoding=Decoding(8),
    measures=(SQUAD_EM,),
    about=About(version=1, card=Card(measures="m", limits="l", source="s", licence="x")),
)
GRADED = JudgeModel(model="m", rubric="Question: {q}\nAnswer: {response}\nIs it right?")
RIVALS = JudgeModel(model="m", rubric="Question: {q}", against="rival")


class Judge:
    """Says what ``says`` makes of the two options as they stand."""

    def __init__(self, says: Any, version: str = "1") -> None:
        self.says, self.info = says, ModelInfo("arbiter", {"weights": version}, frozenset({Choose}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        if len(questions) > 1 and any("LONG" in self._prompt(q) for q in questions):
            raise TooLong("too long")
        yield [(i, self._one(self._prompt(question))) for i, question in enumerate(questions)]

    def _prompt(self, question: Question) -> str:
        assert isinstance(question.request, Choose) and question.request.choices == (" A", " B")
        return question.request.prompt

    def _one(self, prompt: str) -> Response:
        head, rest = prompt.split("\n\nA:\n")
        one, two = rest.split("\n\nB:\n")
        said = self.says(head, one, two.split("\n\n")[0])
        return said if isinstance(said, Failed) else Chosen("AB".index(said))

    def stats(self) -> dict[str, float | str]:
        return {}


def model(prompt: str) -> str:
    """Right on even questions."""
    return "yes" if int(prompt.strip("Q?")) % 2 == 0 else "no"


def bound(judging: JudgeModel, says: Any, version: str = "1") -> Task:
    task = judged(WRITING, judging)
    assert task.bind is not None
    return task.bind(task, judge_scorer(Judge(says, version), judging))


def told(task: Task, tmp_path: Path, **settings: Any) -> dict[str, tuple[float | None, int, int]]:
    result = evaluate(model, [task], Settings(**settings), store=str(tmp_path / "s"))
    return {e.metric: (e.value, e.n, e.failed) for e in result.estimates if e.slice == "all"}


def says_yes(head: str, one: str, two: str) -> str:
    good = "Answer: yes" in head
    return "A" if (one == "Yes.") == good else "B"


def test_a_rubric_is_asked_in_both_orders_beside_the_tasks_own_measures(tmp_path: Path) -> None:
    assert told(bound(GRADED, says_yes), tmp_path) == {"exact_match": (0.5, 8, 0), "judge": (0.5, 8, 0)}


def test_an_answer_competes_with_a_column(tmp_path: Path) -> None:
    def longer(head: str, one: str, two: str) -> str:
        return "A" if len(one) > len(two) else "B"

    assert told(bound(RIVALS, longer), tmp_path)["judge"] == (0.0, 8, 0)
    shorter = bound(RIVALS, lambda head, one, two: "A" if len(one) < len(two) else "B")
    assert told(shorter, tmp_path)["judge"] == (1.0, 8, 0)


def test_what_the_judge_cannot_say_fails_that_example_alone(tmp_path: Path) -> None:
    gone = Failed("server", "gone")
    numbers = told(bound(GRADED, lambda head, one, two: gone if "Q3" in head else says_yes(head, one, two)), tmp_path)
    assert numbers["judge"][1:] == (7, 1)
    options = "\n\nA:\nYes.\n\nB:\nNo.\n\nx"
    rows = judge_scorer(Judge(says_yes), GRADED).score([f"LONG{options}", f"y{options}"])
    assert rows[1] == 0.0, "what is too long for the judge costs the others nothing"


def test_the_judge_and_its_rubric_are_in_the_signature_and_the_record(tmp_path: Path) -> None:
    result = evaluate(model, [bound(GRADED, says_yes)], store=str(tmp_path / "s"))
    (record,) = open_store(str(tmp_path / "s")).run(result.run.id).tasks
    assert "arbiter" in record.scorer and "weights 1" in record.scorer
    own = {metric.name: metric.signature for metric in record.metrics}
    assert own["exact_match"] != own["judge"] and own["judge"].startswith("judge arbiter ")
    others = [bound(GRADED, says_yes, "2"), bound(replace(GRADED, rubric="{response}?"), says_yes)]
    assert len({own["judge"], *(task.metrics[-1].signature for task in others)}) == 3
    assert set(own) == {"exact_match", "judge"}, "a judge is no scorer of texts: its false positives are not looked at"


@pytest.mark.parametrize(
    ("judging", "words"),
    [
        (replace(GRADED, rubric="{nobody} {response}"), "no column 'nobody'"),
        (replace(RIVALS, against="nobody"), "no column 'nobody'"),
        (replace(RIVALS, against="none"), "column 'none' is null, not a text"),
    ],
)
def test_a_column_that_a_judge_cannot_read_is_told_before_the_model_is_asked(
    judging: JudgeModel, words: str, tmp_path: Path
) -> None:
    asked: list[str] = []

    def heard(prompt: str) -> str:
        asked.append(prompt)
        return "yes"

    with pytest.raises(DataError, match=words):
        evaluate(heard, [bound(judging, says_yes)], store=str(tmp_path / "s"))
    assert not asked


def test_several_answers_are_judged_one_by_one(tmp_path: Path) -> None:
    task = bound(GRADED, says_yes)
    numbers = told(task, tmp_path, repeats=2, temperature=1.0)
    assert numbers["judge"] == (0.5, 8, 0) and numbers["pass@2"] == (0.5, 8, 0)
    with pytest.raises(Unsupported, match="has no variants"):
        varied(task, Settings(perturb=("typos",)))


def test_a_task_file_names_its_judge(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    causal("llama", len(tokenizer)).save_pretrained(tmp_path / "judge")
    tokenizer.save_pretrained(tmp_path / "judge")
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"id": {i}, "q": "Q{i}?"}}\n' for i in range(4)))
    head = 'data = "rows.jsonl"\nprompt = "{q}"\n'
    spec = tmp_path / "judge"
    (tmp_path / "t.toml").write_text(head + f'judge = {{model = "{spec}", rubric = "{{q}} {{response}} right?"}}\n')
    result = evaluate(model, str(tmp_path / "t.toml"), store=str(tmp_path / "s"), device="cpu")
    (estimate,) = [e for e in result.estimates if e.slice == "all"]
    assert estimate.metric == "judge" and estimate.n == 4
    wrong = {
        'judge = {model = "m", rubric = "right?"}': "does not hold the answer, as {response}",
        'judge = {model = "m"}': "lacks the field rubric",
        'judge = {model = "m", rubric = "{response}", ties = "lost"}': "judge.ties is 'lost'",
        'judge = {model = "m", rubric = "{response}"}\nchoices = ["a", "b"]': "leave choices or judge out",
    }
    for text, words in wrong.items():
        (tmp_path / "t.toml").write_text(head + text + "\n")
        with pytest.raises(UsageError, match=words.replace("{", r"\{").replace("}", r"\}")):
            task_from_file(tmp_path / "t.toml")


class Mortal(Judge):
    """Answers one at a time and dies before a question; ``heard``: every question that it has answered."""

    def __init__(self, dies_at: int, *, pinned: bool = False) -> None:
        super().__init__(says_yes)
        self.info = replace(self.info, pinned=pinned)
        self.heard: list[str] = []
        self.dies_at = dies_at

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        for i, question in enumerate(questions):
            if i not in done:
                if len(self.heard) == self.dies_at:
                    raise ModelError("gone for good")
                self.heard.append(self._prompt(question))
                yield [(i, self._one(self._prompt(question)))]


def with_judge(judge: Judge) -> Task:
    task = judged(WRITING, GRADED)
    assert task.bind is not None
    return task.bind(task, judge_scorer(judge, GRADED))


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("cache", [False, True])
def test_a_judge_that_died_is_asked_what_it_had_not_answered(tmp_path: Path, pinned: bool, cache: bool) -> None:
    first, second, third = Mortal(5, pinned=pinned), Mortal(99, pinned=pinned), Mortal(99, pinned=pinned)
    kept = {"store": str(tmp_path / "s"), "cache": cache}
    asked: list[str] = []

    def hearing(prompt: str) -> str:
        asked.append(prompt)
        return model(prompt)

    with pytest.raises(ModelError):
        evaluate(hearing, [with_judge(first)], **kept)
    result = evaluate(hearing, [with_judge(second)], resume=True, **kept)
    assert len(asked) == 8, "the model's own answers are in the journal"
    assert len(first.heard) == 5 and len(second.heard) == 11 and len({*first.heard, *second.heard}) == 16
    assert {e.metric: (e.value, e.n) for e in result.estimates if e.slice == "all"}["judge"] == (0.5, 8)
    assert not list((tmp_path / "s").rglob("*.judged*")), "a run that is stored keeps its numbers, not its notes"
    evaluate(hearing, [with_judge(third)], **kept)
    assert len(third.heard) == (0 if pinned and cache else 16), "a server may have changed its model"


def test_an_error_over_one_answer_fails_that_example_alone(tmp_path: Path) -> None:
    def strict(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        if example.id == "3":
            raise ValueError("no accepted answer")
        return WRITING.judge(example, responses)

    result = evaluate(model, [replace(WRITING, judge=strict)], store=str(tmp_path / "s"))
    assert {(e.value, e.n, e.failed) for e in result.estimates if e.slice == "all"} == {(4 / 7, 7, 1)}
    [failure] = [o.failure for o in open_store(str(tmp_path / "s")).outcomes(result.run.id, "writing") if o.failure]
    assert failure == Failed("judge", "ValueError: no accepted answer")
