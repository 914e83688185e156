"""Judges: published statistics again, a planted bias that is found out, and failures that are no rulings."""

import json
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness import judge_check
from harness.cli.main import main
from harness.engine.backend import Batch
from harness.errors import DataError, UsageError
from harness.judges import Ruling
from harness.people.agreement import agreement
from harness.people.analysis import Quantity, Section
from harness.people.judge_exam import ComparedPair, examined, read_pairs
from harness.types import Choose, Chosen, Failed, ModelInfo, Question, Response

PAIRS = [
    {"input": f"q{i}", "output_1": "w" * (5 + i % 3), "output_2": "w" * (5 + i // 3 % 3), "label": 1 + i % 2}
    for i in range(60)
]


class Judge:
    """Prefers the option that ``better`` says: (request, number of the pair, what people prefer in this order)."""

    info = ModelInfo("judge", {}, frozenset({Choose}))

    def __init__(self, better: Callable[[Choose, int, int], int | Failed]) -> None:
        self.better = better

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, self._one(question)) for i, question in enumerate(questions)]

    def _one(self, question: Question) -> Response:
        assert isinstance(question.request, Choose)
        number = int(question.example)
        people = 1 + number % 2
        said = self.better(question.request, number, 3 - people if question.part else people)
        return said if isinstance(said, Failed) else Chosen(said - 1)

    def stats(self) -> dict[str, float | str]:
        return {}


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("exam") / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return file


def numbers(section: Section) -> dict[str, Quantity]:
    return {row.name: row for row in section.rows}


def test_a_judge_that_sees_what_people_see_is_right_and_unswayed(exam: Path) -> None:
    (section,) = judge_check(Judge(lambda request, number, people: people), exam)
    told = numbers(section)
    assert [told[name].value for name in ("agreement", "kappa", "order consistency", "first position")] == [
        1,
        1,
        1,
        0.5,
    ]
    assert (
        told["agreement"].low is not None
        and told["agreement"].low > 0.9
        and told["first position"].note == ("half without bias")
    )


@pytest.mark.parametrize(("place", "words"), [(1, "stands first"), (2, "stands second")])
def test_a_planted_position_bias_is_found_out(place: int, words: str, exam: Path) -> None:
    (section,) = judge_check(Judge(lambda request, number, people: place if number % 4 == 0 else people), exam)
    told = numbers(section)
    first = told["first position"]
    assert first.value == pytest.approx(0.625 if place == 1 else 0.375)
    assert f"POSITION BIAS: it prefers what {words}" in first.note
    assert told["order consistency"].value == 0.75 and told["agreement"].value == pytest.approx(7 / 8)
    assert told["right in both orders"].value == 0.75


def test_a_judge_that_likes_length_shows_it(exam: Path) -> None:
    def longer(request: Choose, number: int, people: int) -> int:
        one, two = request.prompt.split("\n\nA:\n")[1].split("\n\nB:\n")
        return 1 if len(one) > len(two.split("\n\n")[0]) else 2

    (section,) = judge_check(Judge(longer), exam)
    told = numbers(section)["longer answer"]
    assert told.value == 1.0 and told.n == 40 and told.note == "people: 0.50"


def test_what_a_judge_does_not_answer_is_counted_and_left_out(exam: Path) -> None:
    (section,) = judge_check(
        Judge(lambda request, number, people: Failed("unparsed", "both!") if number < 6 else people), exam
    )
    assert section.note == "54 of 60 pairs, each in both orders; without a ruling: 6 (unparsed: both!)"
    assert {row.n for row in section.rows if row.name != "longer answer"} == {54}
    (section,) = judge_check(Judge(lambda request, number, people: Failed("server", "gone")), exam)
    assert section.rows == () and section.note.startswith("0 of 60 pairs")


def test_a_winner_that_changes_with_the_order_is_a_tie_and_no_winner_is_a_failure() -> None:
    gone = Failed("server", "gone")
    assert [Ruling(1, 1).winner, Ruling(2, 1).winner, Ruling(1, gone).winner] == [1, 0, gone]


def test_llmbars_published_counts_come_out_again(mirror: Path) -> None:
    """Of every judge and prompt that ruled on all pairs: right in either order, in both, and alike in both."""
    compared = 0
    for place in sorted((mirror / "predictions/human/llmbar").iterdir()):
        pairs = read_pairs(place / "pairs.jsonl")
        for file in sorted(place.glob("*_statistics.json")):
            rows = [json.loads(line) for line in file.with_name(file.name.replace("_statistics.json", ".jsonl")).open()]
            for prompt, published in json.loads(file.read_text()).items():
                said = [row["winners"][prompt] for row in rows]
                if not all(side in ("1", "2") for both in said for side in both):
                    continue
                told = numbers(examined(prompt, pairs, [Ruling(int(one), int(two)) for one, two in said]))
                right = (published["correct_False"] + published["correct_True"]) / 2
                wanted = [right, published["correct_both"], published["equal"]]
                names = ("agreement", "right in both orders", "order consistency")
                assert [told[name].value for name in names] == pytest.approx([count / len(pairs) for count in wanted])
                compared += 1
    assert compared > 60


def test_published_numbers_of_a_judge_on_faireval_come_out_again() -> None:
    golden = json.loads((Path(__file__).parent / "goldens.json").read_text(encoding="utf-8"))["faireval_gpt_4"]
    people, given, swapped = ([int(side) for side in golden[key]] for key in ("human", "given_order", "swapped_order"))
    pairs = [ComparedPair("q", "a", "b", side) for side in people]
    told = numbers(examined("FairEval", pairs, [*map(Ruling, given, swapped)]))
    right = (golden["correct_False"] + golden["correct_True"]) / 2
    wanted = [right, golden["correct_both"], golden["equal"]]
    names = ("agreement", "right in both orders", "order consistency")
    assert [told[name].value for name in names] == pytest.approx([count / 66 for count in wanted])
    orders = np.array([given, swapped], dtype=float).T
    assert agreement(orders, "conger").value == pytest.approx(golden["kappa_agreement"], abs=1e-15)
    first = told["first position"]  # of both orders: 18 times, what stands second twice
    assert first.value == pytest.approx(0.5 + (18 - 2) / 66 / 2) and "stands first" in first.note


def test_faireval_is_read_and_its_ties_are_neither_right_nor_wrong(mirror: Path) -> None:
    pairs = read_pairs(mirror / "predictions/human/faireval/pairs.jsonl")
    assert [sum(pair.human == side for pair in pairs) for side in (1, 2, 0)] == [41, 25, 14]
    told = numbers(examined("FairEval", pairs, [Ruling(1, 1)] * len(pairs)))
    assert told["agreement"].n == 66 and told["agreement"].value == pytest.approx(41 / 66)
    assert told["order consistency"].n == 80


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no pairs"),
        ('{"input": "a"}\n', "pairs.jsonl:1: a pair has input, output_1"),
        ('{"input": "a", "output_1": "b", "output_2": "c", "label": 3}\n', "label is 3"),
        ('{"input": "a", "output_1": 1, "output_2": "c", "label": 1}\n', "three texts"),
    ],
)
def test_what_are_no_pairs_is_told_by_row(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        read_pairs(tmp_path / "pairs.jsonl")


def test_a_folder_without_pairs_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no pairs.jsonl lies below"):
        judge_check(Judge(lambda request, number, people: 1), tmp_path)


def test_files_of_one_name_are_all_in_the_exam(tmp_path: Path) -> None:
    places = [tmp_path / name / "dataset.json" for name in ("natural", "adversarial")]
    for count, place in enumerate(places, 1):
        place.parent.mkdir()
        place.write_text(json.dumps(PAIRS[:count]))
    sections = judge_check(Judge(lambda request, number, people: people), places)
    assert [section.title for section in sections] == ["natural/dataset", "adversarial/dataset", "all"]
    assert numbers(sections[-1])["order consistency"].n == 3


def test_a_list_as_llmbar_publishes_it_and_several_files_make_a_whole(
    exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps(PAIRS[:10]))
    assert read_pairs(tmp_path / "dataset.json")[0] == ComparedPair("q0", "wwwww", "wwwww", 1)
    sections = judge_check(
        Judge(lambda request, number, people: people), [exam, tmp_path / "dataset.json"], limit=20, seed=1
    )
    assert [section.title for section in sections][1:] == ["dataset", "all"]
    assert [numbers(section)["order consistency"].n for section in sections] == [20, 10, 30]
    with pytest.raises(SystemExit) as end:
        main(["judge-check", "replay:none.jsonl", "--pairs", str(exam)])
    assert end.value.code == 2 and "none.jsonl" in capsys.readouterr().err
