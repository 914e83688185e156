"""How often 95 % intervals of ratings hold the truth: python benchmarks/people_coverage.py [--repeats 1000] [--seed 0].

Campaigns are drawn from populations of prompts, raters and items whose truth is that of a very large sample. Printed
are the shares of intervals, in per cent, that hold it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from harness.people import clustered
from harness.people.agreement import agreement
from harness.people.alpha import krippendorff
from harness.people.bradley_terry import Comparisons, bradley_terry
from harness.people.prediction_powered import corrected_rate, powered_mean

STRENGTHS = np.array([0.6, 0.2, -0.2, -0.6])
NAMES = ("a", "b", "c", "d")
TASTE, HABIT = 1.0, 0.5
"""Spread of the strengths from prompt to prompt, and from rater to rater."""
Rng = np.random.Generator
Holds = dict[str, bool]


def battles(rng: Rng, prompts: int, raters: int, each: int) -> Comparisons:
    """Every prompt is judged ``each`` times, by raters and on pairs drawn anew; both change the strengths."""
    n = prompts * each
    prompt, rater = np.repeat(np.arange(prompts), each), rng.integers(0, raters, n)
    first = rng.integers(0, 4, n)
    second = (first + rng.integers(1, 4, n)) % 4
    by_prompt, by_rater = rng.normal(0, TASTE, (prompts, 4)), rng.normal(0, HABIT, (raters, 4))
    worth = STRENGTHS + by_prompt[prompt] + by_rater[rater]
    rows = np.arange(n)
    wins = rng.random(n) < 1 / (1 + np.exp(worth[rows, second] - worth[rows, first]))
    outcome = np.where(rng.random(n) < 0.1, 0.5, wins.astype(float))
    return Comparisons(first, second, outcome, prompt, rater)


def strengths(prompts: int, raters: int, each: int, seed: int) -> Callable[[Rng], Holds]:
    population = bradley_terry(NAMES, battles(np.random.default_rng(seed), 150_000, 150_000, 1)).values
    assert population is not None

    def one(rng: Rng) -> Holds:
        played = battles(rng, prompts, raters, each)
        alone = np.arange(len(played.outcome))
        truth = float(population[0] - population[2])
        ways = {"clustered": played, "by prompt": replace(played, raters=alone * 0),
                "a battle each": replace(played, prompts=alone, raters=alone * 0)}  # fmt: skip
        ends = {name: bradley_terry(NAMES, way).difference(0, 2)[1] for name, way in ways.items()}
        return {name: end is not None and end[0] <= truth <= end[1] for name, end in ends.items()}

    return one


def rated(rng: Rng, items: int, raters: int = 3) -> np.ndarray:
    """Ratings from 1 to 4 of items with a quality of their own; a fifth is missing."""
    quality = rng.normal(0, 1, (items, 1))
    seen = np.digitize(quality + rng.normal(0, 0.7, (items, raters)), (-1.0, 0.0, 1.0)) + 1.0
    return np.where(rng.random((items, raters)) < 0.2, np.nan, seen)


def agreements(items: int, seed: int) -> Callable[[Rng], Holds]:
    scale = (1.0, 2.0, 3.0, 4.0)
    measures = {
        "AC1": lambda r: agreement(r, "gwet", categories=scale),
        "AC1, irrCAC's variance": lambda r: agreement(r, "gwet", categories=scale, irrcac=True),
        "AC2, quadratic": lambda r: agreement(r, "gwet", weights="quadratic", categories=scale),
        "Fleiss": lambda r: agreement(r, "fleiss", categories=scale),
        "Conger": lambda r: agreement(r, "conger", categories=scale),
        "alpha, nominal": krippendorff,
        "alpha, ordinal": lambda r: krippendorff(r, "ordinal"),
    }
    many = rated(np.random.default_rng(seed), 40_000)
    truth = {
        name: measure(many[:2000] if name.startswith("alpha") else many).value for name, measure in measures.items()
    }
    truth |= {name: _alpha(many, name.split(", ")[1]) for name in measures if name.startswith("alpha")}

    def one(rng: Rng) -> Holds:
        ratings = rated(rng, items)
        ends = {name: measure(ratings).interval() for name, measure in measures.items()}
        return {name: end is not None and end[0] <= (truth[name] or 0) <= end[1] for name, end in ends.items()}

    return one


def _alpha(ratings: np.ndarray, level: str) -> float:
    """Alpha of very many items: the interval, which would take one alpha an item, is not wanted."""
    blocks = np.arange(len(ratings)) % 20
    return krippendorff(ratings, level, blocks).value or 0.0  # type: ignore[arg-type]


def powered(clusters: int, size: int, noise: float) -> Callable[[Rng], Holds]:
    """60 of 600 items are labelled; the judge's noise is beside labels of spread 1."""

    def one(rng: Rng) -> Holds:
        codes = np.repeat(np.arange(clusters), size)
        truth = np.sqrt(0.3) * rng.normal(size=clusters)[codes] + np.sqrt(0.7) * rng.normal(size=clusters * size)
        judge = truth + rng.normal(0, noise, len(truth)) if noise < 100 else rng.normal(size=len(truth))
        labels = np.where(codes < clusters // 10, truth, np.nan)
        found = powered_mean(labels, judge, codes)
        ends, half = found.interval(), clustered.mean(labels, codes, codes * 0).interval()
        narrower = ends is not None and half is not None and ends[1] - ends[0] < half[1] - half[0]
        return {
            "people and judge": ends is not None and ends[0] <= 0 <= ends[1],
            "people alone": half is not None and half[0] <= 0 <= half[1],
            "narrower together": narrower,
        }

    return one


def means(prompts: int, raters: int) -> Callable[[Rng], Holds]:
    """Every prompt is rated by three raters; prompts and raters have a level of their own."""

    def one(rng: Rng) -> Holds:
        prompt = np.repeat(np.arange(prompts), 3)
        rater = np.concatenate([rng.permutation(raters)[:3] for _ in range(prompts)])
        values = rng.normal(0, 1, prompts)[prompt] + rng.normal(0, 0.5, raters)[rater] + rng.normal(0, 1, len(prompt))
        each = np.arange(len(prompt))
        ways = {"clustered": (prompt, rater), "by prompt": (prompt, rater * 0), "a rating each": (each, rater * 0)}
        ends = {name: clustered.mean(values, *way).interval() for name, way in ways.items()}
        return {name: end is not None and end[0] <= 0 <= end[1] for name, end in ends.items()}

    return one


def corrected(rng: Rng) -> Holds:
    truth = (rng.random(1200) < 0.3).astype(float)
    judge = (rng.random(1200) < np.where(truth == 1, 0.85, 0.1)).astype(float)
    ends = corrected_rate(np.where(np.arange(1200) < 200, truth, np.nan), judge).interval()
    return {"Rogan-Gladen": ends is not None and ends[0] <= 0.3 <= ends[1]}


def settings(seed: int) -> Iterator[tuple[str, Callable[[Rng], Holds]]]:
    for prompts, raters, each in ((40, 12, 6), (100, 12, 4), (100, 30, 6)):
        yield f"Bradley-Terry, {prompts} prompts x {each}, {raters} raters", strengths(prompts, raters, each, seed)
    for prompts, raters in ((30, 4), (100, 8), (100, 30)):
        yield f"means, {prompts} prompts x 3, {raters} raters", means(prompts, raters)
    for items in (25, 100):
        yield f"agreement, {items} items, 3 raters", agreements(items, seed)
    for clusters, size in ((600, 1), (120, 5)):
        for judge, noise in (("good", 0.4), ("weak", 3.0), ("useless", 1e9)):
            yield f"PPI++, {clusters} clusters of {size}, {judge} judge", powered(clusters, size, noise)
    yield "Rogan-Gladen, 200 of 1,200 labelled", corrected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name, draw in settings(given.seed):
        rng = np.random.default_rng(given.seed + 1)
        held = [draw(rng) for _ in range(given.repeats)]
        shares = {key: 100 * np.mean([one[key] for one in held]) for key in held[0]}
        print(f"{name}: " + ", ".join(f"{key} {share:.1f}" for key, share in shares.items()), flush=True)


if __name__ == "__main__":
    main()
