"""What a campaign's report says: the better run wins, the random rater is found, metrics are held against people."""

from typing import Any

import numpy as np
import pytest
from rated import add_run, campaign
from scripted_raters import Answers, careful, conduct, goods, random, scored

from harness.errors import UnknownName, UsageError
from harness.people import desk
from harness.people.against import against, together
from harness.people.analysis import CampaignReport, Quantity, report
from harness.people.desk import Shown
from harness.store import Store


def row(found: CampaignReport, title: str, name: str) -> Quantity:
    section = next(one for one in found.sections if one.title == title)
    return next(one for one in section.rows if one.name.startswith(name))


def test_the_report_finds_the_better_run_and_the_random_rater(store: Store) -> None:
    name = conduct(store, campaign(attention=0.4, repeats=0.3, items=30), [careful, random(3)])
    found = report(store, name)
    careful_one, random_one = found.raters
    assert careful_one.doubts == () and careful_one.failed == 0
    assert careful_one.same == careful_one.repeated == 9
    assert any("checks of attention" in doubt for doubt in random_one.doubts)
    assert found.rated == found.assigned == sum(one.rated for one in found.raters)
    wins = row(found, "Win rates", "model-of-amber over model-of-basalt")
    assert wins.value is not None and wins.value > 0.55 and wins.n == 60


def test_two_careful_raters_agree_and_settle_it(store: Store) -> None:
    found = report(store, conduct(store, campaign(items=40), [careful, careful]))
    wins = row(found, "Win rates", "model-of-amber")
    assert wins.low is not None and wins.low > 0.5 and "settled" in wins.note and "not settled" not in wins.note
    assert row(found, "Agreement of raters", "Krippendorff alpha (ordinal)").value == 1


def test_strengths_of_three_runs_have_ranks(store: Store) -> None:
    add_run(store, "run-c", "model-c", [3] * 40)
    asked = campaign(runs=("run-a", "run-b", "run-c"), items=40, attention=0.0)

    def noisy(seed: int) -> Answers:
        rng = np.random.default_rng(seed)

        def rate(shown: Shown) -> dict[str, str]:
            one, two = (goods(text) + rng.normal(0, 1.5) for text in shown.texts)
            return {"choice": "first" if one > two else "second"}

        return rate

    found = report(store, conduct(store, asked, [noisy(0), noisy(1)]))
    best, worst = row(found, "Bradley-Terry", "model-of-amber"), row(found, "Bradley-Terry", "model-of-basalt")
    assert best.value is not None and worst.value is not None and best.value > worst.value + 50
    assert best.low is not None and best.low < best.value and "rank 1" in best.note
    equal = report(store, "letters", length=True)
    assert any(one.title == "Bradley-Terry at equal lengths" for one in equal.sections)


def test_a_difference_that_is_not_settled_says_how_many_more_ratings(store: Store) -> None:
    asked = campaign("direct", items=8, attention=0.0)
    found = report(store, conduct(store, asked, [scored(2, 0, 20, 100), scored(2, 1, 20, 100)]))
    gap = row(found, "Differences", "model-of-amber less")
    assert gap.low is not None and gap.high is not None and gap.low < 0 < gap.high
    assert "not settled: about" in gap.note


def test_scores_have_means_z_scores_and_shares(store: Store) -> None:
    found = report(
        store, conduct(store, campaign("direct", items=30), [scored(0.5, 0, 20, 100), scored(0.5, 1, 15, 100)])
    )
    assert (row(found, "Mean ratings", "model-of-amber").value or 0) > (
        row(found, "Mean ratings", "model-of-basalt").value or 0
    )
    z = [row(found, "Mean z scores", name).value or 0 for name in ("model-of-amber", "model-of-basalt")]
    assert z[0] > 0 > z[1] and sum(z) == pytest.approx(0, abs=1e-9)
    found = report(store, conduct(store, campaign("likert", version=2, items=30), [scored(0.3, 0), scored(0.3, 1)]))
    good = row(found, "Shares at least that good", "model-of-amber: at least good")
    great = row(found, "Shares at least that good", "model-of-amber: at least great")
    assert good.value is not None and great.value is not None and good.value >= great.value
    assert (row(found, "Agreement of raters", "Gwet AC2 (ordinal").value or 0) > 0.7


def test_marked_errors_and_labels_are_reported(store: Store) -> None:
    def mark(shown: Shown) -> dict[str, Any]:
        bads = shown.texts[0].count("bad ")
        error = {"category": "style", "severity": "major", "start": 0, "end": 3}
        return {"errors": [error] * bads}

    found = report(store, conduct(store, campaign("mqm", items=10, attention=0.0), [mark, mark]))
    amber, basalt = (row(found, "Mean ratings", name).value or 0 for name in ("model-of-amber", "model-of-basalt"))
    assert basalt > amber >= 0

    def label(shown: Shown) -> dict[str, Any]:
        return {"labels": ["rude"] if goods(shown.texts[0]) < 3 else []}

    found = report(store, conduct(store, campaign("labels", version=2, items=20, attention=0.0), [label, label]))
    rude = [
        row(found, "Shares of labels", f"{name}: rude").value or 0 for name in ("model-of-amber", "model-of-basalt")
    ]
    assert rude[1] > rude[0] and row(found, "Shares of labels", "model-of-amber: wrong").value == 0


def test_a_few_ratings_that_are_all_alike_settle_nothing(store: Store) -> None:
    add_run(store, "run-c", "model-c", [5] * 40)
    add_run(store, "run-d", "model-d", [0] * 40)
    asked = campaign(runs=("run-c", "run-d"), items=3, raters=1, ratings_per_item=1, attention=0.0, repeats=0.0)
    found = report(store, conduct(store, asked, [careful]))
    wins = row(found, "Win rates", "model-c over model-d")
    assert wins.value == 1.0 and wins.low is not None and wins.low < 0.5 and wins.high == 1.0
    assert "not settled" in wins.note


def test_agreement_beyond_chance_counts_the_anchors_that_nobody_used(store: Store) -> None:
    """AC1 by hand: 20 of 40 answers agree, the shares are 3/4 and 1/4, of five anchors."""
    asked = campaign("likert", items=20, attention=0.0, repeats=0.0)
    high: Answers = lambda shown: {"value": 5}  # noqa: E731
    mixed: Answers = lambda shown: {"value": 4 + shown.position % 2}  # noqa: E731
    found = report(store, conduct(store, asked, [high, mixed]))
    same, ac1 = (row(found, "Agreement of raters", name).value or 0 for name in ("same answer", "Gwet AC1"))
    top = (1 + same) / 2  # the share of the highest anchor among all ratings
    chance = 2 * top * (1 - top) / 4
    assert ac1 == pytest.approx((same - chance) / (1 - chance))


def test_metrics_are_held_against_ratings_of_a_single_run(store: Store) -> None:
    name = conduct(
        store, campaign("direct", runs=("run-a",), items=20, raters=1, ratings_per_item=1), [scored(0.5, 0, 20, 100)]
    )
    values = {one.agrees.statistic: one.agrees.value for one in against(store, ["run-a"], name).rows}
    assert (values["segment_pearson"] or 0) > 0.5 and values["segment_accuracy_tied_as_published"] is None


def test_skips_are_counted_and_judge_nothing(store: Store) -> None:
    name = conduct(store, campaign(attention=0.0, repeats=0.0), [careful, lambda shown: {"skipped": "unreadable"}])
    found = report(store, name)
    assert found.skipped == {"unreadable": 20} and found.raters[1].skipped == 20
    assert row(found, "Win rates", "model-of-amber").n == 20
    assert row(found, "Agreement of raters", "Gwet AC1").value is None


def test_a_campaign_without_ratings_has_no_numbers(store: Store) -> None:
    made, _, _ = desk.create(store, campaign())
    found = report(store, made.name)
    assert found.rated == 0 and all(one.value is None for section in found.sections for one in section.rows)
    with pytest.raises(UsageError, match="has no ratings yet"):
        against(store, [], made.name)


# ------------------------------------------------------------------------------------------------------------- metrics
def test_a_metric_is_held_against_people(store: Store) -> None:
    name = conduct(store, campaign("direct", items=40), [scored(0.5, 0, 20, 100), scored(0.5, 1, 20, 100)])
    found = against(store, ["run-a", "run-b"], name)
    assert (found.examples, found.scores, found.missing) == (40, 80, {"score": 0})
    values = {one.agrees.statistic: one.agrees for one in found.rows}
    assert "system_pearson" not in values  # two systems are always on one line
    pearson = values["segment_pearson"]
    assert pearson.value is not None and pearson.value > 0.8
    ends = pearson.interval()
    assert ends is not None and ends[0] < pearson.value < ends[1]
    with pytest.raises(UnknownName, match="metric of toy/letters"):
        against(store, [], name, metrics=["bleu"])
    add_run(store, "run-c", "model-c", [3] * 40)
    with pytest.raises(UsageError, match="did not rate the runs run-c"):
        against(store, ["run-c"], name)


def test_people_and_a_metric_together_are_more_certain_of_all_answers(store: Store) -> None:
    name = conduct(store, campaign("direct", items=16), [scored(0.3, 0, 20, 100), scored(0.3, 1, 20, 100)])
    for one in together(store, name, "score"):
        assert (one.powered.labels, one.powered.judged) == (16, 24)
        assert one.powered.error is not None and one.powered.classical_error is not None
        assert one.powered.error < one.powered.classical_error and (one.powered.saved or 0) > 3
    made, _, _ = desk.create(store, campaign(version=2))
    with pytest.raises(UsageError, match="asks for preference"):
        together(store, made.name, "score")
