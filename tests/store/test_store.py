"""What is put into a store comes out of it, on both databases; baselines, tags, verdicts, migrations."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from stored import estimate, outcomes, run, task

from harness.errors import StoreError, UnknownName, UsageError
from harness.store import Store, open_store
from harness.store.database import writing
from harness.store.queries import leaderboard, results
from harness.store.queries.leaderboard import LeaderboardFilter
from harness.store.queries.results import ResultFilter
from harness.store.queries.tasks import measured
from harness.store.schema import RUNS
from harness.types import EnergyUse, MetricRecord, PartScores, TaskEnergy, Training


def finished(store: Store, run_id: str = "run-1", **changes):
    made = run(run_id, **changes)
    store.start(made)
    store.finish(made, {t.name: outcomes() for t in made.tasks}, [estimate()])
    return made


def test_a_run_comes_back_as_it_was(place):
    store = place.open()
    made = run(tasks=(task("b/two"), task("a/one", version=3)))
    store.start(made)
    assert store.run("run-1") == made
    estimates = [
        estimate("ppl", float("inf"), low=None, high=None),
        estimate("acc", 0.1 + 0.2),
        estimate(slice="gender=female", n=1, low=None, high=None),
    ]
    training = (learnt(0.1 + 0.2),)
    done = replace(made, finished="2026-01-01T00:01:00+00:00", engine={"seconds": 1 / 3}, training=training)
    store.finish(done, {"b/two": outcomes(), "a/one": outcomes(1)}, estimates)
    again = place.open(create=False)
    assert again.run("run-1") == replace(done, status="finished")
    assert again.results("run-1") == estimates
    assert list(again.outcomes("run-1", "b/two")) == outcomes()
    assert list(again.outcomes("run-1", "a/one")) == outcomes(1)
    assert [(a.task, a.rows) for a in again.artifacts("run-1")] == [("a/one", 4), ("b/two", 7)]


def learnt(accuracy: float) -> Training:
    parts = (PartScores(9, {"acc": accuracy}), PartScores(1, {"acc": 1.0}))
    return Training(task="toy/choice", epochs=3.0, learning_rate=1e-3, train=parts[0], held_out=parts[1])


def test_energy_comes_back_and_what_was_not_measured_is_null(store):
    tasks = {"a": TaskEnergy(examples=2, tokens=9, joules=0.1 + 0.2, joules_per_correct=1.0, low=0.5)}
    used = EnergyUse(
        method="rapl", device="a processor", reason="", seconds=2.0, joules=0.1 + 0.2, net_joules=None,
        idle_watts=None, shared=True, divided="operations", tasks=tasks,
    )  # fmt: skip
    store.start(replace(run(), energy=used))
    assert store.run("run-1").energy == used
    store.start(replace(run("run-2"), energy=None))
    assert store.run("run-2").energy is None


def test_a_training_score_that_is_no_number_is_refused(store):
    made = replace(run(), training=(learnt(float("nan")),))
    with pytest.raises(StoreError, match="run run-1 cannot be stored: the training of toy/choice: acc is nan"):
        store.start(made)


def test_older_runs_keep_their_training_scores_outside_of_the_statistics_of_the_engine(place):
    store = place.open()
    scores = {"train_f1": 0.9, "held_out_f1": 0.8, "validation_f1": 0.7, "gap_f1": 0.2, "train_examples": 8.0,
              "held_out_examples": 1.0, "validation_examples": 5.0}  # fmt: skip
    tuned = {**scores, "epochs": 3.0, "learning_rate": 1e-3, "seconds": 0.1, "path": "padded"}
    for name, engine in (("tuned", tuned), ("plain", {"gap_seconds": 1.0})):
        finished(store, name)
        with writing(store.engine) as connection:
            connection.execute(RUNS.update().where(RUNS.c.id == name).values(engine=engine))
    with writing(store.engine) as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN training"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN energy"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN source"))
        for column in ("family", "step", "bundle"):
            connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
        connection.execute(text("ALTER TABLE tasks DROP COLUMN scorer"))
        connection.execute(text("ALTER TABLE task_sets DROP COLUMN available"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN left_out"))
        connection.execute(text("ALTER TABLE runs RENAME COLUMN recipe TO asked"))
        for table in ("audits", "ratings", "assignments", "raters", "campaign_items", "campaigns"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    again = place.open(create=False)
    parts = (PartScores(8, {"f1": 0.9}), PartScores(1, {"f1": 0.8}))
    expected = Training(task="toy/choice", epochs=3.0, learning_rate=1e-3, train=parts[0], held_out=parts[1])
    assert again.run("tuned").training == (expected,)
    assert again.run("tuned").engine == {"seconds": 0.1, "path": "padded"}
    assert again.run("plain").engine == {"gap_seconds": 1.0} and again.run("plain").training == ()


def test_runs_are_newest_first_and_filtered(store):
    finished(store, "old", started="2026-01-01T00:00:00+00:00")
    finished(store, "new", started="2026-01-03T00:00:00+00:00", tasks=(task("other"),))
    store.start(run("mid", model="big", started="2026-01-02T00:00:00+00:00"))
    store.tag("old", "best")
    assert [r.id for r in store.runs()] == ["new", "mid", "old"]
    assert [r.id for r in store.runs(limit=2)] == ["new", "mid"]
    assert [r.id for r in store.runs(model="toy")] == ["new", "old"]
    assert [r.id for r in store.runs(task="toy/choice")] == ["mid", "old"]
    assert [r.id for r in store.runs(status="finished")] == ["new", "old"]
    assert [r.id for r in store.runs(tag="best")] == ["old"]
    assert store.runs(limit=2)[0].tasks == (task("other"),)


def test_a_run_is_found_by_id_beginning_or_tag(store):
    for name in ("abc-1", "abc-2", "xyz_9"):
        finished(store, name)
    store.tag("abc-1", "main")
    assert store.run("abc-2").id == store.run("abc-2").id == "abc-2"
    assert store.run("x").id == "xyz_9"
    assert store.run("main").id == "abc-1"
    store.tag("abc-2", "main")
    assert store.run("main").id == "abc-2"
    with pytest.raises(UsageError, match="beginning of several runs: abc-1, abc-2"):
        store.run("abc")
    with pytest.raises(UnknownName, match=r"unknown run 'abd-1'; did you mean abc-1"):
        store.run("abd-1")
    with pytest.raises(UnknownName):
        store.run("xyz%")
    with pytest.raises(UnknownName):
        store.run("")
    with pytest.raises(UsageError, match="id of a run"):
        store.tag("abc-1", "xyz_9")
    store.untag("main")
    with pytest.raises(UnknownName):
        store.untag("main")


def test_finished_is_final(store):
    made = finished(store)
    for again in (
        lambda: store.start(made),
        lambda: store.finish(made, {}, []),
        lambda: store.fail("run-1", "failed", ""),
    ):
        with pytest.raises(UsageError, match="run run-1 is already finished"):
            again()
    assert len(store.results("run-1")) == 1


def test_a_number_that_is_none_stops_the_run_from_finishing(store):
    store.start(run())
    with pytest.raises(StoreError, match="acc on all is not a number"):
        store.finish(run(), {"toy/choice": outcomes()}, [estimate(), estimate(value=float("nan"))])
    assert store.run("run-1").status == "running"
    assert store.results("run-1") == []
    assert store.artifacts("run-1") == []


def test_a_failed_run_says_why_and_can_be_resumed(store):
    store.start(run())
    store.fail("run-1", "failed", "server\0 gone")
    assert (store.run("run-1").status, store.run("run-1").message) == ("failed", "server\N{REPLACEMENT CHARACTER} gone")
    finished(store)
    assert (store.run("run-1").status, store.run("run-1").message) == ("finished", "")
    with pytest.raises(UnknownName):
        store.fail("nobody", "failed", "")
    with pytest.raises(UsageError, match="valid: failed, interrupted"):
        store.fail("run-1", "finished", "")


def test_rm_takes_everything_but_a_baseline(store, tmp_path):
    finished(store, "keep")
    finished(store, "go")
    store.tag("go", "t")
    store.save_verdicts("go", {"verdict": "PASS"})
    store.set_baseline("main", "go")
    with pytest.raises(UsageError, match="run go is the baseline main"):
        store.rm("go")
    store.set_baseline("main", "keep")
    store.rm("go")
    assert [r.id for r in store.runs()] == ["keep"]
    assert store.verdicts() == [] and store.tags() == {}
    assert [p.name for p in tmp_path.glob("**/*.parquet")] == ["choice.parquet"]
    assert len(store.results("keep")) == 1
    with pytest.raises(UnknownName):
        store.results("go")


def test_baselines_keep_their_history(store):
    finished(store, "a")
    finished(store, "b")
    with pytest.raises(UnknownName, match="unknown baseline 'main'; there are none yet"):
        store.baseline("main")
    store.set_baseline("main", "a", "first")
    store.set_baseline("main", "b", "better data")
    store.set_baseline("other", "a")
    assert store.baseline("main") == "b"
    assert store.baselines() == {"main": "b", "other": "a"}
    assert [(p.run_id, p.why) for p in store.baseline_history("main")] == [("b", "better data"), ("a", "first")]
    store.rm("b", force=True)
    with pytest.raises(UsageError, match="baseline 'main' points to run b, which was removed"):
        store.baseline("main")
    store.delete_baseline("other", "not used")
    with pytest.raises(UsageError, match=r"baseline 'other' was deleted at .*: not used"):
        store.baseline("other")
    assert [p.run_id for p in store.baseline_history("other")] == [None, "a"]
    store.start(run("unfinished"))
    with pytest.raises(UsageError, match="only a finished run can be a baseline"):
        store.set_baseline("main", "unfinished")


def test_verdicts_newest_first(store):
    finished(store)
    for verdict in ("PASS", "FAIL"):
        store.save_verdicts("run-1", {"verdict": verdict, "rules": [1, None, "ü"]})
    assert [v.verdict["verdict"] for v in store.verdicts("run-1")] == ["FAIL", "PASS"]
    assert store.verdicts()[0].verdict["rules"] == [1, None, "ü"]


def test_leaderboard_is_the_newest_finished_run_of_every_model(store):
    for run_id, model, day, value in (("a1", "a", 1, 0.1), ("a2", "a", 2, 0.2), ("b1", "b", 1, 0.3)):
        made = run(run_id, model=model, started=f"2026-01-0{day}T00:00:00+00:00")
        store.start(made)
        store.finish(made, {}, [estimate(value=value), estimate("f1", value), estimate(slice="g=x", value=0.9)])
    store.start(run("a3", model="a", started="2026-01-09T00:00:00+00:00"))
    standings = leaderboard.standings(store)
    found = [(s.model, s.run, s.metric, s.value) for s in standings]
    assert found == [("b", "b1", "acc", 0.3), ("a", "a2", "acc", 0.2), ("b", "b1", "f1", 0.3), ("a", "a2", "f1", 0.2)]
    assert leaderboard.slices(store) == ["g=x"]
    in_slice = leaderboard.standings(store, LeaderboardFilter(metrics=("acc",), slice="g=x"))
    assert [s.value for s in in_slice] == [0.9, 0.9]
    assert [row[0] for row in results.table(store, ResultFilter(model="a", metric="acc", slice="all"))] == ["a2", "a1"]
    assert [row[0] for row in results.table(store, ResultFilter(runs=["b1"]))] == ["b1"] * 3


def test_ranks_are_among_all_models_whatever_is_shown(store):
    for i in range(5):
        made = run(f"r{i}", model=f"m{i}")
        store.start(made)
        store.finish(made, {}, [replace(estimate(value=i / 5, low=i / 5 - 0.15, high=i / 5 + 0.15), failed=0)])
    whole = leaderboard.standings(store)
    ranks = [("m4", "1-2 of 5"), ("m3", "1-3 of 5"), ("m2", "2-4 of 5"), ("m1", "3-5 of 5"), ("m0", "4-5 of 5")]
    assert [(s.model, s.rank) for s in whole] == ranks
    assert leaderboard.standings(store, LeaderboardFilter(model="M1")) == [whole[3]]
    assert leaderboard.standings(store, LeaderboardFilter(tasks=("toy/choice",))) == whole
    assert leaderboard.standings(store, LeaderboardFilter(tasks=("other",))) == []


def test_the_best_stands_first_whichever_way_is_better(store):
    for i in range(3):
        made = run(
            f"r{i}", model=f"m{i}", tasks=(replace(task(), metrics=(MetricRecord(name="ter", better="lower"),)),)
        )
        store.start(made)
        store.finish(made, {}, [replace(estimate("ter", value=float(i), low=i - 0.1, high=i + 0.1), failed=0)])
    assert [(s.model, s.rank) for s in leaderboard.standings(store)] == [
        ("m0", "1 of 3"), ("m1", "2 of 3"), ("m2", "3 of 3")
    ]  # fmt: skip


def test_a_number_without_rivals_or_with_many_failures_has_no_rank(store):
    for name, failed in (("whole", 0), ("broken", 2)):
        made = run(name, model=name)
        store.start(made)
        store.finish(made, {}, [replace(estimate(value=0.5, low=0.4, high=0.6), n=20, failed=failed)])
    assert {s.model: s.rank for s in leaderboard.standings(store)} == {"whole": "no rival", "broken": "-"}


def test_the_average_of_a_group_is_a_result_whose_task_is_in_no_set(store):
    made = run("r0", tasks=(task("a/one"), task("b/two")))
    store.start(made)
    store.finish(made, {}, [replace(estimate("average"), task=name) for name in ("a/one", "group")])
    assert measured(store)[-1] == ("group", "average") and ("a/one", "average") not in measured(store)
    standings = leaderboard.standings(store)
    assert [(s.task, s.version is None, s.shots is None) for s in standings] == [
        ("a/one", False, False), ("group", True, True)
    ]  # fmt: skip


def test_a_newer_catalogue_is_refused(place):
    store = place.open()
    with writing(store.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="has schema 9999, newer than this program, which knows up to 0010") as error:
        place.open()
    assert "\n" not in str(error.value)


def test_the_migrations_make_the_tables_that_the_program_uses(place):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from harness.store.database import alembic_config
    from harness.store.schema import HEAD, METADATA

    store = place.open()
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD
    with writing(store.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_store_that_is_not_there(new_place):
    with pytest.raises(StoreError, match="there is no store at"):
        new_place().open(create=False)


def test_a_store_has_one_place_for_samples(new_place, tmp_path):
    place = new_place()
    elsewhere = str(tmp_path / "elsewhere")
    finished(open_store(place.url, samples=elsewhere))
    assert len(list(open_store(place.url).outcomes("run-1", "toy/choice"))) == 7
    assert list((tmp_path / "elsewhere").glob("run-1/toy/choice.parquet"))
    with pytest.raises(UsageError, match="keeps its samples at .*elsewhere, not at .*third"):
        open_store(place.url, samples=str(tmp_path / "third"))
    with pytest.raises(UsageError, match="no password in the URL of samples"):
        open_store(new_place().url, samples="ftp://me:secret@host/x")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@h/d", "valid: a folder"),
        ("nonsense://", "://"),
        ("sqlite://", "in memory"),
        ("postgresql+nodriver://h/d", "no driver"),
        ("postgresql://u:secret@127.0.0.1:1/d", "store postgresql"),
    ],
)
def test_a_bad_url_is_one_line_without_its_password(url, words):
    with pytest.raises((UsageError, StoreError), match=words) as error:
        open_store(url)
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_names_that_would_leave_the_folder(store):
    for bad in ("../x", "a/../../b", "/etc/x", "a//b", ""):
        with pytest.raises(UsageError, match="cannot be stored"):
            store.finish(run(), {bad: outcomes()}, [])
    with pytest.raises(UsageError, match="cannot be stored"):
        store.start(run("../up"))
    store.start(run())
    store.finish(run(), {'we"ird %2e task: *?': outcomes()}, [])
    assert list(store.outcomes("run-1", 'we"ird %2e task: *?')) == outcomes()


def test_a_folder_can_be_moved(tmp_path):
    finished(open_store(str(tmp_path / "here")))
    (tmp_path / "here").rename(tmp_path / "there")
    assert len(list(open_store(str(tmp_path / "there"), create=False).outcomes("run-1", "toy/choice"))) == 7


def test_files_that_are_no_store(tmp_path):
    (tmp_path / "file").write_text("hello")
    with pytest.raises(UsageError, match="is a file; valid: a folder"):
        open_store(str(tmp_path / "file"))
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "catalogue.sqlite").write_text("this is no database, and longer than a header of one is\n" * 9)
    with pytest.raises(StoreError, match="catalogue.sqlite: file is not a database"):
        open_store(str(tmp_path / "s"))
