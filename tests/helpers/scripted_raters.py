"""Raters that follow a rule: careful, random, or seeing the quality of a text with noise."""

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.people import desk
from harness.people.campaign import Campaign
from harness.people.desk import Desk, Shown
from harness.store import Store

Answers = Callable[[Shown], Any]


def goods(text: str) -> int:
    return text.count("good ")


def expected(texts: tuple[str, ...]) -> dict[str, str] | None:
    """What a check of attention asks of a preference."""
    for side, text in zip(("first", "second"), texts, strict=True):
        if text.endswith("please choose this text."):
            return {"choice": side}
    return None


def careful(shown: Shown) -> dict[str, Any]:
    check, (one, two) = expected(shown.texts), map(goods, shown.texts)
    return check or {"choice": "first" if one > two else "second" if two > one else "tie"}


def random(seed: int) -> Answers:
    rng = np.random.default_rng(seed)
    return lambda shown: {"choice": str(rng.choice(["first", "second"]))}


def scored(noise: float, seed: int, scale: int = 1, top: int = 5) -> Answers:
    """A rater of single texts who sees the quality with noise."""
    rng = np.random.default_rng(seed)

    def rate(shown: Shown) -> dict[str, int]:
        seen = scale * (goods(shown.texts[0]) + rng.normal(0, noise))
        return {"value": int(np.clip(round(seen), 0 if top > 5 else 1, top))}

    return rate


def rate_all(at: Desk, answer: Answers) -> None:
    while (shown := at.next()) is not None:
        at.rate(shown.position, answer(shown), 1.5)


def conduct(store: Store, asked: Campaign, answers: list[Answers]) -> str:
    made, tokens, _ = desk.create(store, asked)
    for token, answer in zip(tokens.values(), answers, strict=True):
        rate_all(desk.enter(store, made.name, token), answer)
    return made.name
