"""Every page in Streamlit's own test runner: nothing makes a trace, model output is text."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from harness.answers.journal import Journal
from harness.store import Store, open_store
from harness.types import Chosen, Task
from harness_dashboard import session

PAGES = {
    "leaderboard": "Leaderboard", "run": "Run", "samples": "Samples", "compare": "Compare", "bias": "Bias card",
    "reliability": "Calibration and robustness", "trends": "Trends", "efficiency": "Efficiency", "gate": "Gate",
    "ratings": "Ratings",
}  # fmt: skip
Page = Callable[..., AppTest]
Said = Callable[[AppTest], str]
RunOf = Callable[[str], str]


@pytest.mark.parametrize("kind", ["empty", "small", "broken"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_on_every_store(page: Page, said: Said, kind: str, name: str) -> None:
    test = page(kind, name)
    assert not test.exception
    assert not test.error
    assert test.title[0].value == PAGES[name]
    assert ("This store has no runs yet" in said(test)) == (kind == "empty")


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
    test = page(str(copy), "leaderboard")
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


@pytest.mark.parametrize(("name", "query"), [
    ("run", {"run": "<b>nobody"}), ("samples", {"run": "nobody"}), ("compare", {"baseline": "nobody"}),
    ("bias", {"run": "nobody"}), ("bias", {"probe": "nothing"}), ("reliability", {"task": "nothing"}),
    ("trends", {"family": "nobody"}), ("trends", {"task": "nothing"}), ("efficiency", {"metric": "nothing"}),
    ("efficiency", {"cost": "nothing"}),
])  # fmt: skip
def test_unknown_names_in_the_address_are_a_sentence(page: Page, name: str, query: dict[str, str]) -> None:
    test = page("small", name, **query)
    assert not test.exception
    assert len(test.error) == 1


def test_unknown_task_and_example(page: Page, said: Said, run_of: RunOf) -> None:
    run = run_of("oracle")
    test = page("small", "samples", run=run, task="none")
    assert "This run has no task of this name:" in said(test) and "none" in said(test)
    assert "This task has no example of this name:" in said(
        page("small", "samples", run=run, task="letters", example="none")
    )
    test.selectbox[1].set_value("letters").run()
    assert not test.error and test.query_params["task"] == "letters" and len(test.dataframe[0].value) == 12


@pytest.mark.parametrize(("name", "label", "query", "kept"), [
    ("samples", "Run", {"task": "letters", "example": "x"}, {"task": "pronouns"}),
    ("reliability", "Run", {"task": "letters"}, {"task": "pronouns"}),
    ("trends", "Model family", {"family": "scripted:opposite", "task": "letters", "metric": "acc"},
     {"family": "scripted:oracle"}),
    ("trends", "Task", {"family": "scripted:oracle", "task": "letters", "metric": "acc"}, {"task": "pronouns"}),
    ("efficiency", "Task", {"task": "letters", "metric": "acc", "cost": "tokens"},
     {"task": "pronouns", "metric": "prefers", "cost": "tokens"}),
])  # fmt: skip
def test_what_depended_on_another_choice_is_forgotten(
    page: Page, small: Store, run_of: RunOf, name: str, label: str, query: dict[str, str], kept: dict[str, str]
) -> None:
    runs = {"run": run_of("oracle")} if label == "Run" else {}
    test = page("small", name, **runs, **query)
    other = {"Run": small.runs(task="pronouns")[0].id, "Model family": "scripted:oracle", "Task": "pronouns"}
    next(box for box in test.selectbox if box.label == label).set_value(other[label]).run()
    assert not test.exception and not test.error
    for key, value in kept.items():
        assert test.query_params[key] == value
    assert "example" not in test.query_params


@pytest.mark.parametrize(("name", "query"), [
    ("run", {"run": "nobody"}), ("compare", {"candidate": "nobody"}), ("bias", {"probe": "nothing"}),
    ("trends", {"metric": "nothing"}), ("efficiency", {"task": "nothing"}), ("efficiency", {"cost": "nothing"}),
])  # fmt: skip
def test_an_unknown_name_leaves_its_selector(page: Page, name: str, query: dict[str, str]) -> None:
    test = page("small", name, **query)
    box = test.selectbox[-1]
    assert len(test.error) == 1 and box.value is None
    box.select_index(0).run()
    assert not test.exception and not test.error


def test_unfinished_and_failed_runs_say_so(page: Page, said: Said) -> None:
    test = page("broken", "run", run="failed")
    assert not test.exception
    assert "the weights <b>do not</b> load" in [text.value for text in test.text]
    test = page("broken", "run", run="unfinished")
    assert not test.exception
    assert "no journal here" in said(test)


def test_a_run_in_progress_moves_and_ends(page: Page, said: Said, stores: Callable[[str], str], tmp_path: Path) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    store = open_store(str(copy))
    done = store.runs(task="letters")[0]
    running = replace(done, id="now", finished=None, status="running")
    store.start(running)
    with Journal.open(store.journals / "now.journal", {"identity": {}, "total": 4}) as journal:
        journal.append([(0, Chosen(0))])
        test = page(str(copy), "run", run="now")
        assert test.get("progress")[0].proto.text == "1 of 4 answers"
        journal.append([(1, Chosen(0)), (2, Chosen(1))])
        test.run()
        assert test.get("progress")[0].proto.text == "3 of 4 answers"
    store.finish(running, {}, store.results(done.id))
    test.run()
    assert not test.exception
    assert not test.get("progress") and "finished" in said(test)


def test_the_address_names_the_run(page: Page, said: Said, run_of: RunOf) -> None:
    test = page("small", "run", run=run_of("oracle"))
    assert test.selectbox[0].value == run_of("oracle")
    assert any("scripted:oracle" in text.value for text in test.text)
    test = page("small", "run", run="20")
    assert not test.exception and "is the beginning of several runs" in said(test) and test.selectbox[0].value is None
    assert page("small", "run", run=run_of("oracle")[:-1]).selectbox[0].value == run_of("oracle")


def test_a_hostile_sample_is_short_text(page: Page, run_of: RunOf, small: Store) -> None:
    run = run_of("oracle")
    example = str(small.samples(run, "letters", limit=1)["example_id"].iloc[0])
    test = page("small", "samples", run=run, task="letters", example=example)
    assert not test.exception
    shown = [code.value for code in test.code]
    assert any("<script>" in text and "\\u001b" in text for text in shown)
    assert not any("\x1b" in text or "\u202e" in text or len(text) > 25_000 for text in shown)
    assert not any("<script>" in element.value for element in test.markdown)


def test_filters_live_in_the_address(page: Page, said: Said, run_of: RunOf) -> None:
    run = run_of("opposite")
    test = page("small", "samples", run=run, task="letters", text="no such words")
    assert not test.exception and "No sample fits" in said(test)
    test = page("small", "samples", run=run, task="letters", slice="variant=shouted", show="wrong")
    assert len(test.dataframe[0].value) == 6
    test.selectbox(key="show").set_value("right").run()
    assert not test.exception and "No sample fits" in said(test)
    test = page("small", "samples", run=run, task="letters", value="acc", low="0.5")
    assert "No sample fits" in said(test)
    test = page("small", "samples", run=run, task="letters", sheet="9")
    assert "No sample on page 9" in said(test)


def test_another_filter_starts_at_the_first_page(page: Page, said: Said, run_of: RunOf) -> None:
    test = page("small", "samples", run=run_of("opposite"), task="letters", sheet="9")
    assert "No sample on page 9" in said(test)
    test.text_input(key="text").set_value("q11").run()
    assert not test.exception and "Samples 1 to 1 of this filter" in said(test)


@pytest.mark.parametrize(("name", "query"), [
    ("leaderboard", {"tasks": "nope"}), ("leaderboard", {"metrics": "*nope*"}), ("leaderboard", {"groups": "nope"}),
    ("leaderboard", {"part": "foo=bar"}), ("leaderboard", {"metric": "nope"}), ("samples", {"slice": "foo=bar"}),
    ("samples", {"show": "nothing"}), ("samples", {"value": "zzz"}), ("compare", {"only": "nope"}),
    ("compare", {"metric": "nope"}), ("run", {"metric": "nope"}), ("reliability", {"bins": "nope"}),
])  # fmt: skip
def test_what_is_left_out_of_the_address_is_told(page: Page, run_of: RunOf, name: str, query: dict[str, str]) -> None:
    first, second = run_of("oracle"), run_of("opposite")
    runs = {"compare": {"baseline": first, "candidate": second}, "leaderboard": {}}.get(name, {"run": first})
    test = page("small", name, **runs, **query)
    ((key, value),) = query.items()
    assert not test.exception and not test.error and test.dataframe
    assert f"Not found and left out: {key}={value}" in [text.value for text in test.text]
    test.run()
    assert not any("left out" in text.value for text in test.text)


def test_a_filter_that_another_task_lacks_is_taken_back(page: Page, said: Said, small: Store, run_of: RunOf) -> None:
    test = page("small", "samples", run=run_of("oracle"), task="letters", slice="room=1")
    assert test.selectbox(key="slice").value == "room=1"
    test.selectbox[0].set_value(small.runs(task="pronouns")[0].id).run()
    assert not test.exception and "Not found and left out: slice=room=1" in said(test)
    assert test.selectbox(key="slice").value == "any" and "slice" not in test.query_params
    other = {"baseline": run_of("oracle"), "candidate": run_of("opposite")}
    assert page("small", "compare", **other, only="letters").multiselect[0].value == ["letters"]


def test_what_is_chosen_for_a_chart_is_in_the_address(page: Page, run_of: RunOf, tmp_path: Path, letters) -> None:  # type: ignore[no-untyped-def]
    from harness.api import evaluate

    test = page("small", "leaderboard")
    test.selectbox[-1].set_value("exact").run()
    assert test.query_params["metric"] == "exact"
    assert page("small", "leaderboard", metric="exact").selectbox[-1].value == "exact"
    assert page("small", "run", run=run_of("oracle"), sliced="true").toggle[0].value
    task = letters(tmp_path / "rows.jsonl", count=6)
    run = evaluate("scripted:oracle", [task], store=str(tmp_path / "s"), perturb=("case",), strength=(1,)).run.id
    test = page(str(tmp_path / "s"), "reliability", run=run, metric="acc")
    assert not test.exception and test.selectbox[-1].label == "Metric over variants"
    assert test.query_params["metric"] == "acc"


def test_the_failed_rule_is_in_the_address(
    page: Page, said: Said, stores: Callable[[str], str], run_of: RunOf, tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("small"), tmp_path / "copy")
    store = open_store(str(copy))
    rule = {"metric": "letters:acc", "limit": "min", "margin": 0.5, "slices": "all", "mode": "interval"}
    told = [
        {"rule": rule, "task": "letters", "metric": "acc", "slice": slice, "state": "FAIL", "value": 0.0, "n": 4,
         "baseline": None, "message": "low", "quarantined": False}
        for slice in ("room=1", "room=2")
    ]  # fmt: skip
    for _ in range(200):
        store.save_verdicts(run_of("opposite"), {"exit_code": 1, "verdicts": told})
    test = page(str(copy), "gate", gate="7", rule="2")
    assert not test.exception and not test.error
    assert test.selectbox[-1].value == "2" and test.query_params["rule"] == "2"
    assert "The first 200 rows; if there are more" in said(test)
    test.selectbox[0].set_value("8").run()
    assert test.query_params["rule"] == "1"


def test_failures_are_marked_and_told_apart(page: Page, said: Said, run_of: RunOf) -> None:
    board = page("small", "leaderboard", metrics="acc").dataframe[0].value.set_index("model")["failed"]
    assert board["scripted:fail-every-3"] == "✗ 4 failed" and board["scripted:oracle"] == "none"
    words = said(page("small", "run", run=run_of("fail-every-3")))
    assert "Examples that failed and are in no number: letters \\(4 scripted\\)" in words


def test_the_leaderboard_shows_a_slice_and_a_group(page: Page, tmp_path: Path, letters) -> None:  # type: ignore[no-untyped-def]
    from harness.api import evaluate

    test = page("small", "leaderboard", metrics="acc", part="room=1")
    assert set(test.dataframe[0].value["n"]) <= {2, 3, 4} and len(test.dataframe[0].value) == 3
    tasks = [letters(tmp_path / f"{i}.jsonl", name) for i, name in enumerate(("own/a", "own/b", "alone"))]
    evaluate("scripted:oracle", tasks, store=str(tmp_path / "s"))
    test = page(str(tmp_path / "s"), "leaderboard", groups="own", metrics="acc")
    assert list(test.dataframe[0].value["task"]) == ["own/a", "own/b"]


def test_the_leaderboard_filters(page: Page, said: Said) -> None:
    test = page("small", "leaderboard", metrics="acc", model="OPPO")
    assert list(test.dataframe[0].value["model"]) == ["scripted:opposite"]
    test.text_input(key="model").set_value("nobody").run()
    assert not test.exception and "No number fits" in said(test)


def test_compare_refuses_saying_what_changed(
    page: Page, said: Said, tmp_path: Path, letters: Callable[..., Task]
) -> None:
    from harness.api import evaluate

    runs = [
        evaluate("scripted:oracle", [letters(tmp_path / "rows.jsonl", count=n, version=v)], store=str(tmp_path / "s"))
        for n, v in ((12, 1), (9, 1), (9, 2))
    ]
    first, second, third = (result.run.id for result in runs)
    test = page(str(tmp_path / "s"), "compare", baseline=first, candidate=second)
    assert not test.exception and "letters changed between the runs (data " in said(test)
    test = page(str(tmp_path / "s"), "compare", baseline=second, candidate=third)
    assert not test.exception and "version 1 -> 2" in said(test)
    test.toggle(key="intersect").set_value(True).run()
    assert not test.exception and not test.error
    assert set(test.dataframe[0].value["difference"]) == {0.0}


def test_compare_shows_an_example_in_both_runs(page: Page, said: Said, small: Store, run_of: RunOf) -> None:
    runs = {"baseline": run_of("oracle"), "candidate": run_of("opposite")}
    example = str(small.samples(runs["baseline"], "letters", "prompt = 'q3:'", limit=1)["example_id"].iloc[0])
    test = page("small", "compare", **runs, task="letters", example=example)
    assert not test.exception and not test.error
    words = said(test)
    assert "of 12 examples 0 were fixed and 12 broken; 0 are right in both runs, 0 wrong in both." in words
    prompts, answers = [code.value for code in test.main.code if code.value == "q3:"], test.columns[-4:-2]
    assert len(prompts) == 1
    assert [column.text[0].value for column in answers] == ["Outcome: right", "Outcome: wrong"]
    assert [len(column.dataframe[0].value) for column in answers] == [3, 3]
    links = [link.proto.query_string for column in test.columns[-2:] for link in column.get("page_link")]
    assert len(links) == 2 and all(run in link for run, link in zip(runs.values(), links, strict=True))
    test.selectbox[0].set_value(run_of("fail-every-3")).run()
    assert not test.exception and "example" not in test.query_params
    test = page("small", "compare", **runs, task="letters", example="<b>none")
    assert not test.exception and "Not both runs have this example." in said(test)


def test_the_bias_card_says_what_it_does_not_show(page: Page, said: Said, small: Store) -> None:
    probe = small.runs(task="pronouns")[0].id
    test = page("small", "bias", run=probe)
    assert not test.exception
    assert "What this does not show:" in said(test) and "eight <i>sentences</i>" in said(test)
    assert "ideal 0.5 (dashed)" in said(test)
    test.toggle(key="report").set_value(True).run()
    assert not test.exception and "Verdicts" in [heading.value for heading in test.subheader]
    lies = test.dataframe[0].value.set_index("slice")["lies"]
    assert lies["all"] == "above the ideal" and "kind=x" in lies.index


def test_every_chart_has_words_and_its_data(page: Page, run_of: RunOf) -> None:
    runs = {"compare": {"baseline": run_of("oracle"), "candidate": run_of("opposite")}}
    runs["reliability"] = {"run": run_of("opposite")}
    for name in ("leaderboard", "run", "compare", "bias", "reliability", "trends"):
        test = page("small", name, **runs.get(name, {}))
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
