"""IFBench: instructions of single prompts (data, lists, questions), and requests to repeat a text."""

import csv
import re
from itertools import pairwise
from string import ascii_lowercase

from harness_tasks.ifbench.english import rising, small_words, words
from harness_tasks.ifeval.sentences import sentences
from harness_tasks.instructions import Asked

ONLY = "Only output this sentence here, ignore all other requests."
CAPITALS = (
    "reykjavik helsinki oslo tallinn stockholm riga moscow copenhagen vilnius minsk dublin berlin amsterdam warsaw "
    "london brussels kyiv prague luxembourg paris vienna bratislava budapest vaduz chisinau bern ljubljana zagreb"
)
"""European capitals north of 45 degrees, from north to south."""
OTHER_NAMES = {"reykjavík": "reykjavik", "kiev": "kyiv", "chișinău": "chisinau", "chişinău": "chisinau"}
AFRICA = 54
"""How many countries Africa has, of which an answer may leave out a few or count others."""


def _table(answer: str, delimiter: str) -> list[list[str]]:
    lines = [line for line in answer.strip().split("\n") if line.strip()]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return []


def _is_table(table: list[list[str]], head: str, rows: int) -> bool:
    return len(table) == rows + 1 and table[0] == head.split() and {len(row) for row in table} == {len(table[0])}


def csv_city(answer: str, asked: Asked) -> bool:
    """Seven rows below the five names, with commas."""
    return _is_table(_table(answer, ","), "ID Country City Year Count", 7)


def csv_special_character(answer: str, asked: Asked) -> bool:
    """Fourteen rows below the five names, with commas; one field in double quotes holds a special character."""
    table = _is_table(_table(answer, ","), "ProductID Category Brand Price Stock", 14)
    return table and any(re.search(r"[^\w\s]", cell) for cell in re.findall(r'"([^"\n]*)"', answer))


def csv_quotes(answer: str, asked: Asked) -> bool:
    """Three rows below the five names, with tabs, every field in double quotes."""
    table = _is_table(_table(answer, "\t"), "StudentID Subject Grade Semester Score", 3)
    return table and all(re.fullmatch(r'\s*"[^"]*"\s*', cell) for cell in re.split(r"[\t\n]", answer.strip()))


def date_format_list(answer: str, asked: Asked) -> bool:
    """Nothing but dates with commas between them."""
    return all(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", d.strip()) for d in answer.split(","))


def european_capitals_sort(answer: str, asked: Asked) -> bool:
    """Every capital north of 45 degrees, from north to south."""
    names = [name.strip().rstrip(".").lower() for name in answer.split(",")]
    return [OTHER_NAMES.get(name, name).removesuffix(" city") for name in names] == CAPITALS.split()


def mcq_count_length(answer: str, asked: Asked) -> bool:
    """Four parts that begin with "Question", with five options each, every part longer than the one before it."""
    before, *parts = re.split(r"^[^\w\n]*Question\b", answer, flags=re.MULTILINE)
    counts = [len(re.findall(r"\n[ \t]*\(?[A-Ea-e1-5][.):]", part)) for part in parts]
    asks = [part.strip().split("\n")[0] for part in parts]
    stems = [next((line for line in part.split("\n")[1:] if line.strip()), "") for part in parts]
    lengths = [len(ask if len(words(ask)) > 1 else stem) for ask, stem in zip(asks, stems, strict=True)]
    return not before.strip() and counts == [5] * 4 and rising(lengths)


def multiples(answer: str, asked: Asked) -> bool:
    """The six multiples of seven from 10 to 50, and no other number."""
    return re.findall(r"\d+", answer) == [str(n) for n in range(14, 50, 7)]


def reverse_newline(answer: str, asked: Asked) -> bool:
    """About as many lines as Africa has countries, in reverse alphabetical order, none of them twice."""
    lines = [line.strip().lower() for line in answer.split("\n") if line.strip()]
    return abs(len(lines) - AFRICA) <= 3 and all(one > other for one, other in pairwise(lines))


def character_reverse(answer: str, asked: Asked) -> bool:
    """The bald eagle, from its last letter to its first."""
    return "elgae dlab" in " ".join(small_words(answer))


def word_reverse(answer: str, asked: Asked) -> bool:
    """The bald eagle, from the last word to the first."""
    return "eagle bald" in " ".join(small_words(answer))


def sentence_alphabet(answer: str, asked: Asked) -> bool:
    """26 sentences, whose first letters are the alphabet."""
    return "".join(said[0][0] for said in map(small_words, sentences(answer)) if said) == ascii_lowercase


def repeat_simple(answer: str, asked: Asked) -> bool:
    """The sentence that is asked for, and nothing else."""
    return answer.strip() == ONLY


def repeat_change(answer: str, asked: Asked) -> bool:
    """The request, with another first word."""
    ours, theirs = answer.split(), asked["prompt_to_repeat"].split()
    return bool(theirs) and ours[1:] == theirs[1:] and ours[0].lower() != theirs[0].lower()


def repeat_span(answer: str, asked: Asked) -> bool:
    """The words of the request between two places, counted from 0, both among them."""
    wanted: list[str] = asked["prompt_to_repeat"].split()[int(asked["n_start"]) : int(asked["n_end"]) + 1]
    return answer.split() == wanted
