"""BIG-Bench Hard: tasks on which language models were once below people, answered without a chain of thought."""

import re
from collections.abc import Callable

from harness.data import hub
from harness.kinds import generation
from harness.metrics.classify import proportion
from harness.types import Card, Example, Shots, Task

Extract = Callable[[str], str | None]


def first_match(pattern: str) -> Extract:
    """The first match in a text, in lower case; None where there is none."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def extract(text: str) -> str | None:
        found = compiled.search(text)
        return found.group(0).lower() if found else None

    return extract


def first_line(text: str) -> str:
    """The first line that is not empty, in lower case, with single spaces and without a final full stop."""
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join(lines[0].split()).rstrip(".").lower() if lines else ""


LETTER = first_match(r"\([A-Z]\)")
YES_NO = first_match(r"\b(yes|no)\b")
TRUTH = first_match(r"\b(true|false)\b")
VALID = first_match(r"\b(valid|invalid)\b")
NUMBER = first_match(r"-?\d+")
PLAUSIBLE = first_match(r"\b(not plausible|plausible|yes|no)\b")


def plausible(text: str) -> str | None:
    """yes or no, however it is put."""
    found = PLAUSIBLE(text)
    return {"not plausible": "no", "plausible": "yes"}.get(found, found) if found else None


DEDUCTION = "A logical deduction task which requires deducing the order of a sequence of objects."
SWAPS = (
    "A task requiring determining the final positions of a set of objects given their initial positions and a "
    "description of a sequence of swaps."
)
SNARKS = (
    "Determine which of two sentences is sarcastic.\n\nAccording to Cambridge University Dictionary, sarcasm is "
    "\"the use of remarks that clearly mean the opposite of what they say, made in order to hurt someone's feelings or "
    'to criticize something in a humorous way." Sarcastic sentences often contain satirical or ironic utterances, '
    "hyperboles, ambivalent or witty remarks."
)
NAVIGATE = "Given a series of navigation instructions, determine whether one would end up back at the starting point."
SPORTS = "Determine whether an artificially constructed sentence relating to sports is plausible or not."
ERRORS = "Detect the type of error in an English translation of a German source sentence."
RUIN = "Select the humorous edit that 'ruins' the input movie or musical artist name."
TIMES = "Task description: Answer questions about which times certain events could have occurred."
PARTS: tuple[tuple[str, str, Extract], ...] = (
    ("boolean_expressions", "Evaluate the result of a random Boolean expression.", TRUTH),
    ("causal_judgement", "Answer questions about causal attribution.", YES_NO),
    ("date_understanding", "Infer the date from context.", LETTER),
    ("disambiguation_qa", "Clarify the meaning of sentences with ambiguous pronouns.", LETTER),
    ("dyck_languages", "Correctly close a Dyck-n word.", first_line),
    ("formal_fallacies", "Distinguish deductively valid arguments from formal fallacies.", VALID),
    ("geometric_shapes", "Name geometric shapes from their SVG paths.", LETTER),
    ("hyperbaton", "Order adjectives correctly in English sentences.", LETTER),
    ("logical_deduction_five_objects", DEDUCTION, LETTER),
    ("logical_deduction_seven_objects", DEDUCTION, LETTER),
    ("logical_deduction_three_objects", DEDUCTION, LETTER),
    ("movie_recommendation", "Recommend movies similar to the given list of movies.", LETTER),
    ("multistep_arithmetic_two", "Solve multi-step arithmetic problems.", NUMBER),
    ("navigate", NAVIGATE, YES_NO),
    ("object_counting", "Questions that involve enumerating objects and asking the model to count them.", NUMBER),
    ("penguins_in_a_table", "Answer questions about a table of penguins and their attributes.", LETTER),
    (
        "reasoning_about_colored_objects",
        "Answer extremely simple questions about the colors of objects on a surface.",
        LETTER,
    ),
    ("ruin_names", RUIN, LETTER),
    ("salient_translation_error_detection", ERRORS, LETTER),
    ("snarks", SNARKS, LETTER),
    ("sports_understanding", SPORTS, plausible),
    ("temporal_sequences", TIMES, LETTER),
    ("tracking_shuffled_objects_five_objects", SWAPS, LETTER),
    ("tracking_shuffled_objects_seven_objects", SWAPS, LETTER),
    ("tracking_shuffled_objects_three_objects", SWAPS, LETTER),
    ("web_of_lies", "Evaluate a random boolean function expressed as a word problem.", YES_NO),
    ("word_sorting", "Sort a list of words.", first_line),
)


def bbh(part: str, description: str, extract: Extract) -> Task:
    """One task of BIG-Bench Hard; ``extract`` finds the answer in what was written, and in the published answer."""

    def right(example: Example, answer: str) -> float:
        return float(bool(answer) and answer == extract(example.target[0]))

    return generation(
        f"bbh/{part}", version=1, dataset=hub("lukaemon/bbh", part, "test"), prompt="Q: {input}\nA:", target="target",
        measures=((proportion("exact_match", signature="first answer of the expected form"), right),),
        extract=extract, max_tokens=64, stop=("</s>", "Q:", "<|im_end|>"), description=f"{description}\n\n",
        shots=Shots(), tags=("reasoning",),
        card=Card(
            measures=f"{description.splitlines()[0]} Answered at once, without a chain of thought.",
            limits="No examples are shown, where published figures are with three: not comparable with them. The first "
            "answer of the expected form counts, whatever its case, where the published rule wants the whole answer to "
            "match; a model that repeats the options is judged on the first of them. English; may have been seen in "
            "training.",
            source="https://huggingface.co/datasets/lukaemon/bbh", licence="MIT",
            citation="Suzgun et al. 2022, Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them",
        ),
    )  # fmt: skip


TASKS = tuple(bbh(*part) for part in PARTS)
