"""The bias card: verdicts on numbers made by hand, a planted bias that is found and an absent one that is not.

Run as a script it prints how often each planted bias is found, beside the power that is promised.
"""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random

import numpy as np
import pytest
from lxml import etree
from scipy.stats import t

from harness.api import evaluate
from harness.cli.main import main
from harness.engine.backend import Batch
from harness.errors import DataError
from harness.kinds import About, Data, multiple_choice, pair
from harness.marks import WORDS
from harness.metrics import stats
from harness.metrics.classify import mean
from harness.metrics.fairness import Gap
from harness.metrics.ideals import FEWEST, against, side_of
from harness.metrics.measures import Measure
from harness.metrics.stored import recorded
from harness.plugins import about_bias
from harness.store import open_store
from harness.types import Card, Dataset, Estimate, Likelihood, MetricRecord, ModelInfo, Question, Scored, Task
from harness_reports import REPORTS
from harness_reports.bias import gather, read_flips, read_gap, read_probe

CRITICISM = "Blodgett et al. 2021 find pitfalls in its <pairs>."
CARD = Card(measures="m", limits=CRITICISM, source="s", licence="MIT")
STEREOTYPED = mean("stereotyped", better="ideal", ideal=50.0)
SS = MetricRecord(name="ss", better="ideal", ideal=50.0)


# ----------------------------------------------------------------------------------------------------------- verdicts
def number(value: float | None, low: float | None, high: float | None, clusters: int = 90) -> Estimate:
    return Estimate("t", "stereotyped", "all", value, low, high, 100 if value is not None else 0, clusters, 2)


@pytest.mark.parametrize(
    ("given", "differs", "verdict"),
    [
        (number(60, 52, 68), True, "differs from 50 %: stereotype preferred"),
        (number(40, 32, 48), True, "differs from 50 %: anti-stereotype preferred"),
        (number(55, 45, 65), False, "not distinguishable from 50 %"),
        (number(None, None, None), None, "no number: 0 judged, 2 failed"),
        (number(90, None, None, 1), None, "no verdict: 1 cluster is too few"),
        (number(90, 90, 90, 2), None, "no verdict: 2 clusters are too few"),
        (number(90, 85, 95, 5), None, "no verdict: 5 clusters are too few"),
        (number(50, 50, 50), False, "equal to 50 % in all 100 examples"),
    ],
)
def test_verdicts_of_probes(given: Estimate, differs: bool | None, verdict: str) -> None:
    found = read_probe(given, SS)
    assert (found.differs, found.verdict) == (differs, verdict)


def test_a_number_that_shows_nothing_says_what_it_could_have_shown() -> None:
    assert read_probe(number(55, 45, 65), SS).proviso == "n = 100 is too small to see less than 14.26 points"
    assert read_probe(number(60, 52, 68), SS).proviso == ""


@pytest.mark.parametrize("clusters", range(1, 12))
@pytest.mark.parametrize("low", [30.0, 45.0, 55.0])
def test_table_page_and_card_give_one_verdict(low: float, clusters: int) -> None:
    e = number(low + 5, low, low + 10, clusters)
    card, table, page = read_probe(e, SS), against(e, SS), WORDS[side_of(e, 50)]
    assert (card.differs is None) == table.startswith("no verdict") == (page == "no verdict") == (clusters < FEWEST)
    if card.differs is not None:
        assert card.differs == table.startswith("differs") == (page != "ideal within the interval")


def test_the_smallest_detectable_effect_is_that_of_the_statistics() -> None:
    def least(quantile: float, clusters: int) -> float | None:
        return read_probe(number(55, 55 - quantile * 5, 55 + quantile * 5, clusters), SS).detectable

    assert least(1.959964, 10**7) == pytest.approx(2.801586 * 5, rel=1e-5)
    assert least(2.200985, 12) == pytest.approx((2.200985 + 0.875530) * 5, rel=1e-5)  # t with 11 degrees of freedom


def test_verdicts_of_gaps_and_flips() -> None:
    def gap(name: str, value: float | None, high: float) -> str:
        return read_gap(Gap(name, value, 0.1, 0.3, 0.05, high, "b", "a", 80, 80))

    assert gap("selection rate gap", 0.2, 0.1) == "beyond chance (b over a)"
    assert gap("selection rate gap", 0.2, 0.3).startswith("not distinguishable from chance (shuffled groups show 0.05")
    assert gap("worst-group accuracy", 0.2, 0.3) == "beyond chance (a)"
    assert gap("accuracy gap", None, 0.3).startswith("no gap")
    own, floor = (Estimate("t", "f", "all", v, v - 0.05, v + 0.05, 50, 50, 0) for v in (0.4, 0.1))
    assert read_flips(own, floor) == "flips more than a neutral edit"
    assert read_flips(floor, own) == "not distinguishable from a neutral edit (n = 50)"
    assert read_flips(own, None) == "no floor to compare with"


# ------------------------------------------------------------------------------------------------- a whole run's card
@dataclass
class Planted:
    """A model that prefers the first sentence of a share of the pairs, chosen by a seeded draw per pair."""

    rate: float
    info: ModelInfo = field(default_factory=lambda: ModelInfo("planted", {"rule": "rate"}, frozenset({Likelihood})))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        for i, q in enumerate(questions):
            first = Random(f"planted {q.example}").random() < self.rate
            score = -1.0 if first == (q.part == 0) else -2.0
            yield [(i, Scored(score, 1, 5, False, (score,)))]

    def stats(self) -> dict[str, float | str]:
        return {}


def pairs(folder: Path, n: int) -> Task:
    rows = [{"id": i, "more": f"stereotype {i}", "less": f"other {i}"} for i in range(n)]
    (folder / f"{n}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return pair(
        "pairs",
        data=Data(Dataset("pairs", path=str(folder / f"{n}.jsonl"))),
        first="{more}",
        second="{less}",
        measures=(Measure(STEREOTYPED, lambda e, one, two: 100.0 * (one.logprob > two.logprob)),),
        about=About(version=1, card=CARD, tags=("bias",)),
    )


@pytest.mark.parametrize(("rate", "differs"), [(0.5, False), (0.7, True), (0.3, True)])
def test_a_model_with_a_planted_bias(tmp_path: Path, rate: float, differs: bool) -> None:
    run = evaluate(Planted(rate), [pairs(tmp_path, 300)], store=str(tmp_path / "s")).run
    (probe,) = gather(open_store(str(tmp_path / "s")), run.id).probes
    assert probe.differs == differs and probe.n == 300 and probe.ideal == 50.0
    assert ("anti" in probe.verdict) == (rate < 0.5)


def test_gaps_swaps_and_limits_stand_on_the_card(tmp_path: Path) -> None:
    rows = [{"text": f"{'He' if i % 2 else 'She'} works {i}", "label": 0, "gender": "fm"[i % 2]} for i in range(40)]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = multiple_choice(
        "jobs",
        data=Data(Dataset("r", path=str(tmp_path / "r.jsonl")), slices=("gender",)),
        prompt="{text}:",
        choices=("no", "yes"),
        target="label",
        about=About(version=1, card=CARD),
    )
    place = str(tmp_path / "s")
    run = evaluate("scripted:oracle", [task], counterfactual=("gender",), store=place).run
    with pytest.raises(SystemExit) as stop:
        main(["report", run.id, "--format", "bias", "--store", place, "--out", str(tmp_path / "card")])
    assert stop.value.code == 0
    told = json.loads((tmp_path / "card" / "bias.json").read_text())
    assert told["schema"] == 2 and told["limits"] == {"jobs": CRITICISM}
    assert {g["gap"]["name"] for g in told["gaps"]} >= {"accuracy gap", "worst-group accuracy"}
    assert [(f["swapped"], f["value"], f["floor"], f["n"]) for f in told["flips"]] == [("gender", 0.0, 0.0, 40)]
    assert {p["metric"] for p in told["probes"]} == {
        f"{name}_change:{label}" for name in ("acc", "nll_choice") for label in ("gender", "gender_floor")
    } - {"acc_change:gender_floor", "nll_choice_change:gender_floor"}
    text = (tmp_path / "card" / "bias.md").read_text()
    assert "## Gaps between groups" in text and "&lt;pairs>" in text and "no sum" in text.lower()
    page = etree.HTML((tmp_path / "card" / "bias.html").read_text())
    assert page.findall(".//pairs") == [] and len(page.findall(".//table")) == 5


def test_a_number_without_an_ideal_stands_on_the_card_of_a_task_on_toxicity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), limit=8).run
    monkeypatch.setattr(import_module("harness_reports.bias"), "about_bias", lambda: {"demo/qa"})
    card = gather(open_store(str(tmp_path / "s")), run.id)
    exact = next(p for p in card.probes if (p.metric, p.slice) == ("exact_match", "all"))
    assert (exact.value, exact.ideal, exact.detectable, exact.differs) == (1.0, None, None, None)
    assert exact.verdict == "no ideal value is known: compare it between models or groups"
    assert not any("ece" in p.metric for p in card.probes) and "| - |" in REPORTS["bias"](
        open_store(str(tmp_path / "s")), [run.id], None
    )["bias.md"]  # fmt: skip


def test_tasks_on_toxicity_are_known_as_such() -> None:
    assert {"honest/en_binary", "bold", "rtp", "crows_pairs"} <= about_bias()


def test_a_run_without_any_of_it_has_no_card(tmp_path: Path) -> None:
    run = evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), limit=4).run
    with pytest.raises(DataError, match="no bias card"):
        REPORTS["bias"](open_store(str(tmp_path / "s")), [run.id], None)


# ------------------------------------------------------------------------------------------- how often a bias is found
def share_found(rate: float, n: int, seeds: range, size: int = 1, spread: float = 0.2) -> float:
    """How often the card says that it differs, for clusters of ``size`` whose rates vary (intra-cluster ``spread``)."""
    found = []
    clusters = np.repeat(np.arange(n // size), size)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        scale = 1 / spread - 1
        own = np.full(n, rate) if size == 1 else rng.beta(rate * scale, (1 - rate) * scale, n // size)[clusters]
        rows = np.where(rng.random(n) < own, 100.0, 0.0)
        low, high = stats.confidence(STEREOTYPED, rows, clusters) or (None, None)
        estimate = Estimate("t", "stereotyped", "all", float(rows.mean()), low, high, n, n // size, 0)
        found.append(bool(read_probe(estimate, recorded(STEREOTYPED)).differs))
    return float(np.mean(found))


def promised(rate: float, n: int, size: int = 1, spread: float = 0.2) -> float:
    """The power of a two-sided t test of a share at its true standard error and level 5 %, as the MDE assumes it."""
    error = np.sqrt(rate * (1 - rate) * (1 + (size - 1) * spread) / n)
    shift, freedom = abs(rate - 0.5) / error, n // size - 1
    beyond = stats.quantile(0.975, freedom)
    return float(t.cdf(shift - beyond, freedom) + t.cdf(-shift - beyond, freedom))


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize(
    ("rate", "n"), [(0.5, 60), (0.5, 300), (0.6, 60), (0.6, 300), (0.55, 1500), (0.7, 60), (0.7, 300)]
)
def test_a_bias_is_found_as_often_as_promised(rate: float, n: int, size: int) -> None:
    assert share_found(rate, n, range(200), size) == pytest.approx(promised(rate, n, size), abs=0.08)


def test_clusters_taken_for_independent_would_find_what_is_not_there() -> None:
    rows = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        own = rng.beta(2.0, 2.0, 60).repeat(5)
        given = np.where(rng.random(300) < own, 100.0, 0.0)
        low, high = stats.confidence(STEREOTYPED, given, np.arange(300)) or (0, 0)
        rows.append(not low <= 50 <= high)
    assert np.mean(rows) > 0.1  # against 0.05 with clusters, which the test above holds


if __name__ == "__main__":
    print("| rate | n | clusters | found | promised |\n|---|---|---|---|---|")
    for true_rate in (0.50, 0.55, 0.60, 0.70):
        for count in (60, 300, 1500):
            for members in (1, 5):
                shown = share_found(true_rate, count, range(2000), members), promised(true_rate, count, members)
                print(f"| {100 * true_rate:g} % | {count} | {count // members} | {shown[0]:.3f} | {shown[1]:.3f} |")
