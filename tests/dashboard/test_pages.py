"""Every page in Streamlit's own test runner: nothing makes a trace, model output is text."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from harness.answers.journal import Journal
from harness.api import evaluate
from harness.store import Store, open_store
from harness.types import Chosen, Task
from harness_dashboard import context, session

PAGES = {
    "overview": "Overview", "leaderboard": "Leaderboard", "run": "Run", "samples": "Samples", "compare": "Compare",
    "safety": "Safety and bias", "history": "History", "ratings": "Ratings",
}  # fmt: skip
Page = Callable[..., AppTest]
Said = Callable[[AppTest], str]
RunOf = Callable[[str], str]
Letters = Callable[..., Task]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, stores: Callable[[str], str]) -> tuple[str, str, str]:
    """A store with a baseline "main" and a run that is worse, and the ids of both."""
    place = shutil.copytree(stores("small"), tmp_path_factory.mktemp("pair") / "s")
    store = open_store(str(place))
    ids = {run.model.partition(":")[2]: run.id for run in store.runs(task="letters")}
    store.set_baseline("main", ids["oracle"])
    store.close()
    return str(place), ids["oracle"], ids["opposite"]


@pytest.mark.parametrize("kind", ["empty", "small", "large", "unfinished", "broken"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_on_every_store(page: Page, said: Said, kind: str, name: str) -> None:
    test = page(kind, name)
    assert not test.exception
    assert not test.error
    assert test.title[0].value == PAGES[name]
    assert ("This store has no runs yet" in said(test)) == (kind == "empty")


@pytest.mark.parametrize("name", list(PAGES)[:-1])
def test_a_baseline_that_was_deleted_is_a_sentence(page: Page, said: Said, run_of: RunOf, name: str) -> None:
    test = page("small", name, run=run_of("opposite"), baseline="main")
    assert not test.exception and not test.error
    assert "There is no baseline of this name any more; another one is taken: main" in said(test)
    assert "baseline" not in test.query_params


@pytest.mark.parametrize("name", list(PAGES)[:-1])
@pytest.mark.parametrize("named", ["", "main"])
def test_a_baseline_whose_run_was_removed_is_another_one(
    page: Page, pair: tuple[str, str, str], said: Said, tmp_path: Path, name: str, named: str
) -> None:
    place, base, run = pair
    store = open_store(str(shutil.copytree(place, tmp_path / "s")))
    store.rm(base, force=True)
    store.close()
    test = page(str(tmp_path / "s"), name, run=run, **({"baseline": named} if named else {}))
    assert not test.exception and not test.error
    assert ("There is no baseline of this name any more" in said(test)) == bool(named)
    assert base not in next(box for box in test.selectbox if box.label == "Against").options


@pytest.mark.parametrize(("name", "query"), [
    ("leaderboard", {"numbers": "All numbers"}), ("leaderboard", {"columns": "all tasks", "view": "Change"}),
    ("leaderboard", {"columns": "family2", "view": "Interval", "cell": "family2/task2"}),
    ("run", {"part": "Slices"}), ("run", {"part": "Calibration"}), ("run", {"part": "Robustness"}),
    ("run", {"part": "Facts"}), ("compare", {"slices": "true"}), ("safety", {"report": "true"}),
    ("history", {"topic": "Gates"}), ("history", {"topic": "Cost"}), ("history", {"family": "owner/model-3"}),
])  # fmt: skip
def test_a_large_store_shows_all_its_parts(page: Page, name: str, query: dict[str, str]) -> None:
    test = page("large", name, **query)
    assert not test.exception and not test.error
    assert all(test.query_params[key] in (value, [value]) for key, value in query.items())
    runs = next(box for box in test.selectbox if box.label == "Run").options
    assert len(runs) == len(set(runs)) == context.NEWEST
    assert all(len(frame.value) <= 2000 for frame in test.dataframe)


def test_the_overview_counts_all_runs_of_a_large_store(page: Page, said: Said) -> None:
    assert f"catalogue.sqlite: {context.NEWEST + 25} runs of 35 models" in said(page("large", "overview"))


@pytest.mark.parametrize("name", PAGES)
def test_no_store_is_a_sentence(page: Page, name: str) -> None:
    test = page("nowhere", name)
    assert not test.exception
    assert len(test.error) == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_file_that_is_no_database_is_a_sentence(page: Page, said: Said, tmp_path: Path, name: str) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"this is no database, however long it may be" * 50)
    test = page(str(tmp_path), name)
    assert not test.exception
    assert len(test.error) == 1 and "not a database" in said(test)


def test_a_newer_store_is_a_sentence(page: Page, said: Said, stores: Callable[[str], str], tmp_path: Path) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "newer")
    with sqlite3.connect(copy / "catalogue.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    test = page(str(copy), "overview")
    assert not test.exception
    assert len(test.error) == 1 and "newer than this program" in said(test)


def test_a_store_and_a_run_that_go_while_shown(
    page: Page, said: Said, stores: Callable[[str], str], run_of: RunOf, tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    run = run_of("oracle")
    test = page(str(copy), "run", run=run)
    assert not test.error and "scripted:oracle" in said(test)
    open_store(str(copy)).rm(run)
    test.run()
    assert not test.exception
    assert len(test.error) == 1 and run in said(test)
    shutil.rmtree(copy)
    test.run()
    assert not test.exception
    assert len(test.error) == 1 and "there is no store" in said(test)


def test_a_lost_or_broken_sample_file_is_a_sentence(
    page: Page, said: Said, stores: Callable[[str], str], run_of: RunOf, tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    run = run_of("oracle")
    file = copy / "samples" / run / "letters.parquet"
    file.write_bytes(file.read_bytes()[:-100] + b"x" * 100)
    test = page(str(copy), "samples", run=run)
    assert not test.exception and "corrupt" in said(test)
    file.unlink()
    test.run()
    assert not test.exception and "is lost" in said(test)


# ------------------------------------------------------------------------------------------------------------- address
@pytest.mark.parametrize(("name", "query"), [
    ("run", {"run": "<b>nobody"}), ("samples", {"run": "nobody"}), ("overview", {"run": "nobody"}),
    ("safety", {"probe": "nothing"}), ("history", {"family": "nobody"}), ("samples", {"task": "nothing"}),
    ("history", {"topic": "Cost", "on": "nothing"}), ("history", {"topic": "Cost", "cost": "nothing"}),
])  # fmt: skip
def test_unknown_names_in_the_address_are_a_sentence(
    page: Page, small: Store, name: str, query: dict[str, str]
) -> None:
    probe = {"run": small.runs(task="pronouns")[0].id} if "probe" in query else {}
    test = page("small", name, **probe, **query)
    assert not test.exception
    assert len(test.error) == 1
    box = test.selectbox[-1]
    assert box.value is None
    box.select_index(0).run()
    assert not test.exception and not test.error


def test_the_run_and_the_baseline_are_in_every_link(page: Page, pair: tuple[str, str, str]) -> None:
    place, _first, second = pair
    for name in PAGES:
        test = page(place, name, run=second, baseline="main")
        assert not test.exception and not test.error
        links = [link.proto.query_string for link in test.get("page_link")[: len(PAGES)]]
        assert len(links) == len(PAGES) and all(f"run={second}" in link and "baseline=main" in link for link in links)
    assert test.query_params == {"run": second, "baseline": "main"}  # no page writes what was not chosen


def test_the_address_names_the_run_in_any_way(page: Page, said: Said, run_of: RunOf) -> None:
    test = page("small", "run", run=run_of("oracle"))
    assert test.selectbox[0].value == run_of("oracle")
    assert any("scripted:oracle" in text.value for text in test.text)
    test = page("small", "run", run="20")
    assert not test.exception and "is the beginning of several runs" in said(test) and test.selectbox[0].value is None
    assert page("small", "run", run=run_of("oracle")[:-1]).selectbox[0].value == run_of("oracle")


def test_another_run_forgets_what_was_chosen_in_the_one_before(page: Page, small: Store, run_of: RunOf) -> None:
    test = page("small", "samples", run=run_of("oracle"), task="letters", example="x")
    other = small.runs(task="pronouns")[0].id
    test.selectbox[0].set_value(other).run()
    assert not test.exception and not test.error
    assert test.query_params["run"] == other and "example" not in test.query_params


@pytest.mark.parametrize(("name", "query"), [
    ("leaderboard", {"slice": "foo=bar"}), ("leaderboard", {"columns": "nope"}), ("leaderboard", {"view": "nope"}),
    ("leaderboard", {"cell": "nope"}), ("samples", {"slice": "foo=bar"}), ("samples", {"show": "nothing"}),
    ("samples", {"value": "zzz"}), ("compare", {"only": "nope"}), ("compare", {"metric": "nope"}),
    ("run", {"part": "nope"}), ("history", {"topic": "nope"}),
])  # fmt: skip
def test_what_is_left_out_of_the_address_is_told(page: Page, run_of: RunOf, name: str, query: dict[str, str]) -> None:
    test = page("small", name, run=run_of("opposite"), baseline=run_of("oracle"), **query)
    ((key, value),) = query.items()
    assert not test.exception and not test.error and test.dataframe
    assert f"Not found and left out: {key}={value}" in [text.value for text in test.text]


# --------------------------------------------------------------------------------------------------------------- pages
def test_the_overview_says_what_got_worse(page: Page, said: Said, pair: tuple[str, str, str]) -> None:
    place, _, second = pair
    test = page(place, "overview", run=second)
    assert not test.exception and not test.error
    assert [metric.value for metric in test.metric[:4]] == [
        "1 of 1 tasks", "0 of 1 tasks", "0 of 1 tasks", "0 of 1 tasks"
    ]  # fmt: skip
    assert test.dataframe[0].value[["verdict", "change", "broken"]].values.tolist() == [["▼ worse", "-100 points", 12]]
    assert "This run has no probe of safety or bias." in said(test)


def test_the_leaderboard_shows_models_by_tasks(page: Page, said: Said) -> None:
    test = page("small", "leaderboard")
    board = test.dataframe[0].value.set_index("model")
    assert list(board.columns) == ["place", "letters", "pronouns", "writer", "tasks", "failed"]
    assert board.loc["scripted:fail-every-3 0-shot", ["letters", "failed"]].tolist() == ["100 % ✗ 4", "4 of 12"]
    assert "scripted:oracle 0-shot is the best of 2" in said(test)
    assert page("small", "leaderboard", slice="room=1").dataframe[0].value.shape[0] == 3
    everything = page("small", "leaderboard", numbers="All numbers").dataframe[0].value
    assert {"task", "metric", "rank", "asked"} <= set(everything.columns) and len(everything) > 5
    test.text_input(key="model").set_value("nobody").run()
    assert not test.exception and "No number fits" in said(test)


def test_failures_are_told_apart(page: Page, said: Said, run_of: RunOf) -> None:
    words = said(page("small", "run", run=run_of("fail-every-3")))
    assert "Examples that failed and are in no number: letters \\(4 scripted\\)" in words


@pytest.mark.parametrize("part", ["Numbers", "Slices", "Calibration", "Robustness", "Facts"])
def test_the_parts_of_a_run(page: Page, said: Said, tmp_path: Path, letters: Letters, part: str) -> None:
    task, place = letters(tmp_path / "rows.jsonl", count=6), str(tmp_path / "s")
    run = evaluate("scripted:oracle", [task], store=place, perturb=("case",), strength=(1,)).run.id
    test = page(place, "run", run=run, part=part)
    assert not test.exception and not test.error and test.dataframe
    told = {"Numbers": "All numbers", "Calibration": "% sure and", "Robustness": "others than to the original"}
    assert told.get(part, "") in said(test) + "".join(one.label for one in test.expander)


def test_unfinished_and_failed_runs_say_so(page: Page, said: Said) -> None:
    test = page("broken", "run", run="failed")
    assert not test.exception
    assert "the weights <b>do not</b> load" in [text.value for text in test.text]
    test = page("broken", "run", run="unfinished")
    assert not test.exception
    assert "No journal here" in said(test)
    for name in ("samples", "compare", "safety"):
        assert "This run is running" in said(page("broken", name, run="unfinished"))


def test_a_run_in_progress_moves_and_ends_and_an_interrupted_one_says_how_to_go_on(
    page: Page, said: Said, stores: Callable[[str], str], tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    store = open_store(str(copy))
    done = store.runs(task="letters")[0]
    running = replace(done, id="now", finished=None, status="running", command="harness run m --tasks letters")
    store.start(running)
    with Journal.open(store.journals / "now.journal", {"identity": {}, "total": 4}) as journal:
        journal.append([(0, Chosen(0))])
        test = page(str(copy), "run", run="now")
        assert test.get("progress")[0].proto.text == "1 of 4 answers"
        journal.append([(1, Chosen(0)), (2, Chosen(1))])
        test.run()
        shown = test.get("progress")[0].proto.text
        assert shown.startswith("3 of 4 answers, ") and shown.endswith(" left")
    store.fail("now", "interrupted", "stopped by Ctrl-C")
    test.run()
    assert not test.exception and "3 of 4 answers are kept." in said(test)
    assert "harness run m --tasks letters --resume" in said(test)
    store.rm("now", force=True)
    store.start(running)
    store.finish(running, {}, store.results(done.id))
    test.run()
    assert not test.exception
    assert not test.get("progress") and "finished" in said(test)


def test_a_sample_is_shown_beside_the_list(page: Page, said: Said, pair: tuple[str, str, str]) -> None:
    place, _first, second = pair
    test = page(place, "samples", run=second, show="flipped")
    assert not test.exception and not test.error
    listed = test.dataframe[0].value
    assert list(listed.columns) == ["outcome", "question", "answer", "gold", "example"] and len(listed) == 12
    assert "#1 of 12 on this page" in said(test) and "Broken against the baseline." in said(test)
    assert "▼ wrong" in said(test) and "In the baseline" in [head.value for head in test.header]
    test.button[1].click().run()
    assert "#2 of 12 on this page" in said(test) and test.query_params["example"] == listed["example"][1]


def test_a_hostile_sample_is_short_text(page: Page, run_of: RunOf, small: Store) -> None:
    run = run_of("oracle")
    example = str(small.samples(run, "letters", limit=1)["example_id"].iloc[0])
    test = page("small", "samples", run=run, task="letters", example=example)
    assert not test.exception
    shown = [code.value for code in test.code]
    assert any("<script>" in text and "\\u001b" in text for text in shown)
    assert not any("\x1b" in text or "\u202e" in text or len(text) > 25_000 for text in shown)
    assert not any("<script>" in element.value for element in test.markdown)


def test_names_from_outside_cannot_turn_a_page_around(page: Page, said: Said, small: Store, tmp_path: Path) -> None:
    base, store = small.runs(task="letters")[0], open_store(str(tmp_path / "s"))
    for i in (1, 2):
        run = replace(base, id=f"r{i}", model=f"evil\u202e{i}", command="run \u202e", status="running")
        run = replace(run, settings={"![x](http://e.x)": str(i)})
        store.start(run)
        store.finish(run, {"letters": list(small.outcomes(base.id, "letters"))}, small.results(base.id))
    for name in PAGES:
        test = page(str(tmp_path / "s"), name)
        assert not test.exception and not test.error
        labels = [option for box in test.selectbox for option in box.options]
        cells = [str(frame.value.to_dict()) + str(list(frame.value.columns)) for frame in test.dataframe]
        assert "\u202e" not in said(test) + "".join(labels + cells), name
        assert not any("![" in part.label for part in test.expander), name


def test_filters_live_in_the_address(page: Page, said: Said, run_of: RunOf) -> None:
    run = run_of("opposite")
    test = page("small", "samples", run=run, task="letters", text="no such words")
    assert not test.exception and "No sample fits" in said(test)
    test = page("small", "samples", run=run, task="letters", slice="variant=shouted", show="wrong")
    assert len(test.dataframe[0].value) == 6
    test = page("small", "samples", run=run, task="letters", value="acc", low="0.5")
    assert "No sample fits" in said(test)
    test = page("small", "samples", run=run, task="letters")
    test.text_input(key="text").set_value("q11").run()
    assert not test.exception and "Samples 1 to 1 of 1." in said(test)


def test_a_violated_rule_is_in_the_address_with_its_answers(
    page: Page, said: Said, pair: tuple[str, str, str], tmp_path: Path
) -> None:
    place, _first, second = pair
    copy = shutil.copytree(place, tmp_path / "copy")
    store = open_store(str(copy))
    rule = {"metric": "letters:acc", "limit": "min", "margin": 0.5, "slices": "all", "mode": "interval"}
    told = [
        {"rule": rule, "task": "letters", "metric": "acc", "slice": slice, "state": "FAIL", "value": 0.0, "n": 4,
         "baseline": None, "message": "low", "quarantined": False}
        for slice in ("room=1", "room=2")
    ]  # fmt: skip
    for _ in range(200):
        store.save_verdicts(second, {"exit_code": 1, "verdicts": told})
    test = page(str(copy), "history", topic="Gates", gate="7", rule="2")
    assert not test.exception and not test.error
    assert test.selectbox[-1].options == ["1. letters acc on room=1", "2. letters acc on room=2"]
    assert test.selectbox[-1].value == "2" and "Gate 7: ▼ failed" in [head.value for head in test.header]
    assert "▼ violated: letters acc: low" in said(test) and "The newest 200 gates." in said(test)


def test_trends_of_a_family_all_of_whose_answers_failed(
    page: Page, said: Said, tmp_path: Path, letters: Letters
) -> None:
    evaluate("scripted:fail-every-1", [letters(tmp_path / "letters.jsonl")], store=str(tmp_path / "s"))
    test = page(str(tmp_path / "s"), "history")
    assert not test.exception and not test.error
    assert "No finished run of this family has a number." in said(test)


def test_compare_begins_with_a_sentence_and_says_what_cannot_be_compared(
    page: Page, said: Said, tmp_path: Path, letters: Letters, pair: tuple[str, str, str]
) -> None:
    place, _, second = pair
    words = said(page(place, "compare", run=second))
    assert "opposite is worse than scripted:oracle on letters: acc -100 points" in words
    runs = [
        evaluate("scripted:oracle", [letters(tmp_path / "rows.jsonl", count=n, version=v)], store=str(tmp_path / "s"))
        for n, v in ((12, 1), (9, 1), (9, 2))
    ]
    first, second, third = (result.run.id for result in runs)
    test = page(str(tmp_path / "s"), "compare", run=second, baseline=first)
    assert not test.exception and "letters changed between the runs (data " in said(test)
    test = page(str(tmp_path / "s"), "compare", run=third, baseline=second)
    assert not test.exception and "version 1 -> 2" in said(test)
    test.toggle(key="intersect").set_value(True).run()
    assert not test.exception and not test.error
    assert set(test.dataframe[-2].value["both wrong"]) == {0}


def test_a_probe_says_what_it_does_not_show(page: Page, said: Said, small: Store) -> None:
    test = page("small", "safety", run=small.runs(task="pronouns")[0].id)
    assert not test.exception
    assert "**What this does not show**" in said(test) and "eight <i>sentences</i>" in said(test)
    assert test.dataframe[0].value.iloc[0].tolist()[:3] == ["pronouns", "prefers", "→ 0.5"]
    test.toggle(key="report").set_value(True).run()
    assert not test.exception and test.get("download_button")


def test_every_chart_has_words_and_its_data(page: Page, pair: tuple[str, str, str]) -> None:
    place, _first, second = pair
    queries = {"history": {"topic": "Trends", "of": "letters"}, "run": {"part": "Calibration"}}
    for name in ("leaderboard", "run", "compare", "history"):
        test = page(place, name, run=second, **queries.get(name, {}))
        charts = test.get("vega_lite_chart") or test.get("arrow_vega_lite_chart")
        assert charts, name
        assert all(len(chart.proto.alt) > 20 for chart in charts), name
        assert sum(e.label == "Data of this chart" for e in test.expander) == len(charts), name
        assert len(test.get("download_button")) >= len(charts), name


def test_answers_are_remembered_until_the_store_changes(
    stores: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    monkeypatch.setenv("HARNESS_STORE", str(copy))
    asked = []

    def count(store: Store, what: str) -> int:
        asked.append(what)
        return len(store.runs())

    assert [session.ask(count, "a"), session.ask(count, "a"), session.ask(count, "b")] == [5, 5, 5]
    assert asked == ["a", "b"]
    open_store(str(copy)).rm(open_store(str(copy)).runs()[0].id)
    assert session.ask(count, "a") == 4
