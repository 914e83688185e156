"""The 25 instructions of IFEval, and whether an answer follows them (Zhou et al. 2023).

Each check takes the answer and what the instruction asks (``Asked``), and never sees an empty answer. Where the paper's
own code reads a keyword as a regular expression it is read as a text here: no pattern of a dataset is ever compiled.
"""

import json
import re
from typing import Any

from harness_tasks.ifeval.language import CODES, UNTOLD, language_of
from harness_tasks.ifeval.sentences import sentences, tokens
from harness_tasks.instructions import Asked, Check, Instructions

FEWER, MORE = RELATIONS = ("less than", "at least")
OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def compares(count: int, relation: str, limit: int) -> bool:
    """Whether a count is less than a limit, or at least it, as the relation (one of ``RELATIONS``) says."""
    return count < limit if relation == FEWER else count >= limit


# ------------------------------------------------------------------------------------------------------------ keywords
def _times(word: str, answer: str) -> int:
    return len(re.findall(re.escape(word.strip()), answer, re.IGNORECASE))


def existence(answer: str, asked: Asked) -> bool:
    """Every keyword stands in the answer, in whatever case, also inside of a word."""
    return all(_times(word, answer) for word in asked["keywords"])


def frequency(answer: str, asked: Asked) -> bool:
    """A keyword stands there so often."""
    return compares(_times(asked["keyword"], answer), asked["relation"], asked["frequency"])


def forbidden_words(answer: str, asked: Asked) -> bool:
    """None of the words stands there as a word of its own."""
    return not any(re.search(rf"\b{re.escape(w)}\b", answer, re.IGNORECASE) for w in asked["forbidden_words"])


def letter_frequency(answer: str, asked: Asked) -> bool:
    """A letter, small or capital, stands there so often."""
    return compares(answer.lower().count(asked["letter"].lower()), asked["let_relation"], asked["let_frequency"])


# -------------------------------------------------------------------------------------------------------------- length
def number_words(answer: str, asked: Asked) -> bool:
    r"""So many words, which are runs of ``\w``."""
    return compares(len(re.findall(r"\w+", answer)), asked["relation"], asked["num_words"])


def number_sentences(answer: str, asked: Asked) -> bool:
    """So many sentences."""
    return compares(len(sentences(answer)), asked["relation"], asked["num_sentences"])


def number_paragraphs(answer: str, asked: Asked) -> bool:
    """Exactly so many paragraphs between ``***``, none of them empty."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", answer)]
    return all(parts[1:-1]) and sum(map(bool, parts)) == int(asked["num_paragraphs"])


def nth_paragraph_first_word(answer: str, asked: Asked) -> bool:
    """Exactly so many paragraphs between blank lines, of which the n-th begins with a word."""
    parts = [part.strip() for part in answer.split("\n\n")]
    count, nth = sum(map(bool, parts)), asked["nth_paragraph"]
    if not 0 < nth <= count or not parts[nth - 1]:
        return False
    first = re.split(r"""[.,?!'"]""", parts[nth - 1].split()[0].lstrip("'").lstrip('"'))[0]
    return count == int(asked["num_paragraphs"]) and first.lower() == str(asked["first_word"]).lower()


# ------------------------------------------------------------------------------------------------- content and format
def number_placeholders(answer: str, asked: Asked) -> bool:
    """At least so many places in square brackets."""
    return len(re.findall(r"\[.*?\]", answer)) >= int(asked["num_placeholders"])


def postscript(answer: str, asked: Asked) -> bool:
    """A postscript begins somewhere with its marker."""
    marker = asked["postscript_marker"].strip()
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return re.search(known.get(marker) or re.escape(marker.lower()), answer.lower()) is not None


def number_bullet_lists(answer: str, asked: Asked) -> bool:
    """Exactly so many lines that begin with a star or a dash."""
    stars = re.findall(r"^\s*\*[^\*].*$", answer, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", answer, re.MULTILINE)
    return len(stars) + len(dashes) == int(asked["num_bullets"])


def constrained_response(answer: str, asked: Asked) -> bool:
    """One of three given sentences stands in the answer."""
    return any(option in answer for option in OPTIONS)


def number_highlighted_sections(answer: str, asked: Asked) -> bool:
    """At least so many passages in stars; one in double stars counts as one more."""
    single = [part.strip("*") for part in re.findall(r"\*[^\n\*]*\*", answer)]
    double = [part[2:-2] for part in re.findall(r"\*\*[^\n\*]*\*\*", answer)]
    return sum(bool(part.strip()) for part in single + double) >= int(asked["num_highlights"])


def multiple_sections(answer: str, asked: Asked) -> bool:
    """At least so many sections, each begun by a word and a number."""
    parts = re.split(rf"\s?{re.escape(asked['section_spliter'].strip())}\s?\d+\s?", answer)
    return len(parts) - 1 >= int(asked["num_sections"])


def json_format(answer: str, asked: Asked) -> bool:
    """The whole answer is JSON, in a Markdown fence or not."""
    bare = answer.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(fence)
    try:
        json.loads(bare.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(answer: str, asked: Asked) -> bool:
    """A title stands in double angular brackets."""
    return any(part.lstrip("<").rstrip(">").strip() for part in re.findall(r"<<[^\n]+>>", answer))


# ---------------------------------------------------------------------------------------------- combinations and edges
def two_responses(answer: str, asked: Asked) -> bool:
    """Two answers that differ, with six stars between them."""
    parts = [part.strip() for part in answer.split("******")]
    answers = [part for part in parts if part]
    return all(parts[1:-1]) and len(answers) == 2 and answers[0] != answers[1]


def repeat_prompt(answer: str, asked: Asked) -> bool:
    """The answer begins with the request, word for word."""
    return answer.strip().lower().startswith(asked["prompt_to_repeat"].strip().lower())


def end_checker(answer: str, asked: Asked) -> bool:
    """The answer ends with a phrase."""
    return answer.strip().strip('"').lower().endswith(asked["end_phrase"].strip().lower())


def quotation(answer: str, asked: Asked) -> bool:
    """The whole answer stands in double quotation marks."""
    bare = answer.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


def no_comma(answer: str, asked: Asked) -> bool:
    """No comma."""
    return "," not in answer


# --------------------------------------------------------------------------------------------------- case and language
def capital_word_frequency(answer: str, asked: Asked) -> bool:
    """So many words in capitals, where a word with hyphens is one."""
    count = sum(token.isupper() for token in tokens(answer))
    return compares(count, asked["capital_relation"], asked["capital_frequency"])


def english_capital(answer: str, asked: Asked) -> bool:
    """English in capitals; a few words that tell no language (a name) will do, as the paper's detector has it."""
    untold = (UNTOLD,) if len(answer.split()) < 20 else ()
    return answer.isupper() and language_of(answer.lower()) in ("en", None, *untold)


def english_lowercase(answer: str, asked: Asked) -> bool:
    """English without a capital letter."""
    return answer.islower() and language_of(answer) in ("en", None)


def response_language(answer: str, asked: Asked) -> bool:
    """The answer is in a language; where none can be told the instruction counts as followed."""
    return language_of(answer) in (asked["language"], None)


CHECKS: dict[str, Check] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}


NEEDS: dict[str, dict[str, type[Any] | tuple[str, ...]]] = {
    "keywords:existence": {"keywords": list},
    "keywords:frequency": {"keyword": str, "relation": RELATIONS, "frequency": int},
    "keywords:forbidden_words": {"forbidden_words": list},
    "keywords:letter_frequency": {"letter": str, "let_relation": RELATIONS, "let_frequency": int},
    "language:response_language": {"language": CODES},
    "length_constraints:number_sentences": {"relation": RELATIONS, "num_sentences": int},
    "length_constraints:number_paragraphs": {"num_paragraphs": int},
    "length_constraints:number_words": {"relation": RELATIONS, "num_words": int},
    "length_constraints:nth_paragraph_first_word": {"num_paragraphs": int, "nth_paragraph": int, "first_word": str},
    "detectable_content:number_placeholders": {"num_placeholders": int},
    "detectable_content:postscript": {"postscript_marker": str},
    "detectable_format:number_bullet_lists": {"num_bullets": int},
    "detectable_format:number_highlighted_sections": {"num_highlights": int},
    "detectable_format:multiple_sections": {"section_spliter": str, "num_sections": int},
    "combination:repeat_prompt": {"prompt_to_repeat": str},
    "startend:end_checker": {"end_phrase": str},
    "change_case:capital_word_frequency": {"capital_relation": RELATIONS, "capital_frequency": int},
}
"""What an instruction asks, with its type or the values that are known; the others ask nothing."""

IFEVAL_INSTRUCTIONS = Instructions(CHECKS, NEEDS)
