"""Every page in Streamlit's own test runner: no store makes a trace, model output is text."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard import queries
from harness.store import Store, open_store

APP = Path(dashboard.__file__).with_name("app.py")
PAGES = ("", "run", "samples", "compare")
TITLES = ("Leaderboard", "Run", "Samples", "Compare")


@pytest.fixture
def page(stores: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    def show(kind: str, name: str, **query: str) -> AppTest:
        monkeypatch.setenv("HARNESS_STORE", stores(kind))
        test = AppTest.from_file(str(APP), default_timeout=30)
        if name:
            test.run()
            test.switch_page(f"views/{name}.py")
        for key, value in query.items():
            test.query_params[key] = value
        return test.run()

    return show


def small(stores: Callable[[str], str]) -> Store:
    return open_store(stores("small"), create=False)


def said(test: AppTest) -> str:
    groups = (test.error, test.info, test.warning, test.text, test.code, test.markdown)
    return "\n".join(str(element.value) for group in groups for element in group)


@pytest.mark.parametrize("kind", ["empty", "small", "broken"])
@pytest.mark.parametrize(("name", "title"), list(zip(PAGES, TITLES, strict=True)))
def test_every_page_on_every_store(page: Callable[..., AppTest], kind: str, name: str, title: str) -> None:
    test = page(kind, name)
    assert not test.exception
    assert test.title[0].value == title
    assert ("harness run" in said(test)) == (kind == "empty")


@pytest.mark.parametrize("name", PAGES)
def test_no_store_is_a_sentence(page: Callable[..., AppTest], name: str) -> None:
    test = page("nowhere", name)
    assert not test.exception
    assert len(test.error) == 1


@pytest.mark.parametrize(("name", "query"), [
    ("run", {"run": "<b>nobody"}), ("samples", {"run": "nobody"}), ("compare", {"baseline": "nobody"}),
])  # fmt: skip
def test_unknown_ids_are_a_sentence(page: Callable[..., AppTest], name: str, query: dict[str, str]) -> None:
    test = page("small", name, **query)
    assert not test.exception
    assert test.error


def test_unknown_task_and_example(page: Callable[..., AppTest], stores: Callable[[str], str]) -> None:
    run = small(stores).runs()[0].id
    assert page("small", "samples", run=run, task="none").error
    assert page("small", "samples", run=run, task="letters", example="none").error


def test_unfinished_and_failed_runs_say_so(page: Callable[..., AppTest]) -> None:
    test = page("broken", "run", run="failed")
    assert not test.exception
    assert "the weights <b>do not</b> load" in [text.value for text in test.text]
    test = page("broken", "run", run="unfinished")
    assert not test.exception
    assert "no journal here" in said(test)


def test_the_address_names_the_run(page: Callable[..., AppTest], stores: Callable[[str], str]) -> None:
    oracle = next(run.id for run in small(stores).runs() if run.model.endswith("oracle"))
    test = page("small", "run", run=oracle)
    assert test.selectbox[0].value == oracle
    assert any("scripted:oracle" in text.value for text in test.text)


def test_a_hostile_sample_is_short_text(page: Callable[..., AppTest], stores: Callable[[str], str]) -> None:
    store = small(stores)
    run = store.runs()[0].id
    example = str(queries.samples(store, run, "letters", queries.Filter())["example_id"].iloc[0])
    test = page("small", "samples", run=run, task="letters", example=example)
    assert not test.exception
    shown = [code.value for code in test.code]
    assert any("<script>" in text and "\\u001b" in text for text in shown)
    assert not any("\x1b" in text or "\u202e" in text or len(text) > 25_000 for text in shown)
    assert not any("<script>" in element.value for element in test.markdown)


def test_a_filter_that_matches_nothing(page: Callable[..., AppTest], stores: Callable[[str], str]) -> None:
    test = page("small", "samples", run=small(stores).runs()[0].id, task="letters")
    test.text_input[0].set_value("no such words").run()
    assert not test.exception
    assert "No sample fits" in said(test)
