"""IFBench: the form of an answer, its lines, quotations and brackets."""

import re
from itertools import pairwise

from harness_tasks.ifbench.english import SMALL_WORDS, closing, is_emoji, words
from harness_tasks.ifeval.sentences import sentences
from harness_tasks.instructions import Asked

TEMPLATE = ("My Answer:", "My Conclusion:", "Future Outlook:")
OPENING, CLOSING = "([{", ")]}"
HEADING = re.compile(r"^[ \t]*(?:#+ .*|<h\d>.*</h\d>[ \t]*)$", re.MULTILINE)
ITALICS = re.compile(r"\s*(?:<p>\s*)?<(i|em)>\s*\S.*?</\1>", re.DOTALL)


def _lines(answer: str) -> list[str]:
    return [line for line in answer.split("\n") if line.strip()]


def emoji(answer: str, asked: Asked) -> bool:
    """Every sentence ends with a pictograph, before or behind its stop."""
    text = re.sub(r"[\ufe0f\u200d\U0001f3fb-\U0001f3ff]", "", answer)
    own = [sentence.strip() for sentence in sentences(text)]
    ends = [any(map(is_emoji, closing(sentence))) for sentence in own]
    begins = [is_emoji(sentence[0]) for sentence in own[1:]] + [False]
    return all(end or after for end, after in zip(ends, begins, strict=True))


def line_indent(answer: str, asked: Asked) -> bool:
    """Every line stands further to the right than the one before it, of two or more."""
    indents = [len(line) - len(line.lstrip()) for line in _lines(answer)]
    return len(indents) > 1 and all(one < other for one, other in pairwise(indents))


def separated(answer: str, asked: Asked) -> bool:
    """At least two items that the separator sets off."""
    return answer.count(asked["sep"]) > 1


def newline(answer: str, asked: Asked) -> bool:
    """No line has more than one word."""
    return all(len(line.split()) == 1 for line in _lines(answer))


def no_bullets_bullets(answer: str, asked: Asked) -> bool:
    """At least two sentences with a full stop, then at least two lines that begin with a star."""
    before, *_ = re.split(r"^[ \t]*\*", answer, maxsplit=1, flags=re.MULTILINE)
    stops = sum(sentence.rstrip().endswith(".") for sentence in sentences(before))
    return stops >= 2 and len(re.findall(r"^[ \t]*\*", answer, re.MULTILINE)) >= 2


def sub_bullets(answer: str, asked: Asked) -> bool:
    """Bullets of stars, each with at least one of a dash below it."""
    parts = re.split(r"^[ \t]*\*(?!\*)", answer, flags=re.MULTILINE)[1:]
    return bool(parts) and all(re.search(r"^[ \t]*-", part, re.MULTILINE) for part in parts)


def no_whitespace(answer: str, asked: Asked) -> bool:
    """No blank and no new line."""
    return not re.search(r"\s", answer)


def options(answer: str, asked: Asked) -> bool:
    """One of the options and nothing else, in whatever case."""
    known = [option.strip().lower() for option in re.split(r"/| or |,", asked["options"])]
    return " ".join(answer.lower().split()) in known


def output_template(answer: str, asked: Asked) -> bool:
    """The three labels in their order, with something behind each."""
    rest = answer
    for label in TEMPLATE:
        before, found, rest = rest.partition(label)
        if not found or (label != TEMPLATE[0] and not before.strip()):
            return False
    return bool(rest.strip())


def parentheses(answer: str, asked: Asked) -> bool:
    """Brackets five deep, each closed by its own kind."""
    open_: list[str] = []
    deepest = 0
    for sign in answer:
        if sign in OPENING:
            open_.append(CLOSING[OPENING.index(sign)])
        elif sign in CLOSING:
            if open_ and open_[-1] == sign:
                deepest = max(deepest, len(open_))
                open_.pop()
            else:
                open_.clear()
    return deepest >= 5


def quotes(answer: str, asked: Asked) -> bool:
    """Quotations three deep, double and single in turn, each closed; an apostrophe inside of a word is none."""
    text = re.sub(r"(?<=\w)['’](?=\w)", "", answer).translate(str.maketrans("“”‘’", "\"\"''"))
    open_: list[str] = []
    deepest = 0
    for sign in re.findall("[\"']", text):
        if open_ and open_[-1] == sign:
            deepest = max(deepest, len(open_))
            open_.pop()
        else:
            open_.append(sign)
    return deepest >= 3


def quote_unquote(answer: str, asked: Asked) -> bool:
    """Behind every quotation in double marks stand words without them."""
    parts = re.split('["“”]', answer)
    return len(parts) > 2 and len(parts) % 2 == 1 and all(words(part) for part in parts[2::2])


def thesis(answer: str, asked: Asked) -> bool:
    """Every section begins with italics in HTML; sections have headings, or else are parted by blank lines."""
    found = HEADING.split(answer)[1:] if HEADING.search(answer) else re.split(r"\n\s*\n", answer)
    sections = [section for section in found if section.strip()]
    return bool(sections) and all(ITALICS.match(section) for section in sections)


def title_case(answer: str, asked: Asked) -> bool:
    """Every word begins with a capital, but for short ones inside of a line."""
    for line in _lines(answer):
        for place, word in enumerate(words(line)):
            if word[0].islower() and (not place or word.lower() not in SMALL_WORDS):
                return False
    return True
