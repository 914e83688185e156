r"""Answers of mathematics in LaTeX: what stands in the last ``\boxed``, and when two of them are the same.

Written differently is not different: ``\dfrac12``, ``\frac{1}{2}`` and ``1/2``; ``10,080`` and ``10080``; ``90^\circ``
and ``90``. The rules are in the spirit of Hendrycks et al. 2021 and Lewkowycz et al. 2022. Nothing is computed: ``2+2``
is not ``4``, and no text of a model is handed to a computer algebra system.
"""

import re

from harness.metrics.text import plain_number

BOX = re.compile(r"\\(?:boxed|fbox)\s*")
SAID = re.compile(
    r"answer is:?\s*(\$[^$\n]+\$|[^\n]+?)(?:\.?\s*(?:I hope|$))",
    re.IGNORECASE | re.MULTILINE,
)
DROPPED = (r"\left", r"\right", r"\big", r"\Big", r"\!", r"\,", r"\;", r"\:", r"\quad", r"\displaystyle", r"\$", "$")
"""What says how something looks."""
SAME = (
    (r"\\[dtc]frac", r"\\frac"),
    (r"\\(?:mbox|textbf|textrm|mathrm|mathbf)\b", r"\\text"),
    (r"\^\s*(?:\\circ|\{\s*\\circ\s*\})", ""),
    (r"\\%|%", ""),
    (r"\{,\}", ","),
    (r"(?<!\\)\\ |~", " "),
    (r"\\le\b(?!ft)", r"\\leq"),
    (r"\\ge\b", r"\\geq"),
    (r"\\ne\b(?!q)", r"\\neq"),
)
UNIT = re.compile(r"(?<=[\d}])\s*\\text\s*\{[^{}]*\}(?:\^\{?[23]\}?)?$")
"""Words behind a number: a unit."""


def boxed(text: str) -> str | None:
    r"""What stands in the last ``\boxed{...}``, or between ``\boxed`` and the next sign; None where there is none."""
    boxes = [match.end() for match in BOX.finditer(text)]
    return _braced(text, boxes[-1]) if boxes else None


def _braced(text: str, start: int) -> str | None:
    """The group that opens at ``start``, without its braces; a single word without any; None if it does not close."""
    if not text.startswith("{", start):
        bare = re.match(r"[^\s$]+", text[start:])
        return bare[0] if bare else None
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start + 1 : place].strip()
    return None


def final_answer(text: str) -> str | None:
    r"""The answer of a solution: the last box, else what follows "the (final) answer is"; None where neither stands."""
    box = boxed(text)
    if box is not None:
        return box
    said = SAID.findall(text)
    return said[-1].strip().strip("$").strip() if said else None


def normal(answer: str) -> str:
    """An answer in the one way of writing it that is compared."""
    bare = answer.strip().rstrip(".").strip()
    for pattern, written in SAME:
        bare = re.sub(pattern, written, bare)
    for sign in DROPPED:
        bare = re.sub(re.escape(sign) + (r"(?![a-z])" if sign[-1].isalpha() else ""), "", bare)
    bare = UNIT.sub("", bare.strip())
    bare = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", bare).strip()
    bare = re.sub(r"^[a-zA-Z]\s*(?:=|\\in)\s*", "", bare)
    bare = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", bare)
    bare = re.sub(r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{", bare)
    bare = re.sub(r"(\\frac\s*\{[^{}]*\})\s*(\d)", r"\1{\2}", bare)
    bare = re.sub(r"\\sqrt\s*([a-zA-Z0-9])", r"\\sqrt{\1}", bare)
    bare = re.sub(r"^(-?)(\d+)\s*/\s*(\d+)$", r"\1\\frac{\2}{\3}", bare)
    bare = re.sub(r"\s+", "", bare)
    return (plain_number(bare) if _is_number(bare) else None) or bare


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d+)?", text) is not None


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are written alike, as far as ``normal`` tells; two of letters alone without case."""
    first, second = normal(one), normal(other)
    return first == second or (first.isalpha() and first.casefold() == second.casefold())
