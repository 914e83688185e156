"""What a run was asked to do, and who answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from harness.errors import UsageError, quoted

PROMPT = "{prompt}"
"""Where a wrapper holds what is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked to do beside its model and tasks.

    ``limit``: at most so many examples of every dataset, or a share of each ("10%"). ``limit_order``: a limit draws a
    sample by ``seed``, or takes the first examples, as peers do.
    ``fewshot_as_turns``: in a chat, few-shot examples are shown as its earlier turns.
    ``perturb`` and ``counterfactual`` name variants of ``harness.variants``, the latter also files of pairs;
    ``strength`` lists shares above 0 and at most 1, with each of which every perturbation is made.
    ``max_tokens``, ``temperature`` and ``top_p`` are those of written answers, instead of the task's own; ``repeats``:
    how often each example is answered, ``best_of``: the metric by which the best of these answers is chosen.
    ``wrapper`` is a text around every prompt, which it holds once as ``{prompt}``; empty for none.
    """

    limit: int | str | None = None
    limit_order: Literal["sampled", "first"] = "sampled"
    shots: int | None = None
    shots_mode: Literal["fixed", "per-example"] = "fixed"
    fewshot_as_turns: bool = False
    seed: int = 0
    scorer: str | None = None
    perturb: tuple[str, ...] = ()
    strength: tuple[float, ...] = (0.1,)
    counterfactual: tuple[str, ...] = ()
    wrapper: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    repeats: int = 1
    best_of: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for a limit that asks nothing, shots below 0, wrong variants and wrappers."""
        if not _is_limit(self.limit):
            raise UsageError(f"limit = {quoted(self.limit)} is not a whole number of at least 1 or a share such as 10%")
        if self.limit_order not in ("sampled", "first"):
            raise UsageError(f"limit_order = {quoted(self.limit_order)} is not one of sampled, first")
        if self.shots is not None and (type(self.shots) is not int or self.shots < 0):
            raise UsageError(f"shots = {quoted(self.shots)} is not a whole number of at least 0")
        for name, words in (("perturb", self.perturb), ("counterfactual", self.counterfactual)):
            if type(words) is not tuple or not all(isinstance(word, str) for word in words):
                raise UsageError(f"{name} = {quoted(words)} is not a tuple of names")
        if type(self.strength) is not tuple or not self.strength:
            raise UsageError(f"strength = {quoted(self.strength)} is not a tuple of numbers")
        for share in self.strength:
            if type(share) not in (int, float) or not 0 < share <= 1:
                raise UsageError(f"strength {quoted(share)} is not a number above 0 and at most 1")
        self._require_draws()
        if self.wrapper and self.wrapper.count(PROMPT) != 1:
            raise UsageError(f"wrapper = {quoted(self.wrapper, 80)} does not hold {PROMPT} exactly once")

    def _require_draws(self) -> None:
        for name, count in (("repeats", self.repeats), ("max_tokens", self.max_tokens)):
            if count is not None and (type(count) is not int or count < 1):
                raise UsageError(f"{name} = {quoted(count)} is not a whole number of at least 1")
        if self.best_of is not None and self.repeats == 1:
            raise UsageError(
                f"best_of = {quoted(self.best_of)} chooses among several answers: repeats (--samples) is 1"
            )
        heat, share = self.temperature, self.top_p
        if heat is not None and (type(heat) not in (int, float) or not 0 <= heat < math.inf):
            raise UsageError(f"temperature = {quoted(heat)} is not a number of at least 0")
        if share is not None and (type(share) not in (int, float) or not 0 < share <= 1):
            raise UsageError(f"top_p = {quoted(share)} is not a number above 0 and at most 1")

    def count_of(self, available: int) -> int:
        """How many of a dataset's examples are asked; a share is rounded up."""
        if isinstance(self.limit, str):
            return math.ceil(Fraction(self.limit[:-1]) * available / 100)
        return available if self.limit is None else min(self.limit, available)


def _is_limit(limit: object) -> bool:
    if isinstance(limit, str):
        return bool(re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", limit)) and 0 < Fraction(limit[:-1]) <= 100
    return limit is None or (type(limit) is int and limit >= 1)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who answers. ``fingerprint`` lists everything about the model that can change an answer.

    ``answers``: the kinds of request that it can be asked, and Constraint where it takes those of its answers.

    ``pinned``: the fingerprint pins the answers (local weights), so that they may be reused by a later run; a server
    may change its model under the same name. ``notices``: what whoever starts a run should be told of the model.
    ``devices``: where it computes ("cpu", "cuda:0"), empty where that is not this machine. ``parameters``: how many
    numbers it holds, None where nobody here knows.
    """

    name: str
    fingerprint: Mapping[str, str]
    answers: frozenset[type]
    context: int | None = None
    pinned: bool = False
    notices: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    parameters: int | None = None
