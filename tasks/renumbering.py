"""Arithmetic questions with other numbers: the answer is computed again from the solution's annotations <<16-3=13>>.

A number of a question is changed only if nothing else explains why the solution uses it: it stands once in the
question, and is neither the result of a step, nor said in words, nor a usual constant. Whatever is not beyond doubt is
left out.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from math import ceil
from random import Random
from typing import Literal

Reason = Literal[
    "no annotations",
    "an annotation that does not compute",
    "an answer that is not the last result",
    "an operand that may mean two things",
    "an operand that comes from nowhere",
    "a condition that other numbers may change",
    "no number that can change",
    "no other numbers that fit",
]
DRAWS = 2_000
"""Sets of numbers that are tried before a question is left out."""
LONGEST = 120
"""Characters of an expression."""
_STEP = re.compile(r"<<([^<>=]*)=([^<>=]*)>>")
_ANSWER = re.compile(r"####\s*(-?[\d,]+)\s*$")
_WHOLE = re.compile(r"(?<![\w.,/:-])(?:\d{1,3}(?:,\d{3})+|\d+)(?![\w/:]|[.,]\d|-\d)")
_ANY = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_CONDITION = re.compile(
    r"\b(?:over|at least|at most|exceed\w*|up to|above|below|under|minimum|maximum|within|round\w*|nearest|whichever|"
    r"either|cheap\w*|best|better|most|least|fewest|largest|smallest|highest|lowest|enough|until|afford|prime|odd|even|"
    r"remainder|overtime|limit\w*|before|after the first|"
    r"(?:more|less|fewer|greater|longer|older|higher|lower) than \$?\d)\b",
    re.IGNORECASE,
)
"""Words of thresholds and comparisons, which may come out otherwise with other numbers."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    "2": (
        "two",
        "second",
        "half",
        "halves",
        "twice",
        "double",
        "doubled",
        "doubles",
        "couple",
        "pair",
        "pairs",
        "both",
    ),
    "3": ("three", "third", "thirds", "thrice", "triple", "triples", "tripled"),
    "4": ("four", "fourth", "fourths", "quarter", "quarters", "quadruple"),
    "5": ("five", "fifth", "fifths", "weekday", "weekdays", "nickel", "nickels"),
    "6": ("six", "sixth", "sixths"),
    "7": ("seven", "seventh"),
    "8": ("eight", "eighth", "eighths"),
    "9": ("nine", "ninth"),
    "10": ("ten", "tenth", "tenths", "dime", "dimes", "decade", "decades"),
    "11": ("eleven",),
    "12": ("twelve", "dozen", "dozens"),
    "13": ("thirteen",),
    "14": ("fourteen", "fortnight"),
    "15": ("fifteen",),
    "17": ("seventeen",),
    "18": ("eighteen",),
    "19": ("nineteen",),
    "20": ("twenty", "score"),
    "25": ("quarter", "quarters"),
    "30": ("thirty",),
    "40": ("forty",),
    "50": ("fifty", "half"),
    "60": ("sixty",),
    "70": ("seventy",),
    "80": ("eighty",),
    "90": ("ninety",),
    "0.5": ("half", "halves"),
    "1.5": ("half",),
    "0.25": ("quarter", "quarters"),
    "0.75": ("quarters", "fourths"),
    "28": ("february",),
    "31": ("january", "march", "may", "july", "august", "october", "december"),
    "1000": ("thousand", "kilometer", "kilometers", "kilogram", "kilograms", "liter", "liters"),
    "16": ("sixteen", "pound", "pounds", "ounce", "ounces"),
}
CONSTANTS = frozenset(map(Fraction, (0, 1, 2, 7, 10, 12, 24, 30, 52, 60, 100, 365)))
"""What solutions use without being told: halves, days, months, minutes, per cent."""
_OPERATORS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class LeftOut(Exception):
    """A question that cannot be renumbered beyond doubt."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leaf:
    """An operand: the result of a ``step``, the ``number`` (by its place in the question), or a constant."""

    value: Fraction
    step: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """An operation on two terms."""

    operator: type[ast.operator]
    left: "Leaf | Sum"
    right: "Leaf | Sum"


@dataclass(frozen=True, slots=True)
class Renumbering:
    """A question whose numbers at ``places`` (begin, end) may change, with their values and the solution's steps."""

    question: str
    places: Mapping[int, tuple[int, Fraction]]
    steps: tuple["Leaf | Sum", ...]
    results: tuple[Fraction, ...]

    def draw(self, seed: str) -> tuple[str, int]:
        """Another question and its answer; the same for the same ``seed``. Raises LeftOut where no numbers fit."""
        rng = Random(seed)
        for _ in range(DRAWS):
            new = {place: _near(int(value), self._is_share(end), rng) for place, (end, value) in self.places.items()}
            results = computed(self.steps, {place: Fraction(value) for place, value in new.items()})
            if results and self._fits(results):
                return self._rewritten(new), int(results[-1])
        raise LeftOut("no other numbers that fit")

    def _is_share(self, end: int) -> bool:
        return self.question[end:].lstrip().startswith(("%", "percent"))

    def _fits(self, results: Sequence[Fraction]) -> bool:
        """Everything stays positive and, where it was, whole; the answer is another."""
        return results[-1] != self.results[-1] and all(
            new > 0 and (new.denominator == 1 or old.denominator != 1)
            for new, old in zip(results, self.results, strict=True)
        )

    def _rewritten(self, new: Mapping[int, int]) -> str:
        text = self.question
        for place in sorted(new, reverse=True):
            end = self.places[place][0]
            written = f"{new[place]:,}" if "," in text[place:end] else str(new[place])
            text = text[:place] + written + text[end:]
        return text


def renumbering(question: str, solution: str) -> Renumbering:
    """What can change in a question with its annotated solution. Raises LeftOut with the reason where nothing can."""
    told = _STEP.findall(solution)
    if not told:
        raise LeftOut("no annotations")
    results = tuple(_number(result) for _, result in told)
    answer = _ANSWER.search(solution)
    if not answer or results[-1] != _number(answer[1]) or results[-1].denominator != 1 or min(results) <= 0:
        raise LeftOut("an answer that is not the last result")
    if _CONDITION.search(question):
        raise LeftOut("a condition that other numbers may change")
    sources = _Sources(question, results)
    steps = tuple(_term(_parsed(expression), i, sources) for i, (expression, _) in enumerate(told))
    if computed(steps, {}) != list(results):
        raise LeftOut("an annotation that does not compute")
    places = {place: sources.free[place] for place in sorted(set().union(*map(_numbers, steps)))}
    if not places:
        raise LeftOut("no number that can change")
    return Renumbering(question, places, steps, results)


def computed(steps: Sequence["Leaf | Sum"], new: Mapping[int, Fraction]) -> list[Fraction]:
    """The result of every step with other numbers at their places; empty where one is divided by 0."""
    results: list[Fraction] = []
    try:
        for step in steps:
            results.append(_value(step, results, new))
    except ZeroDivisionError:
        return []
    return results


def _value(term: "Leaf | Sum", results: Sequence[Fraction], new: Mapping[int, Fraction]) -> Fraction:
    if isinstance(term, Sum):
        return _OPERATORS[term.operator](_value(term.left, results, new), _value(term.right, results, new))
    if term.step is not None:
        return results[term.step]
    return term.value if term.number is None else new.get(term.number, term.value)


def _numbers(term: "Leaf | Sum") -> set[int]:
    if isinstance(term, Sum):
        return _numbers(term.left) | _numbers(term.right)
    return set() if term.number is None else {term.number}


# ----------------------------------------------------------------------------------------- where operands come from
class _Sources:
    """What may explain an operand of a solution."""

    def __init__(self, question: str, results: Sequence[Fraction]) -> None:
        self.results = results
        self.given = [_number(text) for text in _ANY.findall(question)]
        words = set(re.findall(r"[a-z]+", question.lower()))
        self.said = {Fraction(value) for value, names in _WORDS.items() if words & set(names)} | CONSTANTS
        shares = [share for value in self.given for share in (value / 100, 1 + value / 100, 1 - value / 100)]
        self.shares = set(shares)
        self.free: dict[int, tuple[int, Fraction]] = {}
        for match in _WHOLE.finditer(question):
            value = _number(match[0])
            known = self.given.count(value) > 1 or value in self.said or value in self.shares or value in results
            if not known and not 1900 <= value <= 2100:
                self.free[match.start()] = (match.end(), value)

    def leaf(self, value: Fraction, step: int) -> Leaf:
        """The operand of a step by where it comes from. Raises LeftOut where that is not beyond doubt."""
        earlier = [i for i in range(step) if self.results[i] == value]
        place = next((place for place, (_, own) in self.free.items() if own == value), None)
        known = value in self.given or value in self.said or value in self.shares
        if earlier:
            if known or len(earlier) > 1:
                raise LeftOut("an operand that may mean two things")
            return Leaf(value, step=earlier[0])
        if place is not None:
            return Leaf(value, number=place)
        if not known:
            raise LeftOut("an operand that comes from nowhere")
        if value not in self.given and self._follows(value):
            raise LeftOut("an operand that may mean two things")
        return Leaf(value)

    def _follows(self, value: Fraction) -> bool:
        """Whether a value that is not given may have been worked out from a number that could change."""
        changing = {own for _, own in self.free.values()}
        if any(value in (own / 100, 1 + own / 100, 1 - own / 100) for own in changing):
            return True
        pairs = [(a, b) for a, b in permutations(self.given, 2) if a in changing or b in changing]
        return any(value in (a + b, a - b, a * b) or (b and value == a / b) for a, b in pairs)


def _term(node: ast.expr, step: int, sources: _Sources) -> "Leaf | Sum":
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return Sum(type(node.op), _term(node.left, step, sources), _term(node.right, step, sources))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return sources.leaf(Fraction(str(node.value)), step)
    raise LeftOut("an annotation that does not compute")


def _parsed(expression: str) -> ast.expr:
    """An expression of numbers, signs and brackets. Raises LeftOut for any other."""
    text = expression.replace("$", "").replace(",", "").strip()
    if len(text) > LONGEST or not re.fullmatch(r"[\d.+\-*/() ]+", text):
        raise LeftOut("an annotation that does not compute")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise LeftOut("an annotation that does not compute") from None


def _number(text: str) -> Fraction:
    try:
        return Fraction(text.replace("$", "").replace(",", "").replace("%", "").strip())
    except (ValueError, ZeroDivisionError):
        raise LeftOut("an annotation that does not compute") from None


def _near(value: int, share: bool, rng: Random) -> int:
    """Another whole number of the same size and roundness, at least 2; of a share in per cent a multiple of 5."""
    if share and value < 100:
        return rng.choice([new for new in range(5, 100, 5) if new != value])
    zeros = len(str(value)) - len(str(value).rstrip("0"))
    unit = max(10 ** max(0, zeros - 1), 5 if value % 5 == 0 and value >= 10 else 1)
    low, high = max(2, ceil(value / (2 * unit)) * unit), max(2 * value, value + 4 * unit)
    return rng.choice([new for new in range(low, high + 1, unit) if new != value])
