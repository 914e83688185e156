"""A run is found by what people remember of it: its place in time, its model, its tag, its id."""

import pytest
from stored import run

from harness.errors import UnknownName, UsageError
from harness.store import Store


def finished(store: Store, run_id: str, **fields: str) -> None:
    """A finished run without numbers or samples."""
    store.finish(run(run_id, **fields), {}, [])


@pytest.fixture
def store(store):
    """Three finished runs of two models, and a newer one that was interrupted."""
    finished(store, "r1", model="models/ft-v1", started="2026-01-01T00:00:00+00:00")
    finished(store, "r2", model="models/ft-v1", started="2026-01-02T00:00:00+00:00")
    finished(store, "q1", model="smol", started="2026-01-03T00:00:00+00:00")
    store.start(run("q2", model="smol", started="2026-01-04T00:00:00+00:00"))
    store.fail("q2", "interrupted", "")
    return store


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("latest", "q2"),
        ("latest~1", "q1"),
        ("latest~3", "r1"),
        ("models/ft-v1", "r2"),
        ("ft-v1", "r2"),
        ("ft-v1~1", "r1"),
        ("smol", "q1"),
        ("r1", "r1"),
    ],
)
def test_a_name_means_one_run(store, name, run_id):
    assert store.run(name).id == run_id
    store.tag(name, "chosen")
    assert store.tags() == {run_id: ("chosen",)}


def test_ids_and_tags_come_before_models(store):
    store.tag("q1", "ft-v1")
    assert store.run("ft-v1").id == "q1"
    finished(store, "smol", model="else")
    assert store.run("smol").model == "else"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("latest~4", "there is no run 'latest~4': the store has 4 runs"),
        ("smol~1", "there is no run 'smol~1': the store has 1 finished run of smol; unfinished, by their ids: q2"),
        ("r", "'r' is the beginning of several runs: r1, r2"),
    ],
)
def test_what_does_not_fit_is_one_sentence(store, name, words):
    with pytest.raises(UsageError) as caught:
        store.run(name)
    assert str(caught.value) == words


def test_an_unknown_name_lists_what_there_is(store):
    store.tag("r1", "main")
    with pytest.raises(UnknownName) as caught:
        store.run("zzzzzz")
    assert str(caught.value) == "unknown run 'zzzzzz'; valid: latest, main, models/ft-v1, q1, q2, r1, r2, smol"


def test_the_end_of_several_models_is_ambiguous(store):
    finished(store, "x1", model="other/ft-v1")
    with pytest.raises(UsageError, match="'ft-v1' is the end of several models: models/ft-v1, other/ft-v1"):
        store.run("ft-v1")


@pytest.mark.parametrize("tag", ["latest", "latest~1"])
def test_no_tag_stands_for_the_newest_run(store, tag):
    with pytest.raises(UsageError, match="it stands for the newest run"):
        store.tag("r1", tag)
