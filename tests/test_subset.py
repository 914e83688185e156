"""What a limit asks: nested, stratified, in whole small clusters, in the data's order, whatever order the rows have."""

from collections import Counter
from dataclasses import replace
from math import ceil, floor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.api import compare, evaluate
from harness.errors import UsageError
from harness.plugins import catalogue
from harness.run import plan
from harness.store import open_store
from harness.subset import WHOLE, extent, shortfall, subset
from harness.types import Example, Settings

PRONOUNS = catalogue().tasks["demo/pronouns"]


@st.composite
def datasets(draw: st.DrawFn) -> list[Example]:
    """Up to 60 examples with two slices that some lack, alone, in pairs, or in clusters of up to 20."""
    n = draw(st.integers(1, 60))
    kinds = st.none() | st.sampled_from(["a", "b", "c"])
    clusters = st.none() | st.integers(0, draw(st.integers(0, 30))).map(str)
    examples = []
    for i in range(n):
        slices = {key: value for key, value in (("kind", draw(kinds)), ("group", draw(kinds))) if value}
        examples.append(Example(f"e{i}", {}, slices=slices, cluster=draw(clusters)))
    return examples


def ids(examples: list[Example], **settings: object) -> list[str]:
    return [e.id for e in subset(examples, Settings(**settings), "task")]  # type: ignore[arg-type]


@given(datasets(), st.integers(1, 70), st.integers(1, 70), st.integers(0, 5))
def test_a_limit_is_met_in_the_data_s_order_and_holds_the_smaller_one(
    examples: list[Example], one: int, two: int, seed: int
) -> None:
    small, large = (ids(examples, limit=limit, seed=seed) for limit in sorted((one, two)))
    assert len(small) == min(one, two, len(examples)) and len(large) == min(max(one, two), len(examples))
    assert set(small) <= set(large)
    assert large == [e.id for e in examples if e.id in set(large)]


@given(datasets(), st.integers(1, 60), st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(examples: list[Example], limit: int, seed: int, random: Random) -> None:
    shuffled = random.sample(examples, len(examples))
    assert set(ids(shuffled, limit=limit, seed=seed)) == set(ids(examples, limit=limit, seed=seed))


@given(datasets(), st.integers(1, 60), st.integers(0, 5))
def test_at_most_one_small_cluster_is_cut(examples: list[Example], limit: int, seed: int) -> None:
    chosen = set(ids(examples, limit=limit, seed=seed))
    sizes = Counter(e.cluster for e in examples if e.cluster is not None)
    parts = Counter(e.cluster for e in examples if e.cluster is not None and e.id in chosen)
    assert sum(parts[name] < size for name, size in sizes.items() if size <= WHOLE and parts[name]) <= 1


@pytest.mark.parametrize("limit", [7, 30, 100, 299])
@pytest.mark.parametrize("seed", range(5))
def test_slices_keep_their_share_within_rounding(limit: int, seed: int) -> None:
    kinds, groups = ["a"] * 5 + ["b"] * 4 + ["c"], ["x", "y", "y"]
    examples = [Example(str(i), {}, slices={"kind": kinds[i % 10], "group": groups[i % 3]}) for i in range(300)]
    chosen = subset(examples, Settings(limit=limit, seed=seed), "task")
    groups_chosen = Counter(e.slices["group"] for e in chosen)
    both = Counter((e.slices["group"], e.slices["kind"]) for e in chosen)
    for group, share in (("x", 1 / 3), ("y", 2 / 3)):
        assert floor(limit * share) - 1 <= groups_chosen[group] <= ceil(limit * share) + 1
        for kind, part in (("a", 0.5), ("b", 0.4), ("c", 0.1)):
            exact = groups_chosen[group] * part
            assert floor(exact) - 1 <= both[group, kind] <= ceil(exact) + 1


def test_a_cluster_larger_than_a_block_does_not_fill_the_limit() -> None:
    examples = [Example(str(i), {}, cluster=str(i // 100)) for i in range(1000)]
    assert len({e.cluster for e in subset(examples, Settings(limit=30), "task")}) >= 6


def test_every_example_is_equally_likely() -> None:
    pairs = [Example(f"p{i}", {}, slices={"kind": "ab"[i % 3 > 0]}, cluster=f"c{i // 2}") for i in range(40)]
    singles = [Example(f"s{i}", {}, slices={"kind": "a"}) for i in range(20)]
    times = Counter(name for seed in range(600) for name in ids(pairs + singles, limit=15, seed=seed))
    expected = 600 * 15 / 60
    assert all(abs(times[e.id] - expected) < 5 * (expected * 0.75) ** 0.5 for e in pairs + singles)


def test_the_draw_follows_seed_and_task_alone() -> None:
    examples = [Example(str(i), {}) for i in range(100)]
    draws = {tuple(ids(examples, limit=10, seed=seed)) for seed in range(5)}
    other = tuple(e.id for e in subset(examples, Settings(limit=10), "another task"))
    assert len(draws | {other}) == 6
    assert ids(examples, limit=10, seed=3, shots=5) == ids(examples, limit=10, seed=3)


def test_shares_and_the_first_examples() -> None:
    examples = [Example(str(i), {}) for i in range(70)]
    assert len(ids(examples, limit="10%")) == 7 and len(ids(examples, limit="0.5%")) == 1
    assert ids(examples, limit="10%") == ids(examples, limit=7)
    assert ids(examples, limit="100%") == [e.id for e in examples]
    assert ids(examples, limit="10%", limit_order="first") == [e.id for e in examples[:7]]
    for wrong in ("10", "0%", "101%", "-5%", "١٠%", "1e1%", "%", 0.1):
        with pytest.raises(UsageError, match=r"limit = .* is not a whole number of at least 1 or a share such as 10%"):
            Settings(limit=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="limit_order"):
        Settings(limit_order="last")  # type: ignore[arg-type]


def test_a_limit_counts_for_every_dataset_of_a_task() -> None:
    task = replace(PRONOUNS, dataset=(PRONOUNS.dataset[0], replace(PRONOUNS.dataset[0], config="data/qa.jsonl")))
    task = replace(task, read=lambda rows, dataset: [Example(f"{dataset.config}/{i}", {}) for i in range(len(rows))])
    [planned] = plan([replace(task, ask=lambda e, shots: ())], Settings(limit="10%"), None)
    assert Counter(e.id.split("/")[1] for e in planned.examples) == {"pronouns.jsonl": 7, "qa.jsonl": 4}


def test_men_s_occupations_come_first_and_are_not_all_that_is_asked() -> None:
    [planned] = plan([PRONOUNS], Settings(limit=30), None)
    majorities = Counter(e.slices["majority"] for e in planned.examples)
    [whole] = plan([PRONOUNS], Settings(), None)
    everyone = Counter(e.slices["majority"] for e in whole.examples)
    assert all(abs(majorities[name] - 30 * count / 70) <= 2 for name, count in everyone.items())
    [first] = plan([PRONOUNS], Settings(limit=30, limit_order="first"), None)
    assert len({e.slices["majority"] for e in first.examples}) == 1


def test_two_draws_are_not_the_same_question() -> None:
    prints = {
        plan([PRONOUNS], settings, None)[0].record.fingerprint
        for settings in (
            Settings(), Settings(limit=30), Settings(limit=31), Settings(limit=30, seed=1),
            Settings(limit="10%", limit_order="first"),
        )
    }  # fmt: skip
    assert len(prints) == 5
    same = [Settings(seed=1), Settings(limit=70), Settings(limit="100%"), Settings(limit=30, limit_order="first")]
    assert {plan([PRONOUNS], settings, None)[0].record.fingerprint for settings in (*same, Settings())} < prints


def test_runs_of_other_draws_are_compared_only_where_they_meet(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    runs = [
        evaluate("scripted:oracle", "demo/pronouns", limit=limit, seed=seed, store=place).run
        for limit, seed in ((30, 0), (30, 1), (40, 0))
    ]
    for other in runs[1:]:
        with pytest.raises(UsageError, match="in one run only"):
            compare(runs[0].id, other.id, store=place)
    met = compare(runs[0].id, runs[2].id, store=place, intersect=True)
    assert {row.paired.n for row in met.differences} == {30}
    resumed = evaluate("scripted:oracle", "demo/pronouns", limit=30, seed=1, store=place, resume=True).run
    assert resumed.id not in {run.id for run in runs}


def test_a_run_says_how_many_it_asked_of_how_many(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    run = evaluate("scripted:oracle", ["demo/pronouns", "demo/qa"], limit=30, store=place).run
    stored = open_store(place).run(run.id)
    assert [extent(stored, task) for task in stored.tasks] == ["30 of 70, sampled", "30 of 32, sampled"]
    assert shortfall(stored) == "60 of 102 examples, sampled"
    whole = replace(stored, tasks=tuple(replace(t, n=t.available or 0) for t in stored.tasks))
    assert shortfall(whole) == "" and extent(whole, whole.tasks[0]) == "70"
    old = replace(stored, settings={"limit": 30}, tasks=tuple(replace(t, available=None) for t in stored.tasks))
    assert shortfall(old) == "" and extent(old, old.tasks[0]) == "30"
    assert extent(replace(stored, settings={"limit": 30}), stored.tasks[0]) == "30 of 70, the first ones"
