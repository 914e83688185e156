"""What a colour, a shape and a sign mean, wherever one is drawn: in charts, tables, gates and reports."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """One meaning.

    ``colour``, of marks, has a contrast of at least 3:1 on a light and on a dark page; ``tint`` lies behind dark words.
    ``shape`` is one of Vega's, or an SVG path.
    """

    colour: str
    tint: str
    shape: str
    sign: str


RING = "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0ZM0.6,0A0.6,0.6,0,1,0,-0.6,0A0.6,0.6,0,1,0,0.6,0Z"
INK = "#14171C"
"""The colour of words on a tint."""

BETTER = Mark("#1277B5", "#CBE3F4", "triangle-up", "▲")
WORSE = Mark("#D55E00", "#F9D6BF", "triangle-down", "▼")
DIFFERS = Mark("#D55E00", "#F9D6BF", "diamond", "◆")
UNCLEAR = Mark("#7F7F7F", "#E4E6E9", "circle", "●")
NONE = Mark("#7F7F7F", "#F4F5F6", RING, "○")

MARKS: Mapping[str, Mark] = {
    "better": BETTER,
    "worse": WORSE,
    "changed": DIFFERS,
    "same": UNCLEAR,
    "unclear": UNCLEAR,
    "untested": NONE,
    "PASS": BETTER,
    "FAIL": WORSE,
    "INCONCLUSIVE": UNCLEAR,
    "above": DIFFERS,
    "below": DIFFERS,
    "within": UNCLEAR,
    "undecided": NONE,
    "right": BETTER,
    "wrong": WORSE,
    "failed": DIFFERS,
    "judged": NONE,
}
"""The mark of a change, of a gate's state, of a number beside its ideal, and of an answer."""

WORDS: Mapping[str, str] = {
    "changed": "crossed the ideal",
    "unclear": "cannot tell",
    "untested": "not tested",
    "INCONCLUSIVE": "undecided",
    "PASS": "holds",
    "FAIL": "violated",
    "above": "above the ideal",
    "below": "below the ideal",
    "within": "ideal within the interval",
    "undecided": "no verdict",
}
"""How a meaning is put in words, where its own name is no word."""


def signed(meaning: str) -> str:
    """A meaning with its sign: ``▼ worse``."""
    return f"{MARKS[meaning].sign} {WORDS.get(meaning, meaning)}"
