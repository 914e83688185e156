"""Group gaps against direct definitions, planted gaps, and groups that are empty or of one."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.api import evaluate
from harness.cli.main import main
from harness.errors import DataError, UnknownName
from harness.metrics.fairness import Decision, Fairness, compare_groups, decisions
from harness.types import Chosen, Example, Judged, Outcome


def made(n: int, seed: int, rates: dict[str, float], repeat: int = 1) -> list[Decision]:
    """Decisions whose groups give the positive label at these rates, whatever is due."""
    rng, out = np.random.default_rng(seed), []
    for i in range(n):
        group = sorted(rates)[i % len(rates)]
        due, given = bool(rng.random() < 0.5), bool(rng.random() < rates[group])
        out += [Decision(group, str(i), due == given, due, given)] * repeat
    return out


def gaps(found: Fairness) -> dict[str, float | None]:
    return {g.name: g.value for g in found.gaps}


@pytest.mark.parametrize("seed", range(3))
def test_gaps_equal_the_definitions(seed: int) -> None:
    found = made(200, seed, {"a": 0.3, "b": 0.5, "c": 0.8})

    def share(name: str, keep: list[Decision]) -> float:
        hits = [d.correct if name == "accuracy" else d.given for d in keep]
        return sum(map(bool, hits)) / len(hits)

    def gap(name: str, due: bool | None = None) -> float:
        parts = [[d for d in found if d.group == g and (due is None or d.due == due)] for g in "abc"]
        return max(share(name, p) for p in parts) - min(share(name, p) for p in parts)

    told = gaps(compare_groups(found))
    tpr, fpr = gap("given", True), gap("given", False)
    assert told["accuracy gap"] == pytest.approx(gap("accuracy"))
    assert told["selection rate gap"] == pytest.approx(gap("given"))
    assert (told["true-positive rate gap"], told["false-positive rate gap"]) == pytest.approx((tpr, fpr))
    assert told["equalized odds gap"] == pytest.approx(max(tpr, fpr))
    assert told["worst-group accuracy"] == min(share("accuracy", [d for d in found if d.group == g]) for g in "abc")


def test_a_planted_gap_is_beyond_chance_and_none_is_not() -> None:
    for rates, beyond in (({"a": 0.2, "b": 0.7}, True), ({"a": 0.5, "b": 0.5}, False)):
        (gap,) = [g for g in compare_groups(made(400, 1, rates)).gaps if g.name == "selection rate gap"]
        assert gap.low is not None and gap.high is not None and gap.chance is not None and gap.value is not None
        assert (gap.low > 4 * gap.chance) == beyond
        assert gap.low <= max(rates.values()) - min(rates.values()) + 0.02 and gap.value <= gap.high
        if beyond:
            assert (gap.highest, gap.lowest) == ("b", "a") and abs(gap.value - 0.5) < 0.1


def test_the_interval_covers_a_true_gap() -> None:
    covered = []
    for seed in range(30):
        (gap,) = [g for g in compare_groups(made(300, seed, {"a": 0.3, "b": 0.6})).gaps if g.name[:3] == "sel"]
        covered.append((gap.low or 0) <= 0.3 <= (gap.high or 0))
    assert np.mean(covered) >= 0.9


def test_repeats_in_a_cluster_are_no_evidence() -> None:
    one, five = (compare_groups(made(100, 3, {"a": 0.3, "b": 0.6}, repeat=k)).gaps[1] for k in (1, 5))
    assert five.value == pytest.approx(one.value) and five.n == 5 * one.n and five.clusters == one.clusters
    assert (five.low, five.high, five.chance) == pytest.approx((one.low, one.high, one.chance))


def test_empty_parts_and_a_group_of_one() -> None:
    found = [Decision("a", str(i), True, True, True) for i in range(20)] + [Decision("b", "x", False, False, True)]
    told = {g.name: g for g in compare_groups(found).gaps}
    assert told["accuracy gap"].value == 1.0 and told["worst-group accuracy"].lowest == "b"
    assert told["true-positive rate gap"].value is None  # nobody in b is due the positive label
    rates = {(r.rate, r.group): r for r in compare_groups(found).rates}
    assert (rates["accuracy", "b"].n, rates["accuracy", "b"].low) == (1, None)
    assert ("true-positive rate", "b") not in rates
    plain = compare_groups([Decision("ab"[i % 2], str(i), i % 3 == 0) for i in range(30)])
    assert {g.name for g in plain.gaps} == {"accuracy gap", "worst-group accuracy"}


def outcome(i: int, slices: dict[str, str], picked: int = 1, labels: int = 2) -> Outcome:
    example = Example(str(i), {"choices": ["no", "yes", "maybe"][:labels]}, 1, slices)
    return Outcome(example, (), (Chosen(picked),), Judged("yes", {}, picked == 1))


def test_decisions_from_samples() -> None:
    held = [outcome(0, {"sex": "f"}), outcome(1, {"sex": "m"}, 0), outcome(2, {})]
    assert decisions(held, "sex") == [Decision("f", "example 0", True, True, True),
                                      Decision("m", "example 1", False, True, False)]  # fmt: skip
    three = [outcome(i, {"sex": "fm"[i]}, labels=3) for i in range(2)]
    assert decisions(three, "sex")[0].due is None and decisions(three, "sex", "no")[0].due is False
    with pytest.raises(UnknownName, match="sex"):
        decisions(held, "age")
    with pytest.raises(UnknownName, match="maybe"):
        decisions(three, "sex", "perhaps")
    with pytest.raises(DataError, match="one group only"):
        decisions(held[:1], "sex")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "s")
    run = evaluate("scripted:opposite", ["demo/sentiment"], store=place).run.id
    with pytest.raises(SystemExit) as stop:
        main(["fairness", run, "demo/sentiment", "--by", "topic", "--store", place, "--json", str(tmp_path / "f.json")])
    assert stop.value.code == 0 and "selection rate gap" in capsys.readouterr().out
    told = json.loads((tmp_path / "f.json").read_text())
    assert {g["name"]: g["value"] for g in told["gaps"]}["worst-group accuracy"] == 0.0
    with pytest.raises(SystemExit) as stop:
        main(["fairness", run, "demo/sentiment", "--by", "age", "--store", place])
    assert stop.value.code == 2 and "topic" in capsys.readouterr().err
