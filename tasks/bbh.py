"""BIG-Bench Hard: tasks on which language models were once below people, answered without a chain of thought."""

import re
from dataclasses import dataclass

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, generation
from harness.kinds.extract import Extract
from harness.metrics.classify import proportion
from harness.metrics.measures import Measure
from harness.types import Card, Example, Task


def first_match(pattern: str) -> Extract:
    """The first match in a text, in lower case; None where there is none."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def extract(text: str) -> str | None:
        match = compiled.search(text)
        return match.group(0).lower() if match else None

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
    said = PLAUSIBLE(text)
    return {"not plausible": "no", "plausible": "yes"}.get(said, said) if said else None


@dataclass(frozen=True, slots=True)
class Subtask:
    """One task of BIG-Bench Hard: its name there, what it says before its questions, and how its answers are read."""

    name: str
    description: str
    extract: Extract


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
COLORS = "Answer extremely simple questions about the colors of objects on a surface."
SPORTS = "Determine whether an artificially constructed sentence relating to sports is plausible or not."
ERRORS = "Detect the type of error in an English translation of a German source sentence."
RUIN = "Select the humorous edit that 'ruins' the input movie or musical artist name."
TIMES = "Task description: Answer questions about which times certain events could have occurred."
COUNTING = "Questions that involve enumerating objects and asking the model to count them."
PARTS = (
    Subtask("boolean_expressions", "Evaluate the result of a random Boolean expression.", TRUTH),
    Subtask("causal_judgement", "Answer questions about causal attribution.", YES_NO),
    Subtask("date_understanding", "Infer the date from context.", LETTER),
    Subtask("disambiguation_qa", "Clarify the meaning of sentences with ambiguous pronouns.", LETTER),
    Subtask("dyck_languages", "Correctly close a Dyck-n word.", first_line),
    Subtask("formal_fallacies", "Distinguish deductively valid arguments from formal fallacies.", VALID),
    Subtask("geometric_shapes", "Name geometric shapes from their SVG paths.", LETTER),
    Subtask("hyperbaton", "Order adjectives correctly in English sentences.", LETTER),
    Subtask("logical_deduction_five_objects", DEDUCTION, LETTER),
    Subtask("logical_deduction_seven_objects", DEDUCTION, LETTER),
    Subtask("logical_deduction_three_objects", DEDUCTION, LETTER),
    Subtask("movie_recommendation", "Recommend movies similar to the given list of movies.", LETTER),
    Subtask("multistep_arithmetic_two", "Solve multi-step arithmetic problems.", NUMBER),
    Subtask("navigate", NAVIGATE, YES_NO),
    Subtask("object_counting", COUNTING, NUMBER),
    Subtask("penguins_in_a_table", "Answer questions about a table of penguins and their attributes.", LETTER),
    Subtask("reasoning_about_colored_objects", COLORS, LETTER),
    Subtask("ruin_names", RUIN, LETTER),
    Subtask("salient_translation_error_detection", ERRORS, LETTER),
    Subtask("snarks", SNARKS, LETTER),
    Subtask("sports_understanding", SPORTS, plausible),
    Subtask("temporal_sequences", TIMES, LETTER),
    Subtask("tracking_shuffled_objects_five_objects", SWAPS, LETTER),
    Subtask("tracking_shuffled_objects_seven_objects", SWAPS, LETTER),
    Subtask("tracking_shuffled_objects_three_objects", SWAPS, LETTER),
    Subtask("web_of_lies", "Evaluate a random boolean function expressed as a word problem.", YES_NO),
    Subtask("word_sorting", "Sort a list of words.", first_line),
)


def bbh(part: Subtask) -> Task:
    """One task of BIG-Bench Hard."""

    def same_answer(example: Example, answer: str) -> float:
        return float(bool(answer) and answer == part.extract(example.target[0]))

    return generation(
        f"bbh/{part.name}",
        data=Data(hub("lukaemon/bbh", part.name, "test")),
        prompt=Template("Q: {input}\nA:", description=f"{part.description}\n\n"),
        target="target",
        decoding=Decoding(max_tokens=64, stop=("</s>", "Q:", "<|im_end|>")),
        measures=(Measure(EXACT_MATCH, same_answer),),
        extract=part.extract,
        about=About(version=1, card=card(part.description.splitlines()[0]), tags=("reasoning",)),
    )


EXACT_MATCH = proportion("exact_match", signature="first answer of the expected form")


def card(description: str) -> Card:
    """The card of one task, which says in a line what it asks for."""
    return Card(
        measures=f"{description} Answered at once, without a chain of thought.",
        limits="No examples are shown, where published figures are with three: not comparable with them. The first "
        "answer of the expected form counts, whatever its case, where the published rule wants the whole answer to "
        "match; a model that repeats the options is judged on the first of them. English; may have been seen in "
        "training.",
        source="https://huggingface.co/datasets/lukaemon/bbh",
        licence="MIT",
        citation="Suzgun et al. 2022, Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them",
    )


TASKS = tuple(bbh(part) for part in PARTS)
