"""The leaderboard's matrix without Streamlit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.metrics import words
from harness.store import Store, open_store
from harness.store.queries.leaderboard import LeaderboardFilter, rank_ranges, slices, standings
from harness.types import Estimate, MetricRecord, Task
from harness.visible import short_names
from harness_dashboard.content import leaderboard
from harness_dashboard.widgets import text


def test_rank_ranges() -> None:
    spans = [(0.0, 0.2), (0.15, 0.4), (0.7, 0.9), None]
    assert rank_ranges(spans) == [(1, 2), (1, 2), (3, 3), (None, None)]


def test_the_best_model_stands_first_and_failures_cost_the_rank(small: Store) -> None:
    board = leaderboard.board(small)
    assert [row.label for row in board.rows] == ["scripted:oracle", "scripted:opposite", "scripted:fail-every-3"]
    assert {row.label: row.cells["letters"].rank for row in board.rows} == {
        "scripted:oracle": "1 of 2", "scripted:opposite": "2 of 2", "scripted:fail-every-3": "-",
    }  # fmt: skip
    heat = leaderboard.matrix(board, {"letters": ("letters",)}, "Heat")
    assert heat["letters"].tolist() == ["100 %", "0 %", "100 % ✗ 4"]
    assert heat["failed"].tolist() == ["0", "0", "4 of 12"]
    others = leaderboard.matrix(board, {"writer": ("writer",)}, "Heat")
    assert others["failed"].tolist() == ["0", "0", "0"] and others["tasks"].iloc[2] == 0  # of what is shown
    (writer,) = leaderboard.asked_any(board, {"writer": ("writer",)}).rows
    assert writer.label == "scripted:oracle"
    tints = leaderboard.tints(board, {"letters": ("letters",)})["letters"]
    assert "bold" in tints[0] and "bold" not in tints[1] and tints[2] == ""
    assert leaderboard.best_of(board, "letters").startswith("scripted:oracle 0-shot is the best of 2")
    assert "no best one" in leaderboard.best_of(board, "writer")


def test_groups_are_averaged_only_where_one_unit_fits_all(tmp_path: Path, letters: Callable[..., Task]) -> None:
    tasks = [letters(tmp_path / f"{i}.jsonl", name) for i, name in enumerate(("glue/x", "own/a", "own/b", "alone"))]
    ids = [evaluate(f"scripted:{rule}", tasks, store=str(tmp_path / "s")).run.id for rule in ("oracle", "opposite")]
    store = open_store(str(tmp_path / "s"))
    board = leaderboard.board(store)
    groups = leaderboard.groups(store, list(board.metrics))
    assert groups == {"alone": ("alone",), "glue": ("glue/x",), "own": ("own/a", "own/b")}
    assert leaderboard.matrix(board, groups, "Heat")["own"].tolist() == ["100 %", "0 %"]
    assert leaderboard.matrix(board, groups, "Place")["own"].tolist() == ["1", "2"]
    change = leaderboard.matrix(board, groups, "Change", ids[0])
    assert change.loc[1, ["alone", "own"]].tolist() == ["▼ -100 points", "▼ 2"]
    old, new = board.rows
    one = replace(board, rows=[replace(old, cells={"own/b": old.cells["own/b"]}), new])
    one = replace(one, metrics=dict(board.metrics) | {"own/a": MetricRecord(name="bleu")})
    assert leaderboard.matrix(one, groups, "Change", ids[0]).loc[1, "own"] == "▼ -100 points"
    odd = replace(board, metrics=dict(board.metrics) | {"own/b": MetricRecord(name="bleu")})
    assert leaderboard.matrix(odd, groups, "Heat")["own"].tolist() == ["2 of 2 tasks"] * 2


def test_slices(small: Store) -> None:
    assert {"variant=shouted", "room=1", "kind=x"} <= set(slices(small)) and "all" not in slices(small)
    found = standings(small, LeaderboardFilter(metrics=("acc",), slice="room=1"))
    assert len(found) == 3 and {one.n + one.failed for one in found} == {4}


def test_models_that_were_asked_otherwise_are_no_rivals(tmp_path: Path, small: Store) -> None:
    base = small.runs(task="letters")[0]
    store = open_store(str(tmp_path / "shots"))
    for shots in (0, 3):
        task = replace(base.tasks[0], shots=shots, fingerprint=f"{shots} shots")
        run = replace(base, id=f"s{shots}", tasks=(task,), status="running", settings={"perturb": ["typos"][:shots]})
        store.start(run)
        store.finish(
            run, {}, [Estimate("letters", "acc", "all", 0.1 + shots / 10, shots / 10, 0.2 + shots / 10, 9, 9, 0)]
        )
    assert {one.asked: one.rank for one in standings(store)} == {"0-shot": "no rival", "3-shot, typos": "no rival"}
    assert [row.asked for row in leaderboard.board(store).rows] == ["0-shot", "3-shot, typos"]


def test_an_empty_store(stores: Callable[[str], str]) -> None:
    empty = open_store(stores("empty"), create=False)
    assert not leaderboard.board(empty).rows and leaderboard.everything(empty).empty


def test_names_are_short_and_never_shared() -> None:
    paths = ("/runs/seed42/checkpoint-12000", "/runs/seed43/checkpoint-12000", "/models/llama", "org/name", "a/")
    assert [short_names(paths)[path] for path in paths] == [
        "seed42/checkpoint-12000",
        "seed43/checkpoint-12000",
        "llama",
        "name",
        "a",
    ]
    assert short_names(["m", "x/m"]) == {"m": "m", "x/m": "x/m"}
    assert text.family("hf:org/name@abc") == text.family("hf:org/name@def") == "hf:org/name"
    assert text.family("out/checkpoint-100") == text.family("out/checkpoint-200") == "out"


@pytest.mark.parametrize(("numbers", "record", "said"), [
    ((0.65, 0.5, 0.8), MetricRecord(name="acc", interval="wilson"), "65 % ±15"),
    ((1.0, 0.91, 1.0), MetricRecord(name="acc", interval="wilson"), "100 % (91 to 100)"),
    ((36.13, 35.2, 37.0), MetricRecord(name="bleu", bounds=(0.0, 100.0)), "36.1 ±0.9"),
    ((0.1234, None, None), MetricRecord(name="acc", interval="wilson"), "12.34 %"),
    ((None, None, None), None, "-"),
])  # fmt: skip
def test_numbers_have_a_unit_and_the_digits_that_their_interval_deserves(
    numbers: tuple[float | None, float | None, float | None], record: MetricRecord | None, said: str
) -> None:
    assert words.short(*numbers, record) == said


def test_words_of_metrics_and_tests() -> None:
    assert words.plain_name("stereotype_ll") == "stereotype preferred" and words.plain_name("my_own") == "my own"
    assert [words.p_value(p) for p in (None, 0.0004, 0.04211)] == ["-", "< 0.001", "0.042"]
    ideal = MetricRecord(name="ss", better="ideal", ideal=50.0)
    assert [words.arrow(record) for record in (None, replace(ideal, better="lower"), ideal)] == ["↑", "↓", "→ 50 %"]
    assert words.help_line(ideal).endswith("the nearer to 50 %, the better")
