"""Perturbations and counterfactuals: what is changed, what is not, and flips that were planted and are counted."""

import json
import math
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from harness import run as running
from harness.api import evaluate, rescore
from harness.cli.main import main
from harness.engine.backend import Batch
from harness.errors import DataError, UnknownName, Unsupported, UsageError
from harness.kinds import About, Data, Decoding, generation, multiple_choice
from harness.metrics.measures import ACC, SQUAD_EM
from harness.types import (
    Card,
    Choose,
    Chosen,
    Dataset,
    Estimate,
    Example,
    Generated,
    Judged,
    ModelInfo,
    Question,
    Request,
    Response,
    Settings,
    Task,
)
from harness.variants import varied
from harness.variants.change import edited, swapped
from harness.variants.edits import EDITS, table
from harness.variants.options import reordered, to_original, to_reordered
from harness.variants.swaps import rename, swap_of

HOME = "The doctor lives in Rotterdam today"
POOLS = {(g, group): [n for n, gender, where, _ in table("names") if (gender, where) == (g, group)]
         for g in "fm" for group in ("black", "white")}  # fmt: skip
CARD = Card(measures="m", limits="l", source="s", licence="MIT")
TEXT = "The quick doctor did not want to help the big children because they don't buy movies."


# -------------------------------------------------------------------------------------------------------------- edits
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_seeded_and_as_strong_as_it_is_told(name: str) -> None:
    full = EDITS[name](TEXT, 1.0, Random(1), frozenset())
    assert full != TEXT and full == EDITS[name](TEXT, 1.0, Random(1), frozenset())
    assert EDITS[name](TEXT, 0.0, Random(1), frozenset()) == TEXT
    long = " ".join([TEXT] * 50)
    changed = [abs(len(EDITS[name](long, s, Random(2), frozenset()).split(" ")) - 1) for s in (0.1, 1.0)]
    assert changed[0] <= changed[1] or name in ("contractions", "dialect", "synonyms", "typos")


def test_what_each_edit_writes() -> None:
    def full(name: str, text: str) -> str:
        return EDITS[name](text, 1.0, Random(0), frozenset())

    assert full("contractions", "It is late; Don't go, I cannot.") == "It's late; Do not go, I can't."
    assert full("synonyms", "Big cars started.") == "Large automobiles began."
    assert full("dialect", "He isn't going to sing") == "He ain't gonna sing"
    assert full("case", "Rome is old") == "rome IS OLD"
    assert full("spaces", "a b").replace(" ", "") == "ab" and len(full("spaces", "a b")) > 3
    typo = full("typos", "doctor of 1234")
    assert typo[0] == "d" and typo.endswith(" of 1234") and typo != "doctor of 1234"


def test_words_of_the_answer_and_of_the_template_stay() -> None:
    example = Example(
        "1", {"text": HOME, "prompt": f"Passage: {HOME}\nQ:", "inputs": (HOME,)}, ("Rotterdam",)
    )  # fmt: skip
    out = edited(example, (), EDITS["typos"], 1.0, "s").fields
    assert out["prompt"].startswith("Passage: ") and out["prompt"].endswith("\nQ:") and "Rotterdam" in out["prompt"]
    assert "doctor" not in out["prompt"] and out["inputs"] == (out["text"],) and out["text"] in out["prompt"]


# -------------------------------------------------------------------------------------------------------------- swaps
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He gave her his book.", "She gave him her book."),
        ("HER brothers met Mr Smith", "HIS sisters met Ms Smith"),
        ("I saw her and the men's coats were his.", "I saw him and the women's coats were hers."),
        ("The history of thesis", "The history of thesis"),
        ("A policewoman's daughters", "A policeman's sons"),
    ],
)
def test_gender_keeps_inflection_and_capitals(before: str, after: str) -> None:
    assert swap_of("gender").swap(before, "1") == after


def test_names_keep_gender_and_identity() -> None:
    out = rename("Emily met Greg. Emily left; Mark my words.", "7")
    first, _, second = out.split(".")[0].split(" ")
    assert first in POOLS["f", "black"] and second in POOLS["m", "black"]
    assert out.count(first) == 2 and out.endswith("Mark my words.")
    assert rename("Keisha ran", "7").split()[0] in POOLS["f", "white"]
    within = rename("Emily ran", "7", across=False).split()[0]
    assert within != "Emily" and within in POOLS["f", "white"]


def test_a_file_of_pairs_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "age.csv"
    path.write_text("first,second\nyoung,old\n", encoding="utf-8")
    swap = swap_of(str(path))
    assert (swap.name, swap.swap("Young and old", "1")) == ("age", "Old and young")
    path.write_text("first,second\nyoung\n", encoding="utf-8")
    with pytest.raises(DataError, match="age.csv:2"):
        swap_of(str(path))
    for rows, said in (
        ("he,they\nhe,xe\n", "age.csv:1: the first line must be the header first,second, not .he,they"),
        ("first,second\nhe,they\nit,one\nHe,xe\n", "age.csv:4: 'he' cannot be swapped for 'xe' and for 'they'"),
        ("first,second\nyoung,old\nyouthful,old\n", "age.csv:3: 'old' cannot be swapped for 'youthful'"),
        ("first,second\n", "has no pair"),
        ("", "has no pair"),
    ):
        path.write_text(rows, encoding="utf-8")
        with pytest.raises(DataError, match=said):
            swap_of(str(path))
    path.write_text("\ufefffirst,second\nhim,her\nhis,her\nhis,hers\nhim,her\n", encoding="utf-8")
    assert swap_of(str(path)).swap("I saw her with her son", "1") == "I saw him with his son"
    with pytest.raises(UnknownName, match="gender, names, religion"):
        swap_of("zodiac")


def test_the_name_of_a_file_of_pairs_changes_nothing(tmp_path: Path) -> None:
    for name in ("names", "mood"):
        (tmp_path / f"{name}.csv").write_text("first,second\nHe,She\n", encoding="utf-8")
        settings = Settings(counterfactual=(str(tmp_path / f"{name}.csv"),))
        wrapped = varied(verdicts(tmp_path), settings)
        (example,) = wrapped.read([{"text": "He made a big car", "label": 0}], wrapped.dataset[0])
        asked = [r.prompt for r in asks(wrapped, example) if isinstance(r, Choose)]
        assert asked == ["He made a big car:", "She made a big car:", "He made a big automobile:"]
    (tmp_path / "gender.csv").write_text("first,second\nking,queen\n", encoding="utf-8")
    for twice in (
        ("gender", str(tmp_path / "gender.csv")),
        ("gender", "gender"),
        ("names", str(tmp_path / "names.csv")),
    ):
        with pytest.raises(UsageError, match="two variants are called '(gender|names)'"):
            varied(verdicts(tmp_path), Settings(counterfactual=twice))


def test_a_swap_reaches_choices_and_answers() -> None:
    fields = {"prompt": "Who came? Her father.", "choices": ["the man", "the cat"], "inputs": ("his son",), "n": 3}
    out = swapped(Example("1", fields, ("a king", 2)), (), swap_of("gender").swap)
    assert out.fields == {"prompt": "Who came? His mother.", "choices": ["the woman", "the cat"],
                          "inputs": ("her daughter",), "n": 3}  # fmt: skip
    assert out.target == ("a queen", 2)


def asks(task: Task, example: Example) -> tuple[Request, ...]:
    """What an example and its alternatives ask, without few-shot examples."""
    return running.sheet(task, [example]).requests[0]


def judged_by(task: Task, example: Example, responses: tuple[Response, ...]) -> Judged:
    judged = running.judge_one(task, example, (), responses).judged
    assert judged
    return judged


# ------------------------------------------------------------------------------------------------------------ options
def test_lettered_options_change_places_and_the_answer_is_told_in_the_first_order() -> None:
    asked = Choose("A. shot\nAnswer: A\n\nWhich?\nA. red\nB. green\nC. blue\nAnswer:", (" A", " B", " C"))
    moved = reordered(asked, "x")
    assert moved is not None
    request, places = moved
    lines = request.prompt.split("\n")
    assert lines[:2] == ["A. shot", "Answer: A"] and sorted(line[3:] for line in lines[4:7]) == ["blue", "green", "red"]
    assert [line[0] for line in lines[4:7]] == ["A", "B", "C"] and request.choices == asked.choices
    for option, text in enumerate(("red", "green", "blue")):
        assert lines[4 + places[option]][3:] == text
        answer = Chosen(places[option], tuple(float(i == places[option]) for i in range(3)), (1, 2, 3))
        told = to_original(answer, places)
        assert isinstance(told, Chosen) and told.picked == option and told.logprobs[option] == 1.0
        assert to_reordered(told, places) == answer
    assert reordered(Choose("no options here", ("A", "B")), "x") is None


def test_choices_change_places_with_their_labels() -> None:
    moved = reordered(Choose("p", ("x", "y"), (), ("neg", "pos")), "1")
    assert moved is not None and moved[0].choices == ("y", "x") and moved[0].labels == ("pos", "neg")


# ------------------------------------------------------------------------------- rows in a row, many questions
def multirc() -> tuple[Task, list[Example]]:
    from harness_tasks.superglue import MULTIRC

    story = "Susan walked her dog along the river before breakfast"
    rows = [
        {"paragraph": story, "question": f"Who walked the {animal} today?", "answer": answer, "label": label,
         "idx": {"paragraph": 0, "question": number, "answer": i}}
        for number, animal in enumerate(("dog", "other dog")) for i, (answer, label) in enumerate(
            (("Susan", 1), ("the river", 0)))
    ]  # fmt: skip
    return MULTIRC, MULTIRC.read(rows, MULTIRC.dataset[0])


def test_an_edit_reaches_the_texts_of_rows_within_a_row_and_no_option_or_label() -> None:
    task, (example, _) = multirc()
    plain = [r for r in task.ask(example, ()) if isinstance(r, Choose)]
    out = edited(example, plain, EDITS["typos"], 1.0, "s")
    asked = [r for r in task.ask(out, ()) if isinstance(r, Choose)]
    for before, after in zip(plain, asked, strict=True):
        assert after.choices == before.choices and after.labels == before.labels
        assert "walked" not in after.prompt and "Susan" in after.prompt and "river" in after.prompt
        assert "\nQuestion: " in after.prompt and after.prompt.endswith("\nAnswer:")
        assert after.inputs[0] != before.inputs[0] and after.inputs[2] == before.inputs[2]
    assert out.target == example.target and [r["label"] for r in out.fields["rows"]] == [1, 0]
    assert len({r["paragraph"] for r in out.fields["rows"]}) == 1  # equal texts stay equal


def test_every_question_of_an_example_has_its_options_in_an_order_of_its_own() -> None:
    asked = [Choose(f"q{i}", tuple("abcdef"), (), tuple("uvwxyz")) for i in range(4)]
    task, (example, _) = multirc()
    several = replace(task, ask=lambda e, shown: (*asked, Choose("A. x", ("A", "B"))))
    requests = asks(varied(several, Settings(perturb=("option-order",))), example)[5:]
    moved = [r.choices for r in requests if isinstance(r, Choose)]
    assert len(moved) == 5 and len(set(moved)) == 5 and moved[4] == ("A", "B")  # where nothing can move, nothing does
    assert all(sorted(choices) == list("abcdef") != list(choices) for choices in moved[:4])
    wrapped = varied(task, Settings(perturb=("option-order",)))
    judged = judged_by(wrapped, example, wrapped.best(example))
    assert judged.values["flip_rate:option-order"] == 0.0 and judged.values["robust_acc"] == 1.0
    first = tuple(Chosen(0) for _ in asks(wrapped, example))
    assert judged_by(wrapped, example, first).values["flip_rate:option-order"] == 1.0


@pytest.mark.parametrize("name", ["superglue/multirc", "winogender"])
def test_perturbations_of_tasks_that_ask_several_things(name: str, mirror: Path, tmp_path: Path) -> None:
    given = {
        "perturb": ("typos", "option-order"),
        "strength": (1.0,),
        "limit": 5,
        "data": mirror,
        "store": str(tmp_path / "s"),
    }
    for model, right in (("scripted:oracle", 1.0), ("scripted:opposite", 0.0)):
        found = numbers(evaluate(model, [name], **given).estimates)
        assert found["robust_acc"] == (right, 5) and found["flip_rate:typos@1"] == (0.0, 5)
        assert found["flip_rate:option-order"] == (0.0, 5)
        assert found["exact_match_change:typos@1" if "multirc" in name else "acc_change:typos@1"] == (0.0, 5)


def test_what_changes_no_example_gives_no_number(tmp_path: Path) -> None:
    for settings, said in (
        (
            Settings(
                perturb=(
                    "case",
                    "contractions",
                    "dialect",
                )
            ),
            "verdicts: contractions@0.1, dialect@0.1 change none of its 4",
        ),
        (
            Settings(perturb=("case",), strength=(1,), counterfactual=("religion",)),
            "religion, religion_floor change none",
        ),
    ):
        with pytest.raises(DataError, match=said):
            evaluate("scripted:oracle", [verdicts(tmp_path)], settings, store=str(tmp_path / "s"))


# -------------------------------------------------------------------------------------------------------- whole tasks
ROWS = [("He works here", 0), ("She works here", 0), ("It works here", 0), ("His dog barked", 1)]


def verdicts(folder: Path) -> Task:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        "verdicts",
        data=Data(Dataset("v", path=str(folder / "rows.jsonl"))),
        prompt="{text}:",
        choices=("yes", "no"),
        target="label",
        about=About(version=1, card=CARD),
        measures=(ACC,),
    )


@dataclass
class Reading:
    """A model that answers by a rule on the request's text."""

    pick: Callable[[str], int]
    info: ModelInfo = field(default_factory=lambda: ModelInfo("reading", {"rule": "text"}, frozenset({Choose})))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        for i, question in enumerate(questions):
            assert isinstance(question.request, Choose)
            picked = self.pick(question.request.prompt)
            yield [(i, Chosen(picked, tuple(-0.1 if k == picked else -2.0 for k in range(2)), (1, 1)))]

    def stats(self) -> dict[str, float | str]:
        return {}


def numbers(estimates: Sequence[Estimate]) -> dict[str, tuple[float | None, int]]:
    return {e.metric: (e.value, e.n) for e in estimates if e.slice == "all"}


def test_planted_flips_are_counted_beside_a_floor(tmp_path: Path) -> None:
    sexist = Reading(lambda text: int("She" in text or "Her" in text))
    found = numbers(
        evaluate(sexist, [verdicts(tmp_path)], counterfactual=("gender",), store=str(tmp_path / "s")).estimates
    )
    assert found["acc"] == (0.5, 4)  # he and it are right; she and his dog are not
    assert found["flip_rate:gender"] == (1.0, 3) and found["flip_rate:gender_floor"] == (0.0, 3)
    assert found["acc:gender"] == (0.75, 4)  # she, he, it and her dog: yes would be wrong for "he" alone
    assert found["acc_change:gender"][0] == pytest.approx(1 / 3) and found["mcnemar_p:gender"] == (1.0, 3)
    fair = numbers(
        evaluate(
            Reading(lambda t: 0), [verdicts(tmp_path)], counterfactual=("gender",), store=str(tmp_path / "s")
        ).estimates
    )
    assert fair["flip_rate:gender"] == (0.0, 3) and fair["nll_choice_change:gender"][0] == 0.0


def test_planted_fragility_is_counted_and_rescored_alike(tmp_path: Path) -> None:
    shouting = Reading(lambda text: int(any(word.isupper() for word in text.rstrip(":").split())))
    result = evaluate(
        shouting, [verdicts(tmp_path)], perturb=("case", "spaces",), strength=(1,), store=str(tmp_path / "s")
    )  # fmt: skip
    found = numbers(result.estimates)
    assert found["acc"] == (0.75, 4) and found["acc:case@1"] == (0.25, 4) and found["flip_rate:case@1"] == (1.0, 4)
    assert found["flip_rate:spaces@1"] == (0.0, 4) and found["robust_acc"] == (0.0, 4)
    assert found["mcnemar_p:case@1"] == (0.625, 4)  # three broken, one fixed
    assert result.run.settings["perturb"] == ["case", "spaces"] and result.run.settings["strength"] == [1]


def test_rescoring_judges_the_variants_too(tmp_path: Path) -> None:
    first = evaluate(
        "scripted:opposite", ["demo/sentiment"], perturb=("typos", "option-order",), strength=(0.2, 0.5,),
        counterfactual=("gender",), limit=12, store=str(tmp_path / "s"),
    )  # fmt: skip
    again = rescore(first.run.id, store=str(tmp_path / "s"))
    assert again.estimates == first.estimates
    found = numbers(first.estimates)
    assert found["acc:typos@0.5"] == (0.0, 12) and found["robust_acc"] == (0.0, 12)
    assert found["flip_rate:option-order"] == (0.0, 12)  # a scripted answer does not depend on the order


def test_an_order_that_matters_is_found(tmp_path: Path) -> None:
    always_first = Reading(lambda text: 0)
    found = numbers(
        evaluate(always_first, [verdicts(tmp_path)], perturb=("option-order",), store=str(tmp_path / "s")).estimates
    )
    assert found["flip_rate:option-order"] == (1.0, 4) and found["acc:option-order"] == (0.25, 4)


def test_generation_and_a_failed_variant(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl"
    path.write_text(json.dumps({"text": "He is a king", "answer": "king"}) + "\n", encoding="utf-8")
    task = generation(
        "g",
        data=Data(Dataset("g", path=str(path))),
        prompt="{text}?",
        target="answer",
        decoding=Decoding(max_tokens=5),
        measures=(SQUAD_EM,),
        about=About(version=1, card=CARD),
    )
    wrapped = varied(task, Settings(counterfactual=("gender",)))
    (example,) = task.read([{"text": "He is a king", "answer": "king"}], task.dataset[0])
    assert [r.prompt for r in asks(wrapped, example)][:2] == ["He is a king?", "She is a queen?"]  # type: ignore[union-attr]
    answers = tuple(Generated(text, 1, "end") for text in ("king", "queen", "king"))
    judged = judged_by(wrapped, example, answers)
    assert judged.values["flip_rate:gender"] == 0.0 and judged.values["exact_match:gender"] == 1.0
    stuck = judged_by(wrapped, example, (answers[0], answers[0], answers[0]))
    assert stuck.values["exact_match_change:gender"] == -1.0
    failing = evaluate("scripted:fail-every-3", [task], counterfactual=("gender",), store=str(tmp_path / "s"))
    assert {(e.value, e.failed) for e in failing.estimates} == {(None, 1)}


def test_runs_that_asked_something_else_are_not_the_same(tmp_path: Path) -> None:
    def fingerprint(settings: Settings) -> str:
        run = evaluate("scripted:oracle", [verdicts(tmp_path)], settings, store=str(tmp_path / "s")).run
        return run.tasks[0].fingerprint

    prints = [
        fingerprint(Settings(perturb=p, strength=(s,))) for p, s in (((), 0.1), (("case",), 0.1), (("case",), 0.2))
    ]
    assert len(set(prints)) == 3


def test_what_does_not_apply_is_refused(tmp_path: Path) -> None:
    task = verdicts(tmp_path)
    with pytest.raises(UnknownName, match="option-order"):
        varied(task, Settings(perturb=("zzz",)))
    for strength in (0.0, 1.5, "x", math.nan):
        with pytest.raises(UsageError, match="strength"):
            varied(task, Settings(perturb=("typos",), strength=(strength,)))
    from harness_tasks import TASKS

    known = {t.name: t for t in TASKS}
    with pytest.raises(Unsupported, match="likelihood"):
        varied(known["demo/pronouns"], Settings(perturb=("typos",)))
    with pytest.raises(Unsupported, match="no options"):
        varied(known["demo/qa"], Settings(perturb=("option-order",)))
    with pytest.raises(DataError, match="religion, religion_floor change none of its 4 examples"):
        evaluate("scripted:oracle", [task], counterfactual=("religion",), store=str(tmp_path / "s"))
    assert varied(task, Settings()) is task and varied(task, replace(Settings(), perturb=("case",))).variant


def test_the_command_line_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "scripted:oracle", "--tasks", "demo/qa", "--perturb", "typo", "--store", str(tmp_path)])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and "did you mean typos" in said
