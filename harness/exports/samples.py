"""What exports of samples have in common: the texts of an example, and names that are safe for files."""

import re

from harness.types import Choose, Likelihood, Outcome, PseudoLikelihood


def safe(name: str) -> str:
    """A name as that of a file or folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).strip(".") or "unknown"


def asked_of(outcome: Outcome) -> str:
    """What the model read for the first request of an example."""
    first = outcome.requests[0] if outcome.requests else None
    match first:
        case None:
            return ""
        case Likelihood():
            return first.context + first.text
        case PseudoLikelihood():
            return first.text
        case _:
            return first.prompt


def references_of(outcome: Outcome) -> list[str]:
    """The right answers as texts."""
    target, first = outcome.example.target, outcome.requests[0] if outcome.requests else None
    if isinstance(first, Choose) and isinstance(target, int) and 0 <= target < len(first.choices):
        return [first.choices[target].strip()]
    if isinstance(target, list | tuple):
        return [str(one) for one in target]
    return [] if target is None else [str(target)]
