"""What a run was asked to do, and who answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.errors import UsageError, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run was asked to do beside its model and tasks.

    ``perturb`` and ``counterfactual`` name variants of ``harness.variants``, the latter also files of pairs;
    ``strength`` lists shares above 0 and at most 1, with each of which every perturbation is made.
    """

    limit: int | None = None
    shots: int | None = None
    shots_mode: Literal["fixed", "per-example"] = "fixed"
    seed: int = 0
    scorer: str | None = None
    perturb: tuple[str, ...] = ()
    strength: tuple[float, ...] = (0.1,)
    counterfactual: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UsageError for a limit below 1 (it would drop the last examples), shots below 0 and wrong variants."""
        for name, value, least in (("limit", self.limit, 1), ("shots", self.shots, 0)):
            if value is not None and (type(value) is not int or value < least):
                raise UsageError(f"{name} = {quoted(value)} is not a whole number of at least {least}")
        for name, words in (("perturb", self.perturb), ("counterfactual", self.counterfactual)):
            if type(words) is not tuple or not all(isinstance(word, str) for word in words):
                raise UsageError(f"{name} = {quoted(words)} is not a tuple of names")
        if type(self.strength) is not tuple or not self.strength:
            raise UsageError(f"strength = {quoted(self.strength)} is not a tuple of numbers")
        for share in self.strength:
            if type(share) not in (int, float) or not 0 < share <= 1:
                raise UsageError(f"strength {quoted(share)} is not a number above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Who answers. ``fingerprint`` lists everything about the model that can change an answer.

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
