"""IFEval: every checker follows and refuses, verdicts are the published ones, and a dataset's words are no patterns."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.reading.tables import read_rows
from harness.types import Example, Judged
from harness_tasks import instructions
from harness_tasks.ifeval import IFEVAL
from harness_tasks.ifeval.checks import CHECKS, IFEVAL_INSTRUCTIONS
from harness_tasks.ifeval.language import language_of

follows = partial(instructions.follows, IFEVAL_INSTRUCTIONS)
follows_loosely = partial(instructions.follows_loosely, IFEVAL_INSTRUCTIONS)

KEPT_AND_BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "keywords:existence": ({"keywords": ["Tea", "milk"]}, "Milk in teacups", "Milk"),
    "keywords:frequency": ({"keyword": "a", "relation": "at least", "frequency": 3}, "A banana", "none"),
    "keywords:forbidden_words": ({"forbidden_words": ["can"]}, "cannot", "You can."),
    "keywords:letter_frequency": ({"letter": "#", "let_relation": "less than", "let_frequency": 2}, "a #b", "#a #b"),
    "language:response_language": ({"language": "mr"}, "घड्याळाची टिक टिक आहे", "घड़ी की टिक टिक है"),
    "length_constraints:number_sentences": (
        {"relation": "less than", "num_sentences": 3},
        "Dr. Lee lives in the U.S. now. She writes.",
        "One. Two. Three.",
    ),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, "***\na\n***\nb\n***", "a\n***\n\n***\nb"),
    "length_constraints:number_words": ({"relation": "at least", "num_words": 3}, "Isn't so", "two-and"),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        "a\n\n'then, b",
        "then a\n\nb",
    ),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, "[a] and [b]", "[a and b]"),
    "detectable_content:postscript": ({"postscript_marker": "P.P.S"}, "x\np. p. s: y", "P.S. y"),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, "* a\n- b", "* a\n** b"),
    "detectable_format:constrained_response": ({}, "Well. My answer is no.", "My answer is: no"),
    "detectable_format:number_highlighted_sections": ({"num_highlights": 2}, "*a* or **b**", "*a* or ** **"),
    "detectable_format:multiple_sections": (
        {"section_spliter": "Part", "num_sections": 2},
        "Part 1 a Part 2 b",
        "Part 1",
    ),
    "detectable_format:json_format": ({}, '```json\n{"a": 1}\n```', "{a: 1}"),
    "detectable_format:title": ({}, "a <<b>> c", "<< >>"),
    "combination:two_responses": ({}, "a\n******\nb", "a ****** a"),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say it. "}, " say it. It.", "I say it."),
    "startend:end_checker": ({"end_phrase": "The end."}, '"... the end."', "The end. Bye"),
    "startend:quotation": ({}, ' "a" ', '"'),
    "change_case:capital_word_frequency": (
        {"capital_relation": "less than", "capital_frequency": 2},
        "A-B is so",
        "NASA and ESA",
    ),
    "change_case:english_capital": ({}, "THIS IS THE WAY", "THIS IS the WAY"),
    "change_case:english_lowercase": ({}, "this is the way", "das ist nicht der weg"),
    "punctuation:no_comma": ({}, "a; b", "a, b"),
}


def test_every_checker_is_tested() -> None:
    assert KEPT_AND_BROKEN.keys() == CHECKS.keys()


@pytest.mark.parametrize("instruction", CHECKS)
def test_a_checker_tells_who_follows(instruction: str) -> None:
    asked, kept, broken = KEPT_AND_BROKEN[instruction]
    assert follows(instruction, kept, asked) and not follows(instruction, broken, asked)
    assert not follows(instruction, " \n", asked), "an empty answer follows nothing"


def test_loosely_the_edges_and_the_stars_may_go() -> None:
    asked = {"end_phrase": "The end."}
    assert follows_loosely("startend:end_checker", "**The end.**\nAnything else?", asked)
    assert not follows("startend:end_checker", "**The end.**\nAnything else?", asked)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Это не так, но что же делать?", "ru"),
        ("Това не е така, но какво да се прави?", "bg"),
        ("یہ ایک کتاب ہے اور وہ نہیں", "ur"),
        ("این یک کتاب است و آن را", "fa"),
        ("Tämä on hyvä päivä, mutta se ei ole", "fi"),
        ("한국어입니다", "ko"),
        ("这是一本书", "zh"),
        ("これは本です", "ja"),
        ("Kilimanjaro", "und"),
        ("1, 2, 3!", None),
    ],
)
def test_languages(text: str, language: str | None) -> None:
    assert language_of(text) == language


def prompts(mirror: Path) -> dict[str, Example]:
    rows = read_rows(mirror / "google/IFEval/default/train.jsonl")
    return {example.id: example for example in IFEVAL.read(rows, IFEVAL.dataset[0])}


def test_verdicts_are_the_published_ones_but_for_a_letter_drawn_at_random(mirror: Path) -> None:
    asked = prompts(mirror)
    rows = read_rows(mirror / "predictions/ifeval/CohereForAI__aya-23-8B.jsonl")
    differ = [
        (row["key"], way)
        for row in rows
        for way, check in (("strict", instructions.follows), ("loose", instructions.follows_loosely))
        if instructions.verdicts(IFEVAL_INSTRUCTIONS, asked[str(row["key"])], row["response"], check)
        != row[way]["follow_instruction_list"]
    ]
    assert len(rows) == 541 and differ == [(1122, "strict")]


def test_an_answer_can_follow_all_prompts_that_do_not_contradict_themselves(mirror: Path) -> None:
    judged = {id: IFEVAL.judge(example, IFEVAL.best(example)) for id, example in prompts(mirror).items()}
    failed = {id for id, one in judged.items() if not (isinstance(one, Judged) and one.correct)}
    assert failed == {"1627", "3305", "3369", "3371", "374", "3718"}  # to repeat a request that holds what is forbidden


def test_a_keyword_is_no_pattern() -> None:
    started = time.monotonic()
    assert not follows("keywords:existence", "a" * 50_000, {"keywords": ["(a+)+$"]})
    assert follows("keywords:existence", "C++ (a+)+$", {"keywords": ["c++", "(a+)+$"]})
    assert time.monotonic() - started < 5


def test_an_instruction_that_nobody_knows_is_refused() -> None:
    row = {"key": 1, "prompt": "x", "instruction_id_list": ["a:b"], "kwargs": [{}]}
    with pytest.raises(DataError, match="unknown instruction 'a:b'"):
        IFEVAL.read([row], IFEVAL.dataset[0])
    for asked, words in (
        ({"relation": "at least"}, "num_words is None"),
        ({"relation": "at least", "num_words": "many"}, "is 'many', which is no int"),
        ({"relation": "at least", "num_words": -1}, "is -1, which counts nothing"),
        ({"relation": "exactly", "num_words": 3}, "relation is 'exactly'; valid: less than, at least"),
    ):
        with pytest.raises(DataError, match=words):
            IFEVAL.read(
                [row | {"instruction_id_list": ["length_constraints:number_words"], "kwargs": [asked]}],
                IFEVAL.dataset[0],
            )
    with pytest.raises(DataError, match="1 instructions with 0 kwargs"):
        IFEVAL.read([row | {"instruction_id_list": ["startend:quotation"], "kwargs": []}], IFEVAL.dataset[0])
    row |= {"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "xx"}]}
    with pytest.raises(DataError, match="language is 'xx'; valid: ar, bg"):
        IFEVAL.read([row], IFEVAL.dataset[0])
