"""The one choice that a written answer names, by its letter or by its words; what names none or several is a failure.

Read are a letter alone ("B", "(b)", "**B**", "$B$", "\\boxed{B}"), after words that lead to it ("The answer is B."),
before the choice's own words, a reason or a verdict ("B) green", "B, because ...", "B is correct"), and the words of a
choice in the same places.
A letter that is joined to anything else ("A/B", "C++", "A* search", "A or B") is none: an answer that is not understood
costs an example, one that is misunderstood a wrong number.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.types import Choose, Chosen, Failed, Message

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST = 10_000
"""Characters of an answer that are read, from its end."""

THOUGHT = re.compile(r".*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
MARKUP = (
    (re.compile(r"\\(?:boxed|fbox|text\w*|math\w+)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[()\[\]]|\*\*|`|</?(?:answer|b|i|em|strong)>"), ""),
    (re.compile(r"(?<![\w*$])(__|[*_$])(\S(?:[^*_$]*\S)?)\1(?![\w*$])"), r"\2"),
    (re.compile(r"^\s*(?:[*•>]|-(?!\s*\d)|#+)\s+"), ""),
)
LEAD = re.compile(
    r"(?:the|my|your|final|correct|right|best|most|likely|answer|choice|option|letter|response|is|are|be|would|must|"
    r"should|it|it's|that|that's|i|i'd|i'll|think|believe|choose|pick|select|say|go|with|for|to|this|question|so|thus|"
    r"therefore|hence|here|sure|okay|ok|clearly|definitely|probably)(?:\s*(?:[:=]|[-=]>|[-–—](?=\s+\D))\s*|[,.]?\s+)",
    re.IGNORECASE,
)
ANSWER = re.compile(
    r"(?:\banswer(?:\s+(?:is|would\s+be|must\s+be|should\s+be)\b\s*:?|[\"']?\s*[:=])|答案\s*(?:是|为|:)\s*:?)\s*",
    re.IGNORECASE,
)
DOUBT = re.compile(
    r"\b(?:not|never|neither|nor|cannot|if|whether|unlikely|wrong|incorrect|false)\b|n['’]t\b|不|错|非", re.IGNORECASE
)
LETTER = re.compile(
    r"(?:\(([A-Za-z])\)|\[([A-Za-z])\]|\"([A-Za-z])\"|'([A-Za-z])'|“([A-Za-z])”|([A-Za-z]))(.*)", re.DOTALL
)
AFTER_LETTER = re.compile(r"(?:[.,;!。}]*(?=\s|$)|[.]?[):]+)\s*(?:[-–—:]\s+)?")
AFTER_WORDS = re.compile(r"[.,;:!。)\]}\"'’”]*(?=\s|$)\s*(?:[-–—:]\s+)?")
REASON = re.compile(
    r"(?:because|since|as|so|the|this|that|it|given|due|which|explanation|reason\w*)\b|"
    r"(?:is|would\s+be)\s+(?:the\s+|my\s+)?(?:(?:most\s+likely|correct|right|best|final)(?:\s+(?:answer|choice|option|one))?"
    r"|answer|choice)(?:[.,;!]|$|\s+(?:because|since|as)\b)",
    re.IGNORECASE,
)
BRACKETED = re.compile(r"[(\[](.*)[)\]][.]?")
ANY_LETTER = re.compile(r"(?<![\w'’.-])([A-HJ-Z])(?![\w'’+#*-])")


def question_of_letters(request: Choose) -> Choose | Failed:
    """The request with its choices lettered at the end of its prompt and of its last message, and that a letter is
    wanted; a failure for more choices than letters.
    """
    letters = letters_of(request.choices)
    if not letters:
        return Failed("unsupported", f"{len(request.choices)} choices are too many to be lettered")
    options = "\n".join(f"{letter}. {c.strip()}" for letter, c in zip(letters, request.choices, strict=True))
    wanted = f"\n\n{options}\n\nAnswer with the letter of the right choice only.\nLetter:"
    *past, last = request.messages or (Message("user", request.prompt),)
    messages = (*past, replace(last, content=f"{last.content}{wanted}")) if past else ()
    return replace(request, prompt=f"{request.prompt}{wanted}", messages=messages)


def named(request: Choose, text: str) -> Chosen | Failed:
    """The choice that a text names; choices with the same words are one. Failed("unparsed") with the reason if none."""
    said = THOUGHT.sub("", text)
    if "<think" in said[:200].lower():
        return Failed("unparsed", f"the answer ends within its reasoning: {text[:80]!r}")
    places = _places(said[-LONGEST:], request.choices)
    words = {request.choices[place].strip() for place in places}
    if len(words) == 1:
        return Chosen(min(places), text=text)
    problem = f"{len(words)} choices are named" if words else "no single choice is named"
    return Failed("unparsed", f"{problem} in {text[:80]!r}")


def letters_of(choices: Sequence[str]) -> str:
    """The letter of each choice: its own where every choice is a letter, else A, B, C ...; none beyond 26 choices."""
    own = "".join(choice.strip() for choice in choices)
    if len(own) == len(choices) == len(set(own)) and set(own) <= set(LETTERS):
        return own
    return LETTERS[: len(choices)] if len(choices) <= len(LETTERS) else ""


def _places(said: str, choices: Sequence[str]) -> set[int]:
    """Places of the choices that are named: as written, else where the answer is announced, else on any line."""
    letters, plain = letters_of(choices), said.strip()
    exact = {i for i, choice in enumerate(choices) if choice.strip() == plain}
    exact |= {letters.index(plain)} if len(plain) == 1 and plain in letters else set()
    if exact:
        return exact
    words = [_normal(choice) for choice in choices]
    whole = {i for i, choice in enumerate(words) if choice and choice == _normal(plain)}
    if whole:  # the letter of one choice may be the word of another: "C" of C, C++ and C#
        whole |= {letters.index(sign) for sign in [_normal(plain).upper()] if len(sign) == 1 and sign in letters}
        return whole
    lines = [_bare(line) for line in plain.splitlines() if line.strip()]
    boxed = [_bare(match[1]) for match in BOXED.finditer(plain)]
    announced = [clause for line in lines for clause in _announced(line)]
    for clauses, led in ((boxed, False), (announced, True), (lines, False)):
        places = {place for clause in clauses for place in _read(clause, letters, words, led=led)}
        if places:
            return places
    return set()


def _bare(text: str) -> str:
    """One width of letters and minus signs, nothing invisible, no markup, single spaces."""
    text = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    for pattern, kept in MARKUP:
        text = pattern.sub(kept, text)
    return " ".join(text.split())


def _normal(text: str) -> str:
    """As choices and answers are compared: bare, without the marks around it, in one case."""
    return _bare(text).strip(" \"'“”‘’").rstrip(" .。,;:!").casefold()


def _announced(line: str) -> Iterator[str]:
    """What follows "the answer is", unless the sentence up to there doubts it."""
    for match in ANSWER.finditer(line):
        sentence = re.split(r"[.!?]\s", line[: match.start()])[-1]
        if not DOUBT.search(sentence):
            yield line[match.end() :]


def _read(clause: str, letters: str, words: Sequence[str], *, led: bool) -> set[int]:
    """What a clause names at its beginning or after words that lead to it."""
    places, lead = _named_first(clause, letters, words, led=led), LEAD.match(clause)
    while lead:
        clause = clause[lead.end() :]
        places |= _named_first(clause, letters, words, led=True)
        lead = LEAD.match(clause)
    return places


def _named_first(clause: str, letters: str, words: Sequence[str], *, led: bool) -> set[int]:
    """The choice whose letter or words a clause begins with, if nothing after them names another one."""
    places = set()
    letter = LETTER.fullmatch(clause)
    after = AFTER_LETTER.match(letter[7]) if letter else None
    if letter and after:
        sign = next(filter(None, letter.groups()[:6]))
        rest = letter[7][after.end() :]
        article = letter[6] in ("a", "i") and led  # "The answer is a ..." may go on with any noun
        place = letters.find(sign.upper())
        if place >= 0 and not article and _fits(rest, place, letters, words):
            places.add(place)
    folded = clause.casefold()
    for place, choice in enumerate(words):
        start = len(clause) - len(clause.lstrip("\"'“‘(["))
        if choice and folded.startswith(choice, start) and (after := AFTER_WORDS.match(clause, start + len(choice))):
            rest = clause[after.end() :]
            if letters:
                rest = re.sub(rf"^\({letters[place]}\)[.\s]*", "", rest)
            if not rest or (REASON.match(rest) and not _others(rest, place, letters, words)):
                places.add(place)
    return places


def _fits(rest: str, place: int, letters: str, words: Sequence[str]) -> bool:
    """Whether what follows a choice's letter is nothing, its own words or a reason, and names no other choice."""
    said, own = _normal(rest), words[place]
    if not said:
        return True
    inner = BRACKETED.fullmatch(rest)
    if said == own or (inner and _normal(inner[1]) == own and said not in words):
        return True
    begun = [choice for choice in words if choice.startswith(said)]
    if set(begun) == {own}:  # its words, or as many of them as the limit of tokens left
        return True
    after = AFTER_WORDS.match(rest, len(own)) if own and rest.casefold().startswith(own) else None
    reason = rest[after.end() :] if after else rest
    if not REASON.match(reason):
        return False
    return not _others(reason, place, letters, [] if after else words)


def _others(text: str, place: int, letters: str, words: Sequence[str]) -> bool:
    """Whether a text names another choice by its letter or, of those given, by its words."""
    own = letters[place : place + 1]
    if any(sign in letters and sign != own for sign in ANY_LETTER.findall(text)):
        return True
    others = {choice for choice in words if choice} - ({words[place]} if words else set())
    return any(re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text.casefold()) for choice in others)
