"""The rating page through Streamlit's own test: every kind of question, skip, undo, and who is not let in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rated import GOOD, NOISY, campaign
from streamlit.testing.v1 import AppTest

import harness_dashboard
from harness.people import desk
from harness.store import Store

PAGE = Path(harness_dashboard.__file__).with_name("rating.py")
Opened = Callable[..., AppTest]


@pytest.fixture
def opened(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The page of a rater; without a token as whoever has no link."""
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))

    def open_page(name: str = "letters", token: str = "") -> AppTest:
        page = AppTest.from_file(str(PAGE), default_timeout=60)
        page.query_params["campaign"], page.query_params["rater"] = name, token
        return page.run()

    return open_page


def enter(store: Store, opened: Opened, kind: str = "preference", **changes: Any) -> tuple[AppTest, str]:
    made, tokens, _ = desk.create(store, campaign(kind, **changes))
    return opened(made.name, tokens["rater-1"]), made.id


def press(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception


def answers(store: Store, campaign_id: str) -> list[Any]:
    return [one.answer for one in store.ratings.ratings(campaign_id, "rater-1")]


def test_a_preference_is_kept_and_the_next_item_shown(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened)
    texts = [block.value for block in page.code]
    assert texts[0].startswith("Q: What is") and len(texts) == 3
    press(page, "First is better")
    assert len(answers(store, made)) == 1 and store.ratings.ratings(made)[0].seconds >= 0
    assert [block.value for block in page.code] != texts
    assert GOOD not in str(page) and NOISY not in str(page) and "run-a" not in str(page)


def test_undo_shows_the_last_item_again(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened)
    first = [block.value for block in page.code]
    press(page, "Equally good")
    press(page, "Undo the last rating")
    assert [block.value for block in page.code] == first and answers(store, made) == []
    assert len(store.ratings.history(made)) == 2


def test_skipping_takes_a_reason(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened)
    assert next(button for button in page.button if button.label == "Skip").disabled
    page.text_input[0].input("cut off").run()
    press(page, "Skip")
    assert answers(store, made) == [{"skipped": "cut off"}]
    assert page.text_input[0].value == ""


@pytest.mark.parametrize(
    ("kind", "label", "answer"),
    [("likert", "4: great", {"value": 4}), ("direct", "Save", {"value": 50}), ("labels", "Save", {"labels": []})],
)
def test_every_kind_of_question(store: Store, opened: Opened, kind: str, label: str, answer: Any) -> None:
    page, made = enter(store, opened, kind)
    press(page, label)
    assert answers(store, made) == [answer]


def test_errors_are_marked_by_words(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened, "mqm", attention=0.0)
    text = next(block.value for block in page.code if block.value.startswith("Answer"))
    page.select_slider[0].set_range(0, 1)
    page.run()
    press(page, "Add error")
    press(page, "Save")
    [answer] = answers(store, made)
    [error] = answer["errors"]
    assert text[error["start"] : error["end"]] == "Answer to" and error["severity"] == "minor"


def test_the_last_item_ends_with_thanks(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened, items=2, attention=0.0, repeats=0.0)
    press(page, "Equally good")
    press(page, "Equally good")
    assert [one.value for one in page.success] == ["All done. Thank you!"]
    press(page, "Undo the last rating")
    assert not page.success and len(answers(store, made)) == 1


def test_who_has_no_link_sees_nothing(store: Store, opened: Opened) -> None:
    desk.create(store, campaign())
    for page in (opened("letters", ""), opened("letters", "guess"), opened("other", "guess")):
        assert not page.code and not page.exception and not page.button
        assert "letters" not in str(page.text) and "toy" not in str(page.text)
    assert "not known" in opened("letters", "guess").text[0].value


def test_a_rating_made_elsewhere_meanwhile_is_told(store: Store, opened: Opened) -> None:
    page, made = enter(store, opened)
    store.ratings.rate(made, "rater-1", 0, {"choice": "tie"})
    press(page, "First is better")
    assert answers(store, made) == [{"choice": "tie"}]


def test_texts_are_text(store: Store, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    page, _ = enter(store, opened, instructions="<script>alert(1)</script> [x](http://x.invalid) \u202etfel")
    assert "\\u202etfel" in page.text[0].value
    assert not any("<script>" in block.value for block in page.markdown)
