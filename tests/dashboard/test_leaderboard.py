"""The leaderboard's numbers without Streamlit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.store import Store, open_store
from harness.store.queries.leaderboard import LeaderboardFilter, rank_ranges, slices
from harness.types import Estimate, Task
from harness_dashboard.content import leaderboard
from harness_dashboard.widgets import text

THREE = [(0.9, 0.8, 1.0), (0.7, 0.6, 0.85), (0.2, 0.1, 0.3), (None, None, None)]


@pytest.mark.parametrize(("rule", "ranks"), [
    ({"better": "higher"}, ["1-2", "1-2", "3", "-"]), ({"better": "lower"}, ["2-3", "2-3", "1", "-"]),
    ({"better": "ideal", "ideal": 0.25}, ["2-3", "2-3", "1", "-"]),
])  # fmt: skip
def test_rank_ranges(rule: dict[str, object], ranks: list[str]) -> None:
    assert rank_ranges(THREE, **rule) == ranks


def test_numbers(small: Store) -> None:
    board, total = leaderboard.page(small, LeaderboardFilter(metrics=("acc",)))
    found = board.set_index("model")
    assert found["value"].to_dict() == {"scripted:oracle": 1.0, "scripted:opposite": 0.0, "scripted:fail-every-3": 1.0}
    assert found["failed"].to_dict()["scripted:fail-every-3"] == 4
    assert found["rank"].to_dict()["scripted:opposite"] == "3"
    assert total == 3


def test_slices(small: Store) -> None:
    assert {"variant=shouted", "room=1", "kind=x"} <= set(slices(small)) and "all" not in slices(small)
    board, _ = leaderboard.page(small, LeaderboardFilter(metrics=("acc",), slice="room=1"))
    assert len(board) == 3 and set(board["n"] + board["failed"]) == {4}


def test_groups_are_those_of_the_tasks_and_of_their_names(tmp_path: Path, letters: Callable[..., Task]) -> None:
    tasks = [letters(tmp_path / f"{i}.jsonl", name) for i, name in enumerate(("glue/sst2", "own/a", "own/b", "alone"))]
    evaluate("scripted:oracle", tasks, store=str(tmp_path / "s"))
    found = leaderboard.groups(open_store(str(tmp_path / "s")))
    assert found["glue"] == ("glue/sst2", "glue") and found["own"] == ("own/a", "own/b", "own")
    assert not any("alone" in members for members in found.values())


def test_pages_join_to_the_whole_and_ranks_do_not_depend_on_them(tmp_path: Path, small: Store) -> None:
    base = small.runs(task="letters")[0]
    store = open_store(str(tmp_path / "many"))
    for i in range(23):
        run = replace(base, id=f"r{i:02}", model=f"m{i:02}", fingerprint={"w": str(i)}, status="running")
        store.start(run)
        at = i / 23
        store.finish(run, {}, [Estimate("letters", "acc", "all", at, at - 0.01, at + 0.01, 9, 9, 0)])
    whole, total = leaderboard.page(store, LeaderboardFilter())
    parts = [leaderboard.page(store, LeaderboardFilter(), number, 5)[0] for number in range(5)]
    joined = [row for part in parts for row in part.itertuples(index=False, name=None)]
    assert total == 23 and joined == list(whole.itertuples(index=False, name=None))
    assert whole["rank"].tolist() == [str(rank) for rank in range(1, 24)]
    assert leaderboard.page(store, LeaderboardFilter(model="M1"))[1] == 10
    assert leaderboard.page(store, LeaderboardFilter(), 7, 5)[0].empty


def test_models_that_were_asked_otherwise_are_not_ranked_together(tmp_path: Path, small: Store) -> None:
    base = small.runs(task="letters")[0]
    store = open_store(str(tmp_path / "shots"))
    for shots in (0, 3):
        task = replace(base.tasks[0], shots=shots, fingerprint=f"{shots} shots")
        run = replace(base, id=f"s{shots}", tasks=(task,), status="running")
        store.start(run)
        store.finish(
            run, {}, [Estimate("letters", "acc", "all", 0.1 + shots / 10, shots / 10, 0.2 + shots / 10, 9, 9, 0)]
        )
    board, _ = leaderboard.page(store, LeaderboardFilter())
    assert dict(zip(board["shots"], board["rank"], strict=True)) == {0: "1", 3: "1"}


def test_an_empty_store(stores: Callable[[str], str]) -> None:
    board, total = leaderboard.page(open_store(stores("empty"), create=False), LeaderboardFilter())
    assert board.empty and total == 0


def test_names_for_labels_and_families() -> None:
    assert text.short("replay:/a/b/c/Online-A.txt") == "replay:Online-A.txt"
    assert text.short("/models/llama") == "llama"
    assert text.short("org/name") == "org/name"
    assert text.family("hf:org/name@abc") == text.family("hf:org/name@def") == "hf:org/name"
    assert text.family("out/checkpoint-100") == text.family("out/checkpoint-200") == "out"
