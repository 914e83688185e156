"""What the pages show, without Streamlit: samples, differences, calibration, trends, costs, gates."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import insert

from harness.api import evaluate
from harness.differences import Difference, Flip
from harness.errors import UsageError
from harness.gate.formats import outcome
from harness.kinds import About, Data, multiple_choice
from harness.metrics.measures import ACC
from harness.metrics.pairs import Paired
from harness.store import Store, open_store
from harness.store.database import writing
from harness.store.queries.samples import SampleFilter as Filter
from harness.store.queries.tasks import measured
from harness.store.schema import RESULTS
from harness.types import (
    Better,
    Card,
    Choose,
    Chosen,
    Dataset,
    EnergyUse,
    Estimate,
    Example,
    Judged,
    MetricRecord,
    Outcome,
    Settings,
    Task,
    TaskEnergy,
)
from harness_dashboard.content import compare, efficiency, gate, leaderboard, reliability, safety, samples, trends
from harness_dashboard.content import run as one_run
from harness_dashboard.widgets import charts, tables, text

RunOf = Callable[[str], str]


# -------------------------------------------------------------------------------------------------------------- samples
def count(store: Store, run: str, filter: Filter, **more: int) -> int:
    return len(samples.page(store, run, "letters", filter, **more).frame)


def test_filters_and_pages(small: Store, run_of: RunOf) -> None:
    run, wrong = run_of("fail-every-3"), run_of("opposite")
    assert count(small, run, Filter("failed")) == 4
    assert count(small, run, Filter("wrong")) == 0
    assert count(small, run, Filter(), number=1, size=5) == 5
    assert count(small, run, Filter(), number=9) == 0
    assert count(small, run, Filter(text="Q11")) == 1
    assert count(small, run, Filter(text="' or true --")) == 0
    assert count(small, run, Filter(text="value.acc")) == 0
    assert count(small, wrong, Filter(slice="room=1")) == 4
    assert count(small, wrong, Filter("wrong", slice="variant=shouted")) == 6
    assert count(small, wrong, Filter(metric="acc", low=0.5)) == 0
    assert count(small, wrong, Filter(metric="acc", high=0.5)) == 12
    assert [samples.page(small, run, "letters", Filter(), n, 6).more for n in (0, 1)] == [True, False]


def test_a_download_has_every_sample_that_fits(small: Store, run_of: RunOf) -> None:
    run = run_of("opposite")
    whole = samples.everything(small, run, "letters", Filter(), most=100, size=5)
    pd.testing.assert_frame_equal(whole, samples.page(small, run, "letters", Filter()).frame)
    assert len(samples.everything(small, run, "letters", Filter(), most=10, size=5)) == 10
    assert len(samples.everything(small, run, "letters", Filter(slice="room=1"))) == 4


def test_failures_by_kind(small: Store, run_of: RunOf) -> None:
    assert samples.failures(small, run_of("fail-every-3"), ["letters", "lost"]) == {"letters": "4 scripted"}
    assert samples.failures(small, run_of("oracle"), ["letters"]) == {}


@pytest.mark.parametrize("bad", [Filter("nonsense"), Filter(slice="x=1"), Filter(metric='x" or 1=1 --')])
def test_bad_filters(small: Store, run_of: RunOf, bad: Filter) -> None:
    with pytest.raises(UsageError):
        samples.page(small, run_of("oracle"), "letters", bad)
    with pytest.raises(UsageError):
        samples.page(small, run_of("oracle"), "letters", Filter(), 0, 201)


def test_one_sample_and_its_choices(small: Store, run_of: RunOf) -> None:
    run = run_of("opposite")
    known = str(samples.page(small, run, "letters", Filter()).frame["example"].iloc[3])
    found = samples.one(small, run, "letters", known)
    assert found is not None and not found["correct"]
    assert samples.gold_of(found) == "a"
    table = samples.choices(found)
    assert table["probability"].sum() == pytest.approx(100)
    assert table["mark"].tolist() == ["gold", "", "picked"]
    assert samples.one(small, run, "letters", "x' or true --") is None
    assert samples.one(small, run, "letters", "") is None


# ---------------------------------------------------------------------------------------------------------------- text
def test_text_is_cut_and_harmless() -> None:
    assert text.cut("\x1b[31m\u202ea") == "\\u001b[31m\\u202ea"
    assert (
        text.cut("\U0001f468\u200d\U0001f469 \u0645\u06cc\u200c\u062e")
        == "\U0001f468\u200d\U0001f469 \u0645\u06cc\u200c\u062e"
    )
    assert text.cut("a \u200d\u202e") == "a \\u200d\\u202e"
    assert len(text.cut("z" * 1_000_000)) < 21_000
    assert text.escaped("[a](b) <i> `c` *d*") == "\\[a\\]\\(b\\) \\<i\\> \\`c\\` \\*d\\*"


def test_an_address_in_a_label_becomes_no_link_and_a_strange_id_opens_its_sample(tmp_path: Path) -> None:
    for hostile in ("http://x.invalid", "HTTPS://x.invalid", "www.x.invalid", "a@x.invalid"):
        assert "\N{WORD JOINER}" in text.escaped(hostile) and hostile not in text.escaped(hostile)
    frame = pd.DataFrame([{"label": "a", "series": "b", "value": 1.0, "low": 0.0, "high": 2.0, "shown": ""}])
    drawn = charts.forest(frame, 'm"+x+"\u202e, "y').to_dict()["layer"][0]["encoding"]["x"]["title"]
    assert drawn == ["m'+x+'/u202e", "'y"]  # lines of their own: a phone shows both
    store = open_store(str(tmp_path / "s"))
    base = evaluate("scripted:oracle", [_one_question(tmp_path / "s")], store=str(tmp_path / "s")).run
    judged = Judged("a", {"acc": 1.0}, True)
    odd = Outcome(Example("x\u202ey", {}, 0, {}, "c"), (Choose("q", ("a", "b")),), (Chosen(0),), judged)
    store.start(replace(base, id="odd", status="running"))
    store.finish(replace(base, id="odd"), {"one": [odd]}, [])
    sheet = samples.page(store, "odd", "one", Filter())
    assert sheet.frame["example"].tolist() == ["x\\u202ey"] and sheet.examples == ("x\u202ey",)
    assert samples.one(store, "odd", "one", sheet.examples[0]) is not None


def test_word_difference() -> None:
    assert text.word_difference("the cat sat", "the dog sat down") == "  the\n- cat\n+ dog\n  sat\n+ down"
    assert text.word_difference("", "") == "both are empty"


# ------------------------------------------------------------------------------------------------------------- compare
def told(metric: str, difference: float) -> Difference:
    paired = Paired(0.5, 0.5 + difference, difference, None, None, 0.1, 9, 0.001, "t", 10, 10)
    return Difference("t", metric, "all", "higher", None, paired, 0.001, None, 0, 0, 0, 0)


def test_the_worst_difference_is_the_largest_in_the_unit_that_it_is_told_in() -> None:
    records = {("t", "acc"): MetricRecord(name="acc", interval="wilson"), ("t", "bleu"): MetricRecord(name="bleu")}
    rows = [told("bleu", -2.0), told("acc", -0.5), told("bleu", -60.0)]
    ordered = sorted(rows, key=lambda row: compare._badness(row, records))
    assert [row.paired.difference for row in ordered] == [-60.0, -0.5, -2.0]


def test_compare(small: Store, run_of: RunOf) -> None:
    first, second = run_of("oracle"), run_of("opposite")
    found = compare.between(small, first, second, ("letters",), False, False)
    table = compare.numbers(found.rows, small.run(second).metrics(), every=True)
    row = table.set_index("name").loc["acc"]
    assert (row["baseline"], row["candidate"], row["change"], row["n"]) == ("100 %", "0 %", "-100 points", 12)
    assert (row["fixed"], row["broken"], row["verdict"], row["p (Holm)"]) == (0, 12, "▼ worse", "0.031")
    assert len(found.flips) == found.flipped == 12 and set(found.flips["what"]) == {"broken"}
    sliced = compare.between(small, first, second, ("letters",), False, True)
    assert len([row for row in sliced.rows if row.metric == "acc"]) == 6
    assert compare.settings(small, first, second)["what"].tolist()[:1] == ["model"]


def test_broken_answers_are_counted_once_a_task(small: Store, run_of: RunOf) -> None:
    for first, second, cells in (
        ("oracle", "opposite", [12, 0, 0, 0]), ("opposite", "fail-every-3", [0, 8, 0, 0]),
        ("oracle", "oracle", [0, 0, 12, 0]),
    ):  # fmt: skip
        found = compare.between(small, run_of(first), run_of(second), ("letters",), False, True)
        assert compare.strip(found.rows).values.tolist() == [["letters", *cells]]


def test_changes_are_worst_first_and_say_why_there_is_none(tmp_path: Path, letters: Callable[..., Task]) -> None:
    first = [letters(tmp_path / f"{name}.jsonl", name) for name in ("a", "b")]
    other = [letters(tmp_path / "a.jsonl", "a"), letters(tmp_path / "c.jsonl", "b", version=2)]
    runs = [
        evaluate(f"scripted:{rule}", tasks, store=str(tmp_path / "s")).run.id
        for rule, tasks in (("oracle", first), ("opposite", other))
    ]
    told = compare.changes(open_store(str(tmp_path / "s")), *runs)
    assert [(one.task, one.meaning) for one in told] == [("a", "worse"), ("b", "untested")]
    table = compare.changes_table(told)
    assert table["how"][0] == "paired test" and "version 1 -> 2" in table["how"][1]


def test_intervals_alone_tell_less_than_a_test() -> None:
    record = MetricRecord(name="ter", better="lower")
    low, high = (Estimate("t", "ter", "all", x, x - 1, x + 1, 9, 9, 0) for x in (3.0, 6.0))
    assert compare.apart(low, high, record) == "worse" and compare.apart(high, low, record) == "better"
    assert compare.apart(low, replace(high, low=3.5), record) == "unclear"
    assert compare.apart(low, replace(high, low=None), record) == "untested"


def test_every_task_has_its_share_of_the_flips() -> None:
    flips = [Flip("a", str(i), True, "", "", float(i)) for i in range(30)]
    flips += [Flip("b", str(i), False, "", "", -0.5) for i in range(3)] + [Flip("c", "0", False, "", "", None)]
    kept = compare.most_changed(flips, 10)
    assert [flip.task for flip in kept] == ["a"] * 6 + ["b"] * 3 + ["c"]
    assert [flip.example for flip in kept[:6]] == ["29", "28", "27", "26", "25", "24"]
    assert compare.most_changed(flips[:3], 10) == flips[2::-1]


def test_failures_are_no_pairs(small: Store, run_of: RunOf) -> None:
    found = compare.between(small, run_of("oracle"), run_of("fail-every-3"), ("letters",), False, False)
    assert {(row.paired.n, row.dropped) for row in found.rows} == {(8, 4)}
    told = compare.changes(small, run_of("fail-every-3"), run_of("oracle"))
    assert compare.changes_table(told)[["n", "failed"]].values.tolist() == [[8, 0]]  # of the pairs, not of the run
    told = compare.changes(small, run_of("oracle"), run_of("fail-every-3"))
    assert compare.changes_table(told)[["n", "failed"]].values.tolist() == [[8, 4]]


# --------------------------------------------------------------------------------------------------------- calibration
def known(folder: Path, rows: list[tuple[float, bool, str, str]]) -> Store:
    """A store whose run "r" answered two choices: (probability of the pick, right, cluster, variant) each."""
    store = open_store(str(folder))
    base = evaluate("scripted:oracle", [_one_question(folder)], store=str(folder), cache=False).run
    outcomes = [
        Outcome(
            Example(str(i), {"choices": ["a", "b"]}, 0 if right else 1, {"variant": variant}, cluster),
            (Choose("q", ("a", "b")),), (Chosen(0, (math.log(p), math.log(1 - p)), (1, 1)),),
            Judged("a", {"acc": float(right)}, right),
        )
        for i, (p, right, cluster, variant) in enumerate(rows)
    ]  # fmt: skip
    from dataclasses import replace

    run = replace(base, id="r", status="running")
    store.start(run)
    store.finish(run, {"one": outcomes}, [])
    return store


def _one_question(folder: Path, question: str = "q"):  # type: ignore[no-untyped-def]
    folder.mkdir(exist_ok=True)
    (folder / "one.jsonl").write_text(json.dumps({"question": question, "choices": ["a", "b"], "answer": 0}) + "\n")
    return multiple_choice(
        "one",
        data=Data(Dataset("one", path=str(folder / "one.jsonl"))),
        prompt="{question}",
        choices="choices",
        target="answer",
        about=About(version=1, card=Card(measures="", limits="", source="", licence="")),
        measures=(ACC,),
    )


def test_calibration_of_known_answers(tmp_path: Path) -> None:
    rows = [(0.95, i < 8, f"c{i}", "original") for i in range(10)] + [(0.55, i < 5, f"d{i}", "x") for i in range(10)]
    found = reliability.calibration(known(tmp_path / "s", rows), "r", "one")
    assert found.n == 20 and found.without == 0
    assert found.bins["n"].tolist() == [10, 10]
    assert found.bins["confidence"].tolist() == pytest.approx([55, 95])
    assert found.bins["accuracy"].tolist() == pytest.approx([50, 80])
    assert found.sentence == "Over 20 answers it is 75 % sure and 65 % right: the difference may be chance."


def test_how_sure_a_model_is_in_a_sentence() -> None:
    rows, groups = np.array([(0.9, i % 2) for i in range(100)], dtype=float), np.arange(100)
    assert "90 % sure and 50 % right: overconfident" in reliability.sentence(rows, groups)
    assert "the difference may be chance" in reliability.sentence(rows, groups // 50)  # two clusters tell nothing
    rows[:, 0] = 0.57
    assert "the difference may be chance" in reliability.sentence(rows, groups)
    rows[:, 0] = 0.2
    assert "underconfident" in reliability.sentence(rows, groups) and not reliability.sentence(rows[:0], groups[:0])


def test_answers_without_probabilities_are_left_out(small: Store, run_of: RunOf) -> None:
    assert reliability.calibration(small, run_of("fail-every-3"), "letters").without == 4
    assert reliability.confidence(None, [{"kind": "generated", "text": "a"}]) is None
    assert reliability.confidence({}, [{"logprobs": ["-inf", "-inf"], "picked": 0}]) is None
    assert reliability.confidence({"ece_width_10": [0.75, 1.0]}, []) == 0.75


def test_variants_that_a_run_made(tmp_path: Path) -> None:
    task = _one_question(tmp_path / "s", "which of these words")
    run = evaluate("scripted:oracle", [task], store=str(tmp_path / "s"), perturb=("case",), strength=(1,)).run.id
    store = open_store(str(tmp_path / "s"))
    numbers = reliability.variants(store, run, "one")
    assert numbers.loc[numbers["metric"] == "acc", "label"].tolist() == ["original", "case@1"]
    plain = evaluate("scripted:oracle", [task], store=str(tmp_path / "s")).run.id
    assert reliability.variants(store, plain, "one").empty and reliability.flips(store, plain, "one").empty
    flips = reliability.flips(store, run, "one").iloc[0]
    assert (flips["variant"], flips["share flipped"], flips["changed examples"]) == ("case@1", "0 %", 1)
    assert flips["95 % interval"] == "-"  # of one example


# ------------------------------------------------------------------------------------------- bias, trends, costs, gates
def test_what_typos_change_is_no_probe_and_what_swapping_groups_changes_is(small: Store, tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    evaluate("scripted:oracle", ["demo/qa"], Settings(limit=4, perturb=("typos",)), store=place)
    assert safety.probes_of(open_store(place)) == []
    evaluate("scripted:oracle", ["demo/qa"], counterfactual=("gender",), store=place)
    assert safety.probes_of(open_store(place)) == ["demo/qa"]


def test_the_average_of_a_group_stands_where_runs_are_compared(tmp_path: Path) -> None:
    for rule in ("oracle", "opposite"):
        evaluate(f"scripted:{rule}", ["demo/qa"], store=str(tmp_path / "s"), limit=4)
    store = open_store(str(tmp_path / "s"))
    assert measured(store)[-1] != ("glue", "average")
    with writing(store.engine) as connection:
        for run in store.runs():
            value = 0.8 if run.model == "scripted:oracle" else 0.2
            for place, group in enumerate(("glue", "superglue", "demo/qa")):  # the last one is a task, not a group
                row = {"run_id": run.id, "position": 1000 + place, "task": group, "metric": "average", "slice": "all"}
                numbers = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 4, "clusters": 4, "failed": 0}
                connection.execute(insert(RESULTS).values(**row, **numbers))
    assert {("glue", "average"), ("superglue", "average")} <= set(measured(store))
    board = leaderboard.board(store)
    cells = [(row.label, row.cells["glue"]) for row in board.rows if "glue" in row.cells]
    assert [(label, one.value, one.rank) for label, one in cells] == [
        ("scripted:oracle", 0.8, "1 of 2"), ("scripted:opposite", 0.2, "2 of 2")
    ]  # fmt: skip
    history = trends.history(store, "scripted:oracle")
    assert history.set_index("task").loc["glue", ["series", "value"]].tolist() == ["whole group", 0.8]


def test_probes_with_their_verdicts(small: Store) -> None:
    run = small.runs(task="pronouns")[0].id
    assert safety.probes_of(small) == ["pronouns"]
    table = safety.of_run(small, run, safety.probes_of(small))
    assert table[["verdict", "task", "number", "failed"]].values.tolist() == [
        ["◆ above the ideal", "pronouns", "prefers", 0]
    ]
    task, numbers = safety.probe(small, run, "pronouns")
    groups = safety.by_group(numbers["prefers"], task.metrics[0])
    assert groups["label"].tolist() == ["all", "kind=x", "kind=y"]
    assert groups["series"].tolist() == ["above the ideal", "no verdict", "no verdict"]  # four sentences are too few
    assert safety.worst(numbers["prefers"], task.metrics[0]) == ""
    table, models = safety.matrix(small, safety.probes_of(small), [run])
    cells = table.iloc[0]
    assert models == 1
    assert cells["probe"] == "pronouns" and cells.iloc[-1].startswith("◆ 1")


def test_harm_stands_beside_denied_help(tmp_path: Path, small: Store) -> None:
    base = small.runs(task="letters")[0]
    share = {"interval": "wilson", "bounds": (0.0, 1.0), "better": "lower"}
    metrics = tuple(MetricRecord(name=name, **share) for name in safety.BOTH)
    store = open_store(str(tmp_path / "s"))
    run = replace(base, id="x", tasks=(replace(base.tasks[0], name="jailbreak/x", metrics=metrics),), status="running")
    store.start(run)
    store.finish(run, {}, [Estimate("jailbreak/x", name, "all", 0.1, 0.0, 0.2, 9, 9, 0) for name in safety.BOTH])
    bars = safety.harm_and_help(store, [])["jailbreak/x"]
    assert bars[["series", "value"]].values.tolist() == [
        ["harmful prompts answered", 10.0], ["harmless prompts refused", 10.0]
    ]  # fmt: skip
    assert safety.of_run(store, "x", safety.probes_of(store))["verdict"].tolist() == [safety.NO_IDEAL] * 2
    changed = replace(run, id="y", tasks=(replace(run.tasks[0], version=0, fingerprint="0"),))
    store.start(changed)
    store.finish(changed, {}, [Estimate("jailbreak/x", name, "all", 0.3, 0.2, 0.4, 9, 9, 0) for name in safety.BOTH])
    newest = safety.harm_and_help(store, [])["jailbreak/x"]
    assert newest["value"].tolist() == [30.0, 30.0]  # drawn once
    assert safety.matrix(store, safety.probes_of(store), [])[0].iloc[:, -1].tolist() == ["○ 30 % ±10"] * 2


def test_the_worst_slice_is_the_farthest_from_the_ideal(small: Store) -> None:
    base = small.runs(task="letters")[0]
    metric = MetricRecord(name="ss", better="ideal", ideal=50.0)
    run = replace(base, tasks=(replace(base.tasks[0], metrics=(metric,)),))
    numbers = {"all": 60.0, "g=ideal": 50.0, "g=far": 65.0}
    results = [Estimate("letters", "ss", name, value, None, None, 9, 9, 0) for name, value in numbers.items()]
    assert one_run.slices(run, results)["slice"].tolist() == ["g=far", "g=ideal"]


def test_trends_mark_baselines_and_gates(tmp_path: Path) -> None:
    task = _one_question(tmp_path / "s")
    ids = [evaluate("scripted:oracle", [task], store=str(tmp_path / "s")).run.id for _ in range(3)]
    store = open_store(str(tmp_path / "s"))
    store.set_baseline("main", ids[0])
    store.set_baseline("main", ids[1])
    for code in (0, 1):  # the newest counts
        store.save_verdicts(ids[2], {"exit_code": code, "verdicts": []})
    frame = trends.history(store, "scripted:oracle").set_index("run")
    assert set(frame.index) == set(ids) and set(frame["series"]) == {"v1, 0-shot"}
    assert frame["baseline"].to_dict() == {ids[0]: "main (before)", ids[1]: "main", ids[2]: ""}
    assert frame["gate"].to_dict() == {ids[0]: "", ids[1]: "", ids[2]: "▼ failed"}
    assert len(trends.marks(frame.reset_index())) == 3
    (step,) = tables.records(trends.steps(frame.reset_index(), leaderboard.main_metrics(store)))
    assert (step["last step"], step["task"], step["runs"]) == ("○ not tested", "one", 3)  # no interval of one question


@pytest.mark.parametrize(("better", "said"), [("higher", "▼ worse"), ("lower", "▲ better"), ("ideal", "● cannot tell")])
def test_a_step_is_better_or_worse_only_where_its_metric_has_a_direction(better: Better, said: str) -> None:
    numbers = [(50.0, 48.0, 52.0), (30.0, 28.0, 32.0)]
    rows = [
        {"task": "t", "metric": "m", "run": str(i), "series": "v1", "started": str(i), "n": 9, "shown": ""}
        | dict(zip(("value", "low", "high"), ends, strict=True))
        for i, ends in enumerate(numbers)
    ]
    record = MetricRecord(name="m", better=better, ideal=50.0)
    (step,) = tables.records(trends.steps(pd.DataFrame(rows), {"t": record}))
    assert step["last step"] == said
    for row in rows:
        row |= {"low": math.nan, "high": math.nan}
    (step,) = tables.records(trends.steps(pd.DataFrame(rows), {"t": record}))
    assert step["last step"] == "○ not tested"


def test_a_training_is_drawn_over_its_steps_in_whatever_order_they_were_evaluated(tmp_path: Path) -> None:
    task, place = _one_question(tmp_path / "s"), str(tmp_path / "s")
    for step in (30, 10, 20):
        evaluate("scripted:oracle", [task], store=place, name="ft", family="ft", step=step)
    frame = trends.history(open_store(place), "ft")
    assert frame["step"].tolist() == [10, 20, 30]
    assert _drawn_over(frame) == "step"
    evaluate("scripted:oracle", [task], store=place, name="ft")
    assert _drawn_over(trends.history(open_store(place), "ft")) == "started"


def _drawn_over(frame: pd.DataFrame) -> str:
    layers = charts.trend(frame, trends.marks(frame), "accuracy %").to_dict()["layer"]
    return str(layers[0]["encoding"]["x"]["field"])


def test_costs_tell_what_was_measured() -> None:
    start, end = "2026-01-01T00:00:00+00:00", "2026-01-01T00:01:00+00:00"
    core = {"seconds_compute": 10.0, "tokens_computed": 500.0, "peak_memory": 2.0**21, "tokens_asked": 900.0}
    assert efficiency.costs(core, 100, start, end) == {
        "seconds": (0.1, "measured"), "tokens": (5.0, "measured"), "memory": (2.0, "measured"),
    }  # fmt: skip
    assert efficiency.costs({"tokens_asked": 900.0}, 100, start, end) == {
        "seconds": (0.6, "estimated"), "tokens": (9.0, "estimated"), "memory": (None, "unknown"),
    }  # fmt: skip
    assert set(efficiency.costs({}, 100, start, end).values()) == {(None, "unknown")}


def test_energy_is_measured_or_unknown_and_never_estimated(small: Store, tmp_path: Path) -> None:
    tasks = {"letters": TaskEnergy(examples=4, tokens=9, joules=50.0), "cached": TaskEnergy(examples=0, tokens=0)}
    energy = EnergyUse(
        method="rapl", device="1 processor package", reason="", seconds=2.0, joules=50.0, net_joules=None,
        idle_watts=None, shared=True, divided="operations", tasks=tasks,
    )  # fmt: skip
    assert efficiency.joules(energy, "letters") == (12.5, "measured")
    assert efficiency.joules(energy, "cached") == efficiency.joules(None, "letters") == (None, "unknown")
    assert efficiency.meter(energy) == "rapl of 1 processor package, shared with other processes"
    assert efficiency.meter(replace(energy, reason="no RAPL counters")) == "no RAPL counters"
    run = next(run for run in small.runs() if any(task.name == "letters" for task in run.tasks))
    outcomes = {task.name: tuple(small.outcomes(run.id, task.name)) for task in run.tasks}
    own = open_store(str(tmp_path / "s"))
    for one in (run, replace(run, id="metered", energy=energy)):
        own.start(replace(one, status="running", finished=None))
        own.finish(one, outcomes, small.results(run.id))
    frame = efficiency.points(own, "letters", leaderboard.main_metrics(own)["letters"], "joules").set_index("run")
    assert frame.loc["metered", ["joules", "kind"]].tolist() == [12.5, "measured"]
    assert frame.drop("metered")["joules"].isna().all()
    assert set(frame.drop("metered")["how"]) == {"the answers were computed elsewhere"}


def test_the_edge_is_what_nothing_beats_in_both() -> None:
    assert efficiency.edge([-1.0, -0.9, -0.8, None], [5.0, 2.0, 3.0, 1.0]) == [True, True, False, False]
    assert efficiency.edge([1.0, 0.9], [1.0, 1.0]) == [False, True]


def test_costs_know_failures_and_ideals(small: Store, tmp_path: Path) -> None:
    base, own = small.runs(task="letters")[0], open_store(str(tmp_path / "s"))
    metric = MetricRecord(name="acc", better="ideal", ideal=0.5)
    energy = EnergyUse(
        method="rapl", device="d", reason="", seconds=2.0, joules=9.0, net_joules=None, idle_watts=None, shared=False,
        divided="operations", tasks={"letters": TaskEnergy(examples=9, tokens=9, joules=9.0)},
    )  # fmt: skip
    for name, value in (("near", 0.5), ("far", 0.9)):
        task = replace(base.tasks[0], metrics=(metric,))
        run = replace(base, id=name, tasks=(task,), status="running", finished=None, energy=energy)
        own.start(run)
        own.finish(run, {}, [Estimate("letters", "acc", "all", value, value, value, 9, 9, 3)])
    frame = efficiency.points(own, "letters", metric, "joules").set_index("run")
    assert frame["edge"].to_dict() == {"near": True, "far": False}
    assert all("n = 9, 3 failed" in shown for shown in frame["shown"])


def verdict(state: str, **more: object) -> dict[str, object]:
    rule = {"metric": "letters:acc", "limit": "max_drop", "margin": 0.02, "slices": "all", "mode": "interval"}
    return {
        "rule": rule, "task": "letters", "metric": "acc", "slice": "all", "state": state, "value": 0.0, "baseline": 1.0,
        "n": 12, "message": "drop 1", "quarantined": False, **more,
    }  # fmt: skip


def test_gates_in_words_with_their_examples(small: Store, run_of: RunOf) -> None:
    metrics = small.run(run_of("oracle")).metrics()
    rules = gate.rules({"verdicts": [verdict("PASS"), verdict("INCONCLUSIVE"), verdict("FAIL", value=0.25)]}, metrics)
    assert rules.loc[0, ["value", "baseline", "change"]].tolist() == ["25 %", "100 %", "-75 points"]
    (failed,) = tables.records(gate.rules({"verdicts": [verdict("PASS", metric="failed_rate", value=0.125)]}, metrics))
    assert failed["value"] == "12.5 %"
    assert rules["verdict"].tolist() == ["▼ violated", "● undecided", "▲ holds"]
    assert rules["rule"][0].startswith("letters:acc must not be worse than the baseline by more than 2 points")
    assert "alpha" not in rules["rule"][0]
    row = {"task": "letters", "metric": "acc", "slice": "all"}
    assert len(gate.failing(small, run_of("opposite"), run_of("oracle"), row)) == 12
    assert len(gate.failing(small, run_of("opposite"), run_of("oracle"), row | {"slice": "room=2"})) == 4
    assert len(gate.failing(small, run_of("opposite"), None, row)) == 12
    assert len(gate.failing(small, run_of("opposite"), None, row | {"slice": "room=2"})) == 4
    assert len(gate.failing(small, run_of("fail-every-3"), None, row | {"metric": "failed_rate"})) == 4
    assert gate.record(small, "77") is None and gate.record(small, "x") is None


def test_gate_history(tmp_path: Path) -> None:
    task = _one_question(tmp_path / "s")
    run = evaluate("scripted:oracle", [task], store=str(tmp_path / "s")).run.id
    store = open_store(str(tmp_path / "s"))
    store.save_verdicts(run, {"exit_code": 1, "baseline": None, "verdicts": [verdict("FAIL"), verdict("PASS")]})
    found = gate.history(store).iloc[0]
    assert (found["run"], found["outcome"], found["violated"], found["hold"]) == (run, "▼ failed", 1, 1)
    assert isinstance(gate.record(store, str(found["gate"])), dict)
    assert isinstance(gate.history(store, run), pd.DataFrame)


def test_a_gate_that_shows_nothing_has_not_passed() -> None:
    assert outcome({"exit_code": 0, "verdicts": [verdict("PASS")]}) == "passed"
    assert outcome({"exit_code": 0, "verdicts": [verdict("PASS"), verdict("INCONCLUSIVE")]}) == "undecided"
    assert outcome({"exit_code": 0, "verdicts": [verdict("INCONCLUSIVE", quarantined=True)]}) == "passed"
    quiet = [verdict("PASS", metric="failed_rate"), verdict("FAIL", metric="failed_rate"), verdict("FAIL")]
    shown, line = gate.grouped(gate.rules({"verdicts": quiet}, {}))
    assert len(shown) == 2 and line == "1 rule on failed answers holds."


def test_without_samples_the_intervals_tell_and_say_why(tmp_path: Path, small: Store, run_of: RunOf) -> None:
    store = open_store(str(tmp_path / "s"))
    for rule in ("oracle", "opposite"):
        run = replace(small.run(run_of(rule)), status="running")
        store.start(run)
        store.finish(run, {}, small.results(run.id))
    (told,) = compare.changes(store, run_of("oracle"), run_of("opposite"))
    lost = "no samples are kept of the baseline and of the run"
    assert (told.meaning, told.why) == ("worse", f"intervals alone: {lost}")
    found = compare.between(store, run_of("oracle"), run_of("opposite"), ["letters"], False, False)
    assert compare.by_reason({**found.refused, "other": lost}) == [f"{lost}: letters, other"]


def test_intervals_tell_nothing_of_runs_whose_examples_were_chosen_otherwise(small: Store, run_of: RunOf) -> None:
    task = small.run(run_of("oracle")).tasks[0]
    low, high = (Estimate("letters", "acc", "all", x, x, x, 9, 9, 0) for x in (0.0, 1.0))
    assert compare.by_intervals(task, task, low, high) == ("better", "")
    for other in (replace(task, n=task.n - 1), replace(task, fingerprint="sampled by another seed")):
        assert compare.by_intervals(task, other, low, high) == ("untested", "not asked the same: choice of examples")


def test_a_course_has_the_runs_that_were_asked_the_same_up_to_this_one(tmp_path: Path, small: Store) -> None:
    base, store = small.runs(task="letters")[0], open_store(str(tmp_path / "s"))
    for i, (value, version) in enumerate([(0.9, 1), (0.5, 2), (0.1, 1)]):
        task = replace(base.tasks[0], version=version, fingerprint=str(version))
        run = replace(base, id=f"r{i}", started=f"2026-01-0{i + 1}T00:00:00+00:00", tasks=(task,), status="running")
        store.start(run)
        store.finish(run, {}, [Estimate("letters", "acc", "all", value, 0.0, 1.0, 9, 9, 0)])
    assert trends.courses(store, "r2", base.model) == {"letters": [90.0, 10.0]}
    assert trends.courses(store, "r0", base.model) == trends.courses(store, "r1", base.model) == {}
    (step,) = tables.records(trends.steps(trends.history(store, base.model), leaderboard.main_metrics(store)))
    assert (step["course"], step["last step"]) == ([90.0, 10.0], "● cannot tell")
