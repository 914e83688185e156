"""Comparing runs: pairs by example, refusing what changed, counting what flipped; core and command line."""

from pathlib import Path

import numpy as np
import pytest

import harness.compare as comparing
from harness.cli.main import main
from harness.metrics.classify import accuracy
from harness.store import open_store


def made(correct: list[int], clusters: list[str] | None = None, prompt: str = "p") -> list[comparing.Answer]:
    return [
        comparing.Answer(
            str(place), clusters[place] if clusters else str(place), prompt, bool(value),
            {"accuracy": float(value)}, {}, "x", float(value),
        )
        for place, value in enumerate(correct)
    ]  # fmt: skip


def test_difference_counts_and_tests() -> None:
    ours, theirs = made([1] * 15 + [0] * 5 + [1] * 80), made([0] * 15 + [1] * 5 + [1] * 80)
    pairs, lost = comparing.pairs_of(ours, theirs, same=True)
    row = comparing.difference("t", accuracy, "all", pairs)
    assert row is not None and lost == 0
    assert (row.fixed, row.broken, row.dropped) == (5, 15, 0)
    assert row.paired.difference == pytest.approx(-0.10)
    assert round(row.paired.p or 0, 4) == 0.0414 and row.paired.test == "exact McNemar"
    assert row.paired.low is not None and row.paired.low < -0.10 < (row.paired.high or 0)


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    ours = [1] * 200
    theirs = [int(x) for x in np.repeat(rng.random(20) < 0.7, 10)]
    groups = [str(place // 10) for place in range(200)]
    alone = comparing.difference("t", accuracy, "all", list(zip(made(ours), made(theirs), strict=True)))
    together = comparing.difference(
        "t", accuracy, "all", list(zip(made(ours, groups), made(theirs, groups), strict=True))
    )
    assert alone is not None and together is not None
    assert (together.paired.error or 0) > 2 * (alone.paired.error or 0)


def test_other_prompts_are_counted_or_left_out() -> None:
    ours, theirs = made([1, 0, 1]), made([1, 1, 1], prompt="other")
    assert comparing.pairs_of(ours, theirs, same=True) == ([], 3)
    row = comparing.difference("t", accuracy, "all", comparing.pairs_of(ours, theirs, same=False)[0])
    assert row is not None and row.reworded == 3


def test_a_failure_is_not_compared() -> None:
    ours, theirs = made([1, 0, 1]), made([1, 1, 1])
    theirs[0] = comparing.Answer("0", "0", "p", None, None, {}, "", None)
    row = comparing.difference("t", accuracy, "all", list(zip(ours, theirs, strict=True)))
    assert row is not None and (row.paired.n, row.dropped) == (2, 1)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A store with a run that has everything right and one that has everything wrong."""
    place = str(tmp_path_factory.mktemp("store"))
    for model in ("scripted:oracle", "scripted:opposite"):
        assert run("run", model, "--tasks", "demo/sentiment", "--store", place, "--quiet") == 0
    runs = {r.model: r.id for r in open_store(place).runs()}
    return place, runs["scripted:oracle"], runs["scripted:opposite"]


def test_command_line(store: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    place, best, worst = store
    assert run("compare", best, worst, "--examples", "--slices", "--store", place) == 0
    out = capsys.readouterr().out
    assert "demo/sentiment" in out and "broken demo/sentiment" in out and "-1" in out
    assert run("compare", best, best, "--store", place) == 0
    assert run("compare", best, worst, "--task", "demo/sentimen", "--store", place) == 2


def test_baselines(store: tuple[str, str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place, best, worst = store
    assert run("baseline", "set", "main", worst, "--store", place) == 0
    assert run("baseline", "set", "main", best, "--why", "better", "--store", place) == 0
    capsys.readouterr()
    assert run("baseline", "list", "--store", place) == 0
    assert capsys.readouterr().out == f"main -> {best}\n"
    assert run("baseline", "list", "--history", "--store", place) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run("baseline", "set", "main", "nothing", "--store", place) == 2
