"""What a campaign asks people: the file that describes it, read strictly.

name = "greetings"
kind = "preference"               # likert, direct, mqm, labels
runs = ["RUN", "OTHER"]           # ids, beginnings of ids or tags
task = "demo/qa"
instructions = "Which answer helps more?"
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import UsageError, quoted
from harness.reading.text import read_toml
from harness.reading.typed import built
from harness.reading.values import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["preference", "likert", "direct", "mqm", "labels"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
ERRORS = ("accuracy", "fluency", "fluency/punctuation", "terminology", "style", "locale", "non-translation", "other")
"""Categories of errors of MQM, unless a campaign names its own."""
MOST = 10_000
"""Items, raters and versions of a campaign, at most."""
FEWEST_RUNS = {"preference": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is asked about which answers, of how many people.

    ``kind``: preference (two texts), likert (one of ``anchors``, worst first), direct (0 to 100), mqm (marked errors
    of ``categories``), labels (any of ``labels``). ``items``: examples of the task that are drawn.
    ``ratings_per_item``: by how many of the ``raters`` each is rated. ``repeats``, ``attention``: items shown again
    and items that check attention, as a share of a rater's items. ``show``: a template over an example's columns
    instead of the prompt; ``reference``: show the reference answer too. ``ties``: whether a preference may be a tie.
    """

    name: str
    kind: Kind
    runs: tuple[str, ...]
    task: str
    instructions: str
    version: int = 1
    items: int = 50
    raters: int = 2
    ratings_per_item: int = 2
    repeats: float = 0.1
    attention: float = 0.1
    seed: int = 0
    show: str = ""
    reference: bool = False
    ties: bool = True
    anchors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ERRORS

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def codes(self) -> tuple[str, ...]:
        """Pseudonyms of the raters."""
        return tuple(f"rater-{number}" for number in range(1, self.raters + 1))

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be carried out."""
        if not NAME.fullmatch(self.name):
            raise UsageError(f"name = {quoted(self.name)} is no name: letters, digits, - and _, at most 64")
        for name, least in (("version", 1), ("items", 1), ("raters", 1), ("ratings_per_item", 1)):
            value = getattr(self, name)
            if not least <= value <= MOST:
                raise UsageError(f"{name} = {value} is not between {least} and {MOST:,}")
        if self.ratings_per_item > self.raters:
            raise UsageError(f"ratings_per_item = {self.ratings_per_item} needs as many raters; raters = {self.raters}")
        for name in ("repeats", "attention"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} = {getattr(self, name):g} is not a share between 0 and 1")
        if not self.instructions.strip():
            raise UsageError("instructions are empty: raters need to know what to judge")
        self._check_runs()
        self._check_choices()

    def _check_runs(self) -> None:
        least = FEWEST_RUNS.get(self.kind, 1)
        if len(self.runs) < least or len(set(self.runs)) < len(self.runs):
            raise UsageError(f"runs = {quoted(list(self.runs))} is not a list of at least {least} different runs")

    def _check_choices(self) -> None:
        for kind, name, least in (("likert", "anchors", 2), ("labels", "labels", 1), ("mqm", "categories", 1)):
            values = getattr(self, name)
            if self.kind == kind and (len(values) < least or len(set(values)) < len(values)):
                raise UsageError(f"{name} = {quoted(list(values))} is not a list of at least {least} different names")
            if self.kind != kind and values not in ((), ERRORS):
                raise UsageError(f"{name} belong to campaigns of the kind {kind}, not {self.kind}")
        try:
            columns_of(self.show)
        except ValueError as error:
            raise UsageError(f"show = {quoted(self.show)} is no template: {error}") from None


def read_campaign(path: Path) -> Campaign:
    """The campaign that a TOML file describes. Raises UsageError with the file and the key that is wrong."""
    table = read_toml(path, "campaign file")
    try:
        return built(Campaign, table, "campaign")
    except UsageError as error:
        raise type(error)(f"{path}: {error}") from None


def stored(campaign: Campaign) -> dict[str, Any]:
    """Plain JSON of a campaign."""
    return asdict(campaign)


def restored(definition: Mapping[str, Any]) -> Campaign:
    """The campaign of its plain JSON."""
    return built(Campaign, definition, "campaign")
