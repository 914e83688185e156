"""Published human evaluations with our own statistics: python benchmarks/people.py --data DIR.

WMT22's direct assessment, MQM of newstest2020 and 2021, AlpacaEval, LLMBar, FairEval, and how far raters of MQM agree.
Every comparison says how many published numbers came out to their printed digits; the exit code is 1 if one did not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mirror import add_data
from scipy.stats import mannwhitneyu

from harness.people import meta
from harness.people.agreement import Agreement, agreement
from harness.people.alpha import krippendorff
from harness.people.scores import mqm

STARS = (0.05, 0.01, 0.001)
WINS = {2: 1.0, 1: 0.0}
"""AlpacaEval's preference for the model; 0 and 1.5 are ties."""


@dataclass(frozen=True, slots=True)
class Check:
    """How many published numbers of a table were compared, and those that differ."""

    name: str
    compared: int
    differ: tuple[str, ...]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check(name: str, pairs: list[tuple[str, object, object]]) -> Check:
    return Check(name, len(pairs), tuple(f"{what}: {ours} {theirs}" for what, ours, theirs in pairs if ours != theirs))


# ----------------------------------------------------------------------------------------------------------------- WMT
def direct_assessment(folder: Path) -> Iterator[Check]:
    """Means over segments of every system, and the stars of a one-sided rank-sum test of two systems' segments."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in read(folder / "seg_scores.jsonl"):
        rows.setdefault(row["system"], []).append(row)
    z = {system: np.array([row["z"] for row in own]) for system, own in rows.items()}
    pairs: list[tuple[str, object, object]] = []
    for row in read(folder / "sys_ranking.jsonl"):
        own = rows[row["system"]]
        ours = {
            "raw": round(float(np.mean([one["raw"] for one in own])), 1), "z": round(float(z[row["system"]].mean()), 3),
            "segments": len(own), "judgements": sum(one["n"] for one in own),
        }  # fmt: skip
        pairs += [(f"{row['system']} {key}", value, row[key]) for key, value in ours.items()]
    yield check(f"WMT22 DA {folder.name}: raw, z, segments, judgements", pairs)
    pairs = []
    for row in read(folder / "differences.jsonl"):
        one, two = z[row["system"]], z[row["other"]]
        p = float(mannwhitneyu(one, two, alternative="greater", method="asymptotic").pvalue)
        what = f"{row['system']} - {row['other']}"
        pairs += [
            (what, round(float(one.mean() - two.mean()), 2) + 0.0, row["difference"] + 0.0),
            (f"{what} stars", sum(p < limit for limit in STARS), row["stars"]),
        ]
    yield check(f"WMT22 DA {folder.name}: differences and stars", pairs)


def mqm_table(folder: Path, year: str) -> Check:
    """Mean MQM of every system, higher worse, and its rank."""
    scores: dict[str, list[float]] = {}
    for row in read(folder / f"{year}.en-de.jsonl"):
        if row["mqm"] is not None:
            scores.setdefault(row["system"], []).append(-row["mqm"])
    published = read(folder / f"{year}.en-de.published.jsonl")
    means = {row["system"]: float(np.mean(scores[row["system"]])) for row in published}
    order = sorted(means, key=means.__getitem__)
    pairs: list[tuple[str, object, object]] = []
    for row in published:
        pairs += [
            (row["system"], round(means[row["system"]], 2), row["mqm"]),
            (f"{row['system']} rank", order.index(row["system"]) + 1, row["rank"]),
        ]
    return check(f"MQM {year} en-de: score and rank", pairs)


def experts_and_crowd(folder: Path, year: str) -> tuple[float, float, float]:
    """Pearson, Spearman and pairwise accuracy of the published MQM and direct assessment of systems."""
    rows = read(folder / f"{year}.en-de.published.jsonl")
    experts, crowd = np.array([-row["mqm"] for row in rows]), np.array([row["wmt_da"] for row in rows])
    accuracy = meta.pairwise_accuracy(experts[None, :], crowd[None, :])
    return meta.correlation(experts, crowd, "pearson")[0], meta.correlation(experts, crowd, "spearman")[0], accuracy


def side_by_side(folder: Path) -> dict[str, Agreement]:
    """Agreement of MQM's raters on zh-en: every text rated by three of them."""
    scores: dict[tuple[int, str], dict[str, float]] = {}
    for row in read(folder / "zh-en.jsonl"):
        marks = [(e["category"], e["severity"]) for e in row["errors"] if e["severity"].casefold() != "hotw-test"]
        scores.setdefault((row["segment"], row["system"]), {})[row["rater"]] = mqm(marks)
    raters = sorted({rater for own in scores.values() for rater in own})
    table = np.array([[own.get(rater, np.nan) for rater in raters] for own in scores.values()])
    segments = np.array([segment for segment, _ in scores])
    faultless = np.where(np.isnan(table), np.nan, (table == 0).astype(float))
    return {
        "score, alpha (interval)": krippendorff(np.round(table, 1), "interval", segments),
        "faultless or not, agreement": agreement(faultless, "percent", clusters=segments),
        "faultless or not, AC1": agreement(faultless, "gwet", clusters=segments),
        "faultless or not, Fleiss": agreement(faultless, "fleiss", clusters=segments),
    }


# -------------------------------------------------------------------------------------------------------------- judges
def alpaca_eval(folder: Path) -> Check:
    """Win rate over text_davinci_003 and its standard error, of every model at hand."""
    pairs: list[tuple[str, object, object]] = []
    for row in read(folder / "leaderboard.jsonl"):
        said = [one["preference"] for one in read(folder / f"{row['model']}.jsonl")]
        wins = np.array([WINS.get(one, 0.5) for one in said if one is not None])
        error = wins.std(ddof=1) / np.sqrt(len(wins))
        for key, value in (("win_rate", 100 * wins.mean()), ("standard_error", 100 * error), ("n_total", len(wins))):
            pairs.append((f"{row['model']} {key}", round(float(value), 9), round(row[key], 9)))
    return check("AlpacaEval: win rate, standard error, n", pairs)


def llmbar(folder: Path) -> Iterator[tuple[Check, list[tuple[str, Agreement]]]]:
    """Verdicts that agree with people in either order, in both, and with each other; kappa of the better judges."""
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        pairs: list[tuple[str, object, object]] = []
        kappas = []
        for file in sorted(place.glob("*_statistics.json")):
            judge, rows = (
                file.name.removesuffix("_statistics.json"),
                read(place / file.name.replace("_statistics.json", ".jsonl")),
            )
            for strategy, published in json.loads(file.read_text(encoding="utf-8")).items():
                said = np.array([[one or "" for one in row["winners"][strategy]] for row in rows])
                right = said == np.array([str(row["label"]) for row in rows])[:, None]
                ours = {
                    "correct_False": right[:, 0].sum(), "correct_True": right[:, 1].sum(),
                    "correct_both": right.all(axis=1).sum(), "equal": (said[:, 0] == said[:, 1]).sum(), "n": len(rows),
                }  # fmt: skip
                pairs += [(f"{judge} {strategy} {key}", int(ours[key]), value) for key, value in published.items()]
                if strategy == "Vanilla":
                    kappas.append((judge, _kappa(rows, said)))
        yield check(f"LLMBar {place.name}", pairs), kappas


def _kappa(rows: list[dict[str, Any]], said: np.ndarray) -> Agreement:
    """Cohen's kappa of people and the judge in both orders; pairs are drawn together."""
    numbers = {"1": 1.0, "2": 2.0}
    people = np.repeat([float(row["label"]) for row in rows], 2)
    judge = np.array([numbers.get(one, np.nan) for one in said.ravel()])
    return agreement(np.stack([people, judge], axis=1), "conger", clusters=np.repeat(np.arange(len(rows)), 2))


def faireval(folder: Path) -> str:
    said = [row["human"] for row in read(folder / "pairs.jsonl")]
    first, second, ties = (said.count(one) for one in (1, 2, 0))
    return f"FairEval: people prefer ChatGPT {first}, Vicuna-13B {second}, ties {ties} of {len(said)}"


def shown(name: str, found: Agreement) -> str:
    ends = found.interval()
    return (
        f"  {name}: {found.value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}], {found.items} items" if ends else f"  {name}: -"
    )


def checks(human: Path) -> Iterator[Check]:
    for pair in ("de-en", "cs-en"):
        yield from direct_assessment(human / "wmt22_da" / pair)
    for year in ("newstest2020", "newstest2021"):
        yield mqm_table(human / "wmt_mqm", year)
    yield alpaca_eval(human / "alpaca_eval")
    for one, _ in llmbar(human / "llmbar"):
        yield one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    human, wrong = parser.parse_args().data / "predictions" / "human", 0
    for one in checks(human):
        print(f"{one.name}: {one.compared - len(one.differ)} of {one.compared}", *one.differ[:10], sep="\n  ")
        wrong += len(one.differ)
    print(faireval(human / "faireval"))
    for year in ("newstest2020", "newstest2021"):
        print("{}: MQM against DA: Pearson {:.3f}, Spearman {:.3f}, pairs {:.3f}".format(
            year, *experts_and_crowd(human / "wmt_mqm", year)))  # fmt: skip
    for place, (_, kappas) in zip(("GPTInst", "Natural", "Neighbor"), llmbar(human / "llmbar"), strict=True):
        print(f"LLMBar {place}: kappa of people and the plain prompt", *(shown(*one) for one in kappas), sep="\n")
    print("MQM zh-en: three raters a text", *(shown(*one) for one in side_by_side(human / "sxs_mqm").items()), sep="\n")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
