"""What a chat answer names: the usual ways to write one choice, and everything that must name none."""

import pytest

from harness.engine.elsewhere.named import letters_of, named
from harness.engine.elsewhere.replay import respond
from harness.engine.special import cut
from harness.types import Choose, Chosen, Failed, Generate, Generated

DRINKS = ("tea", "milk", "juice")
MILK = [
    "B", "b", " B\n", "(B)", "[b]", "b)", "B.", "B!", "*B*", "**B**", "__B__", "`B`", "$B$", "\\boxed{B}", "\\(B\\)",
    "$\\boxed{\\text{B}}$", "Ｂ", "（B）", "Answer: B", "**Answer:** B", "The answer is B.", "The answer is **B**.",
    "The correct answer is option (B) milk.", "Final answer: B", "Option B", "I would choose B", "It's B.", "B milk",
    "B) milk", "(B) milk", "B. Milk", "b: milk", "B - milk", "**B)** milk", "B. mil", "B, because it is white",
    "B. The cow gives it.", "Milk.", "MILK", "milk (B)", "It is milk.", "The answer is milk.",
    "Milk, because of the cow",
    "B\n\nExplanation: A is brewed.", "<think>A or C?</think>B", "Cows give it, so the answer is B.", "### Answer\nB",
    "A. tea\nB. milk\nC. juice\nAnswer: B", "The answer is:\n\nB", "<answer>B</answer>", "- B",
    "B is correct.", "(B) is the correct answer", "Option B is the best choice, because cows", "Milk is the answer.",
    "B (milk)", "B [milk].", '{"answer": "B"}', "B\u200b", "\ufeffB", "\u200eB.", "答案是B。", "答案：B",
]  # fmt: skip
NONE = [
    "", "...", "A/B", "A, B", "A or B", "A and B", "A & B", "AB", "A B", "(A) or (B)", "both A and B", "not A",
    "neither A nor B",
    "C-3PO", "C++", "C#", "C sharp", "A+", "A-", "A*", "A* search", "A's", "A1", "B-52", "B.C.", "B^2", "C°", "B?",
    "a-priori", "a cup", "A good question.", "A. Smith", "C. elegans", "Vitamin C", "Plan B", "Actually none",
    "I cannot",
    "The answer is not B", "The answer is B or C", "I don't think the answer is B.", "If the answer is B, then",
    "The answer is a", "the answer is a drink", "B. tea", "A: yes, B: no", "A\nB", "A. tea\nB. milk", "tea or milk",
    "not milk", "tea/milk", "milk-white", "milky", "<think>B",
    "The incorrect answer: B", "B is incorrect.", "B is correct, C is correct", "Is B correct?",
    "B is the answer to nothing", "B (tea)", "答案不是B", "错误的答案是B",
    "\N{GREEK CAPITAL LETTER BETA}", "\N{CYRILLIC CAPITAL LETTER VE}",
]  # fmt: skip


@pytest.mark.parametrize("said", MILK)
def test_the_usual_ways_to_name_one_choice(said: str) -> None:
    assert named(Choose("q", DRINKS), said) == Chosen(1, text=said)


@pytest.mark.parametrize("said", NONE)
def test_what_names_no_single_choice_is_failed(said: str) -> None:
    found = named(Choose("q", DRINKS), said)
    assert isinstance(found, Failed) and found.kind == "unparsed" and repr(said[:80]) in found.message


@pytest.mark.parametrize(
    ("choices", "said", "picked"),
    [
        (("C", "C++", "C#"), "C++", 1),
        (("3", "3.14", "-3"), "The answer is 3.14.", 1),
        (("3", "3.14", "-3"), "The answer is -3.", 2),
        (("5", "-5"), "-5", 1),
        (("5", "-5"), "\N{MINUS SIGN}5", 1),
        (("5", "-5"), "(-5)", 1),
        (("1", "10", "100"), "B) 10", 1),
        (("yes", "yes and no"), "A. Yes", 0),
        (("green", "green tea"), "Green tea.", 1),
        (("green", "green tea"), "green", 0),
        (("US", "us"), "us", 1),
        (("the", "a"), "a", 1),
        (("the", "a"), "A", 0),
        (("yes", "no"), "No, because it rains.", 1),
        (("more", "same", "less", "more"), "More", 0),  # two copies are one choice
        (("B", "A"), "The answer is A", 1),  # choices that are letters keep them
        (("A", "B", "C", "D"), "(D)", 3),
        (tuple(f"w{i}" for i in range(30)), "w29", 29),
    ],
)
def test_words_of_choices(choices: tuple[str, ...], said: str, picked: int) -> None:
    assert named(Choose("q", choices), said) == Chosen(picked, text=said)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (("Sun", "sun"), "SUN"),
        (("x", "A"), "A"),
        (("yes", "no"), "Yes. No."),
        (("3", "3.1"), "3.14"),
        (("no", "x"), "No. 5"),
        (("5", "-5"), "Answer - 5"),
        (("5", "-5"), "- 5"),
        (("C", "C++", "C#"), "C."),  # a choice's word is another one's letter
        (("yes", "yes and no"), "B. yes"),
    ],
)
def test_words_that_fit_none_or_several(choices: tuple[str, ...], said: str) -> None:
    assert isinstance(named(Choose("q", choices), said), Failed)


def test_letters_are_the_choices_own_or_in_order() -> None:
    assert (letters_of(("B", "A")), letters_of(DRINKS), letters_of(("A", "A"))) == ("BA", "ABC", "AB")
    assert letters_of(tuple(map(str, range(27)))) == ""


def test_a_replayed_text_is_cut_at_the_first_stop_string() -> None:
    assert cut("one two three", (" three", " two", "x")) == ("one", True) and cut("one", ("x",)) == ("one", False)
    request = Generate("q", 9, ("\n", "Q:"))
    assert respond(request, {"text": "blue Q: next\nmore"}) == Generated("blue ", 1, "stop")
    assert respond(request, {"text": "blue"}) == Generated("blue", 1, "end")
