"""Campaigns: what a file may say, what raters are shown, and what is refused in one sentence."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rated import GOOD, NOISY, add_run, campaign, text

from harness.errors import HarnessError, UnknownName, UsageError
from harness.people import desk
from harness.people.campaign import read_campaign, restored, stored
from harness.people.items import draw, queues
from harness.store import Store

FILE = """
name = "letters"
kind = "preference"
runs = ["run-a", "run-b"]
task = "toy/letters"
instructions = "Which is better?"
"""


def written(tmp_path: Path, words: str) -> Path:
    path = tmp_path / "campaign.toml"
    path.write_text(words, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------------------ the file
def test_a_file_says_what_is_asked(tmp_path: Path) -> None:
    found = read_campaign(written(tmp_path, FILE + "items = 7\nrepeats = 0.5\n"))
    assert (found.kind, found.runs, found.items, found.repeats) == ("preference", ("run-a", "run-b"), 7, 0.5)
    assert restored(stored(found)) == found and found.id == "letters@1"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("itmes = 3", "unknown field 'itmes'"),
        ("items = 0", "items = 0 is not between 1 and"),
        ("items = 'many'", "campaign.items is 'many', not a whole number"),
        ("raters = 1", "ratings_per_item = 2 needs as many raters"),
        ("repeats = 1.5", "repeats = 1.5 is not a share"),
        ("anchors = ['a', 'b']", "anchors belong to campaigns of the kind likert"),
        ("show = '{question.__class__}'", "is no template"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        read_campaign(written(tmp_path, FILE + more))
    assert "campaign.toml: " in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../x"}, "is no name"),
        ({"kind": "likert"}, "anchors = .* at least 2 different names"),
        ({"kind": "labels", "labels": ("a", "a")}, "labels = .* different names"),
        ({"runs": ("run-a",)}, "at least 2 different runs"),
        ({"instructions": " "}, "instructions are empty"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(campaign(), **changes)


# --------------------------------------------------------------------------------------------------- what raters see
def test_items_show_both_answers_and_say_nothing_of_models(store: Store) -> None:
    items, dropped = draw(store, campaign())
    normal = [item for item in items if not item.expected]
    assert len(normal) == 20 and dropped == {}
    for item in normal:
        number = int(item.example[1:])
        assert item.prompt == f"Q: What is {number}?\nA:" and set(item.runs) == {"run-a", "run-b"}
        assert all(one.startswith(f"Answer to question {number}: ") for one in item.texts)
    made, tokens, _ = desk.create(store, campaign())
    for token in tokens.values():
        at = desk.enter(store, made.name, token)
        while (shown := at.next()) is not None:
            assert GOOD not in repr(shown) and NOISY not in repr(shown) and "run-" not in repr(shown)
            at.rate(shown.position, {"choice": "tie"})


def test_one_text_a_time_shows_every_run_on_the_same_examples(store: Store) -> None:
    items, _ = draw(store, campaign("likert", items=6, attention=0.0))
    assert len(items) == 12
    assert Counter(item.runs for item in items) == {("run-a",): 6, ("run-b",): 6}
    assert len({item.example for item in items}) == 6


def test_pairs_of_three_runs_come_equally_often(store: Store) -> None:
    add_run(store, "run-c", "model-c", [3] * 40)
    items, _ = draw(store, campaign(runs=("run-a", "run-b", "run-c"), items=30, attention=0.0))
    assert set(Counter(item.runs for item in items).values()) == {10}


def test_what_cannot_be_shown_is_left_out_and_counted(store: Store) -> None:
    add_run(store, "run-c", "model-c", [None, None, *[3] * 30])
    items, dropped = draw(store, campaign(runs=("run-a", "run-c"), items=40, attention=0.0))
    assert dropped == {"failed in a run": 2, "not asked in every run": 8} and len(items) == 30


def test_a_template_shows_columns_and_a_reference_where_asked(store: Store) -> None:
    items, _ = draw(store, campaign(show="Please: {question}", reference=True))
    number = items[0].example[1:]
    assert items[0].prompt == f"Please: What is {number}?" and items[0].reference == f"reference {number}"
    with pytest.raises(UsageError, match="show: no column 'quest'"):
        draw(store, campaign(show="{quest}"))


def test_work_is_dealt_evenly_and_every_item_has_its_raters(store: Store) -> None:
    asked = campaign(raters=5, ratings_per_item=3, items=33, repeats=0.2)
    items, _ = draw(store, asked)
    queue = queues(asked, items)
    normal = [one for one in queue if not items[one.number].expected and not one.repeated]
    assert set(Counter(one.number for one in normal).values()) == {3}
    loads = Counter(one.rater for one in normal)
    assert len(loads) == 5 and max(loads.values()) - min(loads.values()) <= 1
    checks = Counter(one.rater for one in queue if items[one.number].expected)
    assert len(set(checks.values())) == 1 and min(checks.values()) >= 1
    for rater in loads:
        mine = [one for one in queue if one.rater == rater]
        assert [one.position for one in mine] == list(range(len(mine)))
        first = {one.number: one.position for one in mine if not one.repeated}
        again = [one for one in mine if one.repeated]
        assert again and all(one.position > first[one.number] for one in again)
    pairs = Counter(frozenset(one.rater for one in normal if one.number == n) for n in {one.number for one in normal})
    assert len(pairs) > 5  # raters meet in many combinations, so that all can be compared


def test_sides_are_balanced_within_chance_and_depend_on_the_rater(store: Store) -> None:
    asked = campaign(raters=10, ratings_per_item=10, items=40)
    queue = queues(asked, draw(store, asked)[0])
    swapped = sum(one.swapped for one in queue)
    assert abs(swapped / len(queue) - 0.5) < 4 * 0.5 / len(queue) ** 0.5
    sides = {n: {one.swapped for one in queue if one.number == n} for n in {one.number for one in queue}}
    assert sum(len(seen) == 2 for seen in sides.values()) > 0.9 * len(sides)
    assert queue == queues(asked, draw(store, asked)[0])
    assert queue != queues(replace(asked, seed=1), draw(store, replace(asked, seed=1))[0])


def test_the_first_text_on_the_screen_is_the_one_that_is_meant(store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign())
    at = desk.enter(store, made.name, tokens["rater-1"])
    while (shown := at.next()) is not None:
        goods = [one.count("good") for one in shown.texts]
        at.rate(
            shown.position, {"choice": "first" if goods[0] > goods[1] else "second" if goods[1] > goods[0] else "tie"}
        )
    for rating in store.ratings.ratings(made.id):
        item = at.items[at.queue[rating.position].number]
        goods = [one.count("good") for one in item.texts]
        expected = "first" if goods[0] > goods[1] else "second" if goods[1] > goods[0] else "tie"
        if not item.expected:
            assert rating.answer == {"choice": expected}


# -------------------------------------------------------------------------------------------------------------- refused
def test_runs_that_differ_in_data_are_refused(store: Store) -> None:
    add_run(store, "run-c", "model-c", [3] * 40, data="e" * 64)
    with pytest.raises(UsageError, match="runs run-a and run-c differ in the data of toy/letters"):
        desk.create(store, campaign(runs=("run-a", "run-c")))
    with pytest.raises(UsageError, match="run run-a has no finished task demo/qa"):
        desk.create(store, campaign(task="demo/qa"))
    with pytest.raises(UnknownName):
        desk.create(store, campaign(runs=("run-a", "run-z")))


def test_an_unknown_or_revoked_rater_code_is_refused(store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign())
    for wrong in ("", "rater-1", tokens["rater-1"][:-1]):
        with pytest.raises(UsageError, match="this rater code is not known"):
            desk.enter(store, made.name, wrong)
    at = desk.enter(store, made.name, tokens["rater-1"])
    other = desk.reissue(store, made.name, "rater-1")
    with pytest.raises(UsageError, match="not known"):
        desk.enter(store, made.name, tokens["rater-1"])
    assert other is not None and desk.enter(store, made.name, other).rater == "rater-1"
    assert desk.reissue(store, made.name, "rater-1", revoke=True) is None
    with pytest.raises(UsageError, match="may no longer rate"):
        at.rate(0, {"choice": "tie"})  # a page that was open all the while


def test_no_token_is_stored(store: Store, tmp_path: Path) -> None:
    _, tokens, _ = desk.create(store, campaign())
    store.close()
    content = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert all(len(token) >= 32 and token.encode() not in content for token in tokens.values())


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("preference", {"choice": "left"}, "'left' is none of first, second, tie"),
        ("preference", {"value": 3}, "has the key choice"),
        ("likert", {"value": 6}, "the rating 6 is outside the scale: a whole number from 1 to 5"),
        ("likert", {"value": True}, "outside the scale"),
        ("direct", {"value": 101}, "outside the scale: a whole number from 0 to 100"),
        ("direct", {"value": 50.5}, "outside the scale"),
        ("labels", {"labels": ["kind"]}, "are not a list of some of rude, wrong"),
        (
            "mqm",
            {"errors": [{"category": "style", "severity": "minor", "start": 3, "end": 999}]},
            "not a part of the text",
        ),
        ("mqm", {"errors": [{"category": "ugly", "severity": "minor", "start": 0, "end": 1}]}, "the category 'ugly'"),
        ("mqm", {"errors": [{"category": "style"}]}, "does not have"),
        ("direct", {"skipped": " "}, "skipping needs a reason"),
    ],
)
def test_a_rating_outside_the_scale_is_refused(store: Store, kind: str, answer: Any, said: str) -> None:
    made, tokens, _ = desk.create(store, campaign(kind))
    at = desk.enter(store, made.name, tokens["rater-1"])
    with pytest.raises(UsageError, match=said) as error:
        at.rate(0, answer)
    assert "\n" not in str(error.value)
    assert store.ratings.history(made.id) == []


def test_no_tie_where_the_campaign_allows_none(store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign(ties=False))
    with pytest.raises(UsageError, match="'tie' is none of first, second"):
        desk.enter(store, made.name, tokens["rater-1"]).rate(0, {"choice": "tie"})


def test_an_item_is_rated_once_unless_it_is_undone(store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign("direct"))
    at = desk.enter(store, made.name, tokens["rater-1"])
    at.rate(0, {"value": 10}, 2.5)
    with pytest.raises(UsageError, match="rater rater-1 has rated the item at position 0 already"):
        at.rate(0, {"value": 20})
    assert at.undo() == 0 and at.undo() is None
    shown = at.next()
    assert shown is not None and shown.position == 0
    at.rate(0, {"value": 30})
    kept = store.ratings.history(made.id)
    assert [(one.revision, one.answer) for one in kept] == [(0, {"value": 10}), (1, {}), (2, {"value": 30})]
    assert [one.answer for one in store.ratings.ratings(made.id)] == [{"value": 30}]
    with pytest.raises(UsageError, match="has no item at position 999"):
        at.rate(999, {"value": 3})


def test_a_campaign_cannot_be_changed_once_it_is_rated(store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign())
    made, tokens, _ = desk.create(store, campaign(items=10))  # nobody rated it yet
    desk.enter(store, made.name, tokens["rater-1"]).rate(0, {"choice": "tie"})
    with pytest.raises(UsageError, match=r"campaign letters has ratings in version 1: .* give .* version = 2"):
        desk.create(store, campaign(items=20))
    second, _, _ = desk.create(store, campaign(items=20, version=2))
    assert store.ratings.campaign("letters").id == second.id == "letters@2"
    assert len(store.ratings.ratings("letters@1")) == 1
    with pytest.raises(HarnessError, match="unknown campaign 'leters'"):
        store.ratings.campaign("leters")


def test_texts_reach_raters_as_they_are(store: Store) -> None:
    items, _ = draw(store, campaign())
    assert text(int(items[0].example[1:]), items[0].texts[0].count("good")) in items[0].texts
