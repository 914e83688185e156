"""How often the 95 % intervals hold the truth: every kind of number, small n, few clusters.

python benchmarks/interval_coverage.py [--repeats 1000] [--seed 0] [--only NAME]

A population of answers is made for each kind of number, clusters that share an effect among them; samples are drawn
from it, and the number of the population is the truth. Of each cell: the share of the intervals that hold the truth
(in per cent), "-" where fewer than one in ten samples has an interval, "!" where an end lay outside the metric's range.
The two-run rows are of the difference between two models on the same examples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.metrics import calibrate, classify, likelihood, stats, text
from harness.types import Metric

SHAPES = ((2, 1), (5, 1), (10, 1), (20, 1), (50, 1), (5, 10), (10, 5))
"""(clusters, examples of each)."""
CLUSTERS = 4000
SHARED = 0.3
"""Share of the variance that the examples of a cluster have in common."""

Latent = Callable[[], np.ndarray]
"""A draw of standard normal numbers [CLUSTERS, size], alike within a cluster."""
Make = Callable[[np.random.Generator, Latent], np.ndarray]
"""Answers as rows [CLUSTERS, size, k]."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of number: its metric, how its answers come about, its range, and the truth where it is known exactly.

    With ``other`` it is the difference between two models; rows of both lie side by side, the second's from ``other``.
    """

    name: str
    metric: Metric
    make: Make
    range: tuple[float, float]
    truth: float | None = None
    other: int = 0


def normal(rng: np.random.Generator, size: int) -> Latent:
    shared = SHARED if size > 1 else 0.0

    def draw() -> np.ndarray:
        common, own = rng.normal(size=(CLUSTERS, 1)), rng.normal(size=(CLUSTERS, size))
        return np.asarray(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)

    return draw


def uniform(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return np.asarray(ndtr(z))


def right(share: float) -> Make:
    return lambda rng, latent: (uniform(latent()) < share).astype(float)[..., None]


def overlap(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    """Scores such as ROUGE-2: many zeros, and a long tail."""
    from scipy.stats import beta

    u = uniform(latent())
    return np.where(u < 0.35, 0.0, beta.ppf((u - 0.35) / 0.65, 1.2, 4.0))[..., None]


def word_f1(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    """Scores such as SQuAD's F1: mostly 1, some 0, some between."""
    u = uniform(latent())
    return np.clip((u - 0.1) * 2.0, 0.0, 1.0)[..., None]


def labels(row: Callable[..., np.ndarray]) -> Make:
    """A label that is positive in 30 %, predicted with errors."""

    def make(rng: np.random.Generator, latent: Latent) -> np.ndarray:
        gold = rng.random(latent().shape) < 0.3
        said = np.where(uniform(latent()) < 0.8, gold, ~gold)
        return row(gold, said)

    return make


def binary(gold: np.ndarray, said: np.ndarray) -> np.ndarray:
    return np.stack([gold & said, gold, said], -1).astype(float)


def confusion(gold: np.ndarray, said: np.ndarray) -> np.ndarray:
    return np.stack([~gold & ~said, gold & said, ~gold, gold, ~said, said], -1).astype(float)


def pair(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    x = latent()
    return np.stack([x, 0.7 * x + np.sqrt(0.51) * latent()], -1)


def correlated(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    x, y = np.moveaxis(pair(rng, latent), -1, 0)
    return np.stack([x, y, x * x, y * y, x * y], -1)


def documents(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    """Texts of very different lengths and difficulty: (log-probability, words)."""
    count = np.ceil(np.exp(4.0 + 0.8 * rng.normal(size=latent().shape)))
    return np.stack([-count * np.exp(1.0 + 0.4 * latent()), count], -1)


def easy(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    rows = documents(rng, latent)
    rows[..., 0] /= 10.0
    return rows


def translations(rng: np.random.Generator, latent: Latent) -> np.ndarray:
    """BLEU's counts: lengths, and matches of each order that fall with the order."""
    quality = uniform(0.6 * latent() - 0.1)
    length = rng.poisson(20, quality.shape) + 4.0
    totals = np.stack([length - k for k in range(4)], -1)
    matches = np.stack([rng.binomial(totals[..., k].astype(int), quality ** (k + 1)) for k in range(4)], -1)
    reference = np.maximum(1.0, length + rng.integers(-3, 4, quality.shape))
    return np.concatenate([length[..., None], reference[..., None], matches, totals], -1).astype(float)


def confident(power: float) -> Make:
    def make(rng: np.random.Generator, latent: Latent) -> np.ndarray:
        from scipy.stats import beta

        confidence = beta.ppf(uniform(latent()), 4, 2)
        return np.stack([confidence, uniform(latent()) < confidence**power], -1).astype(float)

    return make


def both(make: Make, worse: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Make:
    def two(rng: np.random.Generator, latent: Latent) -> np.ndarray:
        first = make(rng, latent)
        return np.concatenate([first, worse(rng, first)], -1)

    return two


def breaking(share: float) -> Callable[[np.random.Generator, np.ndarray], np.ndarray]:
    """So many of the answers get 0, the others stay."""
    return lambda rng, rows: np.where(rng.random((*rows.shape[:-1], 1)) < share, 0.0, rows)


def swapping(share: float) -> Callable[[np.random.Generator, np.ndarray], np.ndarray]:
    """So many of the answers are those of other examples."""

    def worse(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        other = rows[rng.permutation(len(rows))]
        return np.where(rng.random((*rows.shape[:-1], 1)) < share, other, rows)

    return worse


def kinds() -> Iterator[Kind]:
    rouge2 = next(metric for metric in text.rouges() if metric.name == "rouge2")
    ours = {metric.name: metric for metric in calibrate.METRICS}
    acc, unit, infinite = classify.accuracy, (0.0, 1.0), float("inf")
    yield Kind("accuracy .7", acc, right(0.7), unit, 0.7)
    yield Kind("accuracy .95", acc, right(0.95), unit, 0.95)
    yield Kind("ROUGE-2", rouge2, overlap, unit)
    yield Kind("F1 of words", text.squad_f1, word_f1, unit)
    yield Kind("F1", classify.f1(), labels(binary), unit)
    yield Kind("F1, macro", classify.f1_labels(), labels(confusion), unit)
    yield Kind("Matthews", classify.matthews(), labels(confusion), (-1.0, 1.0))
    yield Kind("Pearson", classify.pearson(), correlated, (-1.0, 1.0))
    yield Kind("Spearman", classify.spearman(), pair, (-1.0, 1.0))
    yield Kind("BLEU", text.bleu(), translations, (0.0, 100.0))
    yield Kind("perplexity", likelihood.word_perplexity, documents, (1.0, infinite))
    yield Kind("perplexity near 1", likelihood.word_perplexity, easy, (1.0, infinite))
    yield Kind("bits per byte", likelihood.bits_per_byte, documents, (0.0, infinite))
    for name in ("ece_width_10", "ece_mass_10"):
        yield Kind(f"{name}, calibrated", ours[name], confident(1.0), unit, 0.0)
        yield Kind(f"{name}, overconfident", ours[name], confident(2.0), unit)
    yield Kind("acc_at_50", ours["acc_at_50"], confident(1.0), unit)
    yield Kind("acc_at_80", ours["acc_at_80"], confident(1.0), unit)
    yield Kind("two runs: accuracy, 5 points lost", acc, both(right(0.8), breaking(0.0625)), (-1.0, 1.0), -0.05, 1)
    yield Kind("two runs: accuracy, noisy", acc, both(right(0.7), swapping(0.4)), (-1.0, 1.0), 0.0, 1)
    yield Kind("two runs: F1 of words, 5 points lost", text.squad_f1, both(word_f1, breaking(0.075)), (-1, 1), None, 1)
    yield Kind("two runs: ROUGE-2", rouge2, both(overlap, swapping(0.5)), (-1.0, 1.0), None, 1)
    yield Kind("two runs: F1", classify.f1(), both(labels(binary), swapping(0.2)), (-1.0, 1.0), None, 3)
    yield Kind("two runs: BLEU", text.bleu(), both(translations, swapping(0.3)), (-100.0, 100.0), None, 10)
    yield Kind(
        "two runs: perplexity", likelihood.word_perplexity, both(documents, harder), (-infinite, infinite), None, 2
    )


def harder(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """The same texts, each a little less likely."""
    return np.stack([rows[..., 0] * np.exp(0.05 + 0.1 * rng.normal(size=rows.shape[:-1])), rows[..., 1]], -1)


def ends(kind: Kind, rows: np.ndarray, groups: np.ndarray) -> tuple[float, float] | None:
    """The interval of a sample; None where there is none or the number itself is undefined."""
    if kind.other:
        found = stats.paired(kind.metric, rows[:, : -kind.other], rows[:, -kind.other :], groups, tested=False)
        return None if found.low is None or found.high is None else (found.low, found.high)
    if not np.isfinite(stats.point(kind.metric, rows)):
        return None
    return stats.confidence(kind.metric, rows, groups)


def cell(kind: Kind, count: int, size: int, repeats: int, seed: int) -> str:
    """Coverage in per cent over ``repeats`` samples of ``count`` clusters of ``size`` examples."""
    rng = np.random.default_rng([seed, count, size])
    population = kind.make(rng, normal(rng, size))
    flat = population.reshape(CLUSTERS * size, -1)
    truth = kind.truth
    if truth is None and kind.other:
        truth = stats.point(kind.metric, flat[:, -kind.other :]) - stats.point(kind.metric, flat[:, : -kind.other])
    elif truth is None:
        truth = stats.point(kind.metric, flat)
    groups = np.repeat(np.arange(count), size)
    held, given, outside = 0, 0, 0
    for _ in range(repeats):
        rows = population[rng.integers(CLUSTERS, size=count)].reshape(count * size, -1)
        found = ends(kind, rows, groups)
        if found is not None:
            given += 1
            held += found[0] <= truth <= found[1]
            outside += found[0] < kind.range[0] - 1e-12 or found[1] > kind.range[1] + 1e-12
    if given < repeats / 10:
        return "-"
    return f"{100 * held / given:.1f}{'!' if outside else ''}"


def averages(count: int, size: int, repeats: int, seed: int) -> str:
    """A group's average of three tasks: an accuracy of .95, one of .6, and the mean of accuracy and F1 of a third."""
    rng = np.random.default_rng([seed, count, size])
    made = [
        right(0.95)(rng, normal(rng, size)), right(0.6)(rng, normal(rng, size)),
        labels(lambda g, s: np.concatenate([(g == s)[..., None], binary(g, s)], -1))(rng, normal(rng, size)),
    ]  # fmt: skip
    acc, f1 = classify.accuracy, classify.f1()
    flat = made[2].reshape(-1, 4)
    truth = (0.95 + 0.6 + (stats.point(acc, flat[:, :1]) + stats.point(f1, flat[:, 1:])) / 2) / 3
    groups, held, given = np.repeat(np.arange(count), size), 0, 0
    for _ in range(repeats):
        one, two, three = (part[rng.integers(CLUSTERS, size=count)].reshape(count * size, -1) for part in made)
        parts = [
            stats.mean_of_metrics([(acc, one)], groups), stats.mean_of_metrics([(acc, two)], groups),
            stats.mean_of_metrics([(acc, three[:, :1]), (f1, three[:, 1:])], groups),
        ]  # fmt: skip
        interval = stats.mean_of_parts(parts)[1]
        given += interval is not None
        held += interval is not None and interval[0] <= truth <= interval[1]
    return f"{100 * held / given:.1f}" if given else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="NAME", help="kinds whose name holds this")
    asked = parser.parse_args()
    names = [f"n = {count}" if size == 1 else f"{count} x {size}" for count, size in SHAPES]
    print(f"| number | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for kind in kinds():
        if asked.only in kind.name:
            found = [cell(kind, count, size, asked.repeats, asked.seed) for count, size in SHAPES]
            print(f"| {kind.name} | {' | '.join(found)} |", flush=True)
    if asked.only in "average of a group":
        found = [averages(count, size, asked.repeats, asked.seed) for count, size in SHAPES]
        print(f"| average of a group | {' | '.join(found)} |")


if __name__ == "__main__":
    main()
