"""What a run computed can be stored and shown: odd texts and values, large files, names with brackets; and races."""

import datetime
import decimal
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner
from stored import choice, estimate, outcomes, run, task

from harness.cli.runs import command as runs
from harness.cli.show import command as show
from harness.errors import HarnessError, StoreError, UnknownName, UsageError
from harness.store import catalogue
from harness.store.database import writing
from harness.store.samples import Artifact
from harness.types import Generated


def test_odd_texts_and_values_are_stored(store):
    plain = choice(0)
    odd = replace(
        plain,
        example=replace(
            plain.example, id="a\udc80", cluster="\ud800", slices={"l\0ang": "e\0n\udc80", "long": "x" * 4000},
            fields={
                "when": datetime.datetime(2026, 1, 2, 3), "raw": b"\xff\0", "price": decimal.Decimal("1.50"),
                "image": {"bytes": b"\x89PNG", "path": None}, (1, 2): {3}, "half": "\ud83d",
            },
        ),
        responses=(Generated("half an emoji \ud83d", 3, "length"),),
        judged=replace(plain.judged, prediction="half \ud83d"),
    )  # fmt: skip
    numbers = [estimate(slice="l\0ang=e\0n\udc80"), estimate(slice="long=" + "x" * 4000)]
    made = replace(run(), message="\0\udc80", command="harness \udc80", settings={"system": "\ud800"})
    store.start(made)
    store.finish(made, {"toy/choice": [odd, *outcomes()]}, numbers)
    [back, *_] = store.outcomes("run-1", "toy/choice")
    assert back.responses == odd.responses and back.example.fields["half"] == "\ud83d"
    assert back.example.fields["when"] == "2026-01-02T03:00:00" and back.example.fields["raw"] == "/wA="
    assert back.example.fields["price"] == "1.50" and back.example.fields["image"]["bytes"] == "iVBORw=="
    assert back.example.id == "a\N{REPLACEMENT CHARACTER}"
    first, second = store.results("run-1")
    assert first.slice == "l\N{REPLACEMENT CHARACTER}ang=e\N{REPLACEMENT CHARACTER}n\N{REPLACEMENT CHARACTER}"
    assert second.slice.startswith("long=xxx") and len(second.slice) < 200
    assert len(store.samples("run-1", "toy/choice", "correct")) == 3


def test_a_file_of_more_than_two_gibibytes_can_be_entered(store):
    with writing(store.engine) as connection:
        big = Artifact("toy/choice", "run-1/toy/choice.parquet", "0" * 64, 3 * 2**31, 5 * 2**31)
        catalogue.complete(connection, replace(run(), status="finished"), [], [big])
    assert store.artifacts("run-1") == [big]


def test_brackets_and_control_characters_in_names_are_shown(store, place):
    made = replace(run(), tasks=(replace(task(), name="my[red]task"),), model="toy [/]\x1b[2J")
    store.finish(made, {"my[red]task": outcomes()}, [
        estimate(task="my[red]task", slice=f"lang={name}") for name in ("[en]", "[de]", "[/]", "\x1b[2J")
    ])  # fmt: skip
    for command, *words in ((show, "run-1"), (runs, "list"), (runs, "list", "--limit", str(10**30))):
        done = CliRunner().invoke(command, [*words, "--store", place.url], catch_exceptions=False)
        assert done.exit_code == 0 and "\x1b" not in done.output and "toy [/]" in done.output
        assert command is runs or all(f"lang={name}" in done.output for name in ("[en]", "[de]", "[/]"))
    assert "my[red]task" in CliRunner().invoke(show, ["run-1", "--store", place.url]).output


def test_ten_thousand_slices_are_cut_and_told(store, place):
    store.finish(run(), {"toy/choice": outcomes()}, [estimate(slice=f"id={i}") for i in range(10_000)])
    said = CliRunner().invoke(show, ["run-1", "--store", place.url]).output
    assert "9,500 more rows are not shown" in " ".join(said.split()) and said.count("\n") < 600


def both(first: Callable[[], object], second: Callable[[], object]) -> list[HarnessError]:
    """Two things at once; gives what they could not do."""
    start, lost = threading.Barrier(2), list[HarnessError]()

    def go(do: Callable[[], object]) -> None:
        start.wait()
        try:
            do()
        except HarnessError as error:
            lost.append(error)

    threads = [threading.Thread(target=go, args=(do,)) for do in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return lost


def test_a_baseline_is_never_removed_by_a_race(place):
    one, two = place.open(), place.open()
    for i in range(15):
        name = f"run-{i}"
        one.finish(run(name), {}, [estimate()])
        lost = both(lambda name=name: one.rm(name), lambda name=name: two.set_baseline("main", name))
        [error] = lost
        there = [r.id for r in one.runs()] == [name]
        assert isinstance(error, UsageError if there else UnknownName)
        assert (one.baselines().get("main") == name) is there
        for left in one.runs():
            one.rm(left.id, force=True)


def test_two_tags_at_once_are_no_error(place):
    one, two = place.open(), place.open()
    for name in ("a", "b"):
        one.finish(run(name), {}, [estimate()])
    for i in range(15):
        assert both(lambda i=i: one.tag("a", f"t{i}"), lambda i=i: two.tag("b", f"t{i}")) == []
    assert sum(len(tags) for tags in one.tags().values()) == 15


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb", "\x1b[2J"])
def test_names_that_are_none(store, name):
    store.finish(run(), {}, [estimate()])
    for point in (lambda: store.tag("run-1", name), lambda: store.set_baseline(name, "run-1")):
        with pytest.raises(UsageError, match="cannot be called"):
            point()


def test_what_a_killed_writer_left_is_cleared(store, tmp_path):
    from pathlib import Path

    folder = Path(store.folder.url) / "run-1" / "toy"
    folder.mkdir(parents=True)
    (folder / "choice.parquet.999.part").write_text("torn")
    store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
    assert [p.name for p in folder.iterdir()] == ["choice.parquet"]


def test_a_damaged_path_in_the_catalogue_is_told(store):
    store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
    with writing(store.engine) as connection:
        connection.exec_driver_sql("UPDATE artifacts SET path = '../../etc/passwd'")
    with pytest.raises(StoreError, match="is no place for samples of run run-1"):
        store.artifacts("run-1")
