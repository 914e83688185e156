"""A run file comes from a stranger: it touches nothing outside the store, runs nothing, sends nothing, and is believed
in no number."""

import json
import shutil
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.api import evaluate, import_run, rescore
from harness.cli.main import main
from harness.errors import DataError, UsageError
from harness.store import open_store, samples
from harness.store.transfer import export
from harness.store.transfer import import_run as transfer_in
from harness.types import Outcome

Page = dict[str, Any]
Change = Callable[[Page], object]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest file: a run of two installed tasks and one of a file."""
    folder = tmp_path_factory.mktemp("honest")
    rows = [
        {"question": f"q{i}", "choices": ["yes", "no"], "answer": i % 2, "lang": "en" if i % 3 else "de"}
        for i in range(12)
    ]
    (folder / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = evaluate(
        "scripted:fail-every-5", ["demo/sentiment", "demo/qa", str(folder / "quiz.jsonl")], limit=12,
        store=str(folder / "store"), command="harness run scripted:oracle",
    )  # fmt: skip
    store = open_store(str(folder / "store"))
    store.tag(made.run.id, "mine")
    export(store, made.run.id, folder / "run.zip")
    return folder / "run.zip"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a store in it and a file beside it that nobody may touch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    return tmp_path


def changed(exported: Path, target: Path, change: Change) -> Path:
    """The file with another run.json."""
    with zipfile.ZipFile(exported) as source, zipfile.ZipFile(target, "w") as archive:
        page = json.loads(source.read("run.json"))
        change(page)
        archive.writestr("run.json", json.dumps(page))
        for name in source.namelist():
            if name != "run.json":
                archive.writestr(name, source.read(name))
    return target


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


def test_an_honest_run_comes_back_with_every_number(exported: Path, folder: Path) -> None:
    told: list[str] = []
    found = import_run(exported, store="store", notice=told.append)
    theirs, ours = open_store(str(exported.parent / "store")), open_store("store")
    assert told == [] and found.imported and not theirs.run(found.id).imported
    assert ours.results(found.id) == theirs.results(found.id) and ours.run("mine") == found
    for task in ("demo/sentiment", "demo/qa", "quiz"):
        assert list(ours.outcomes(found.id, task)) == list(theirs.outcomes(found.id, task))
    assert theirs.run(found.id).recipe["tasks"] and not ours.run(found.id).recipe
    assert b'"recipe"' not in zipfile.ZipFile(exported).read("run.json")


@pytest.mark.parametrize(
    "run_id", ["../mine", "/mine", "..", ".", "", "a/b", "mine\x1b[2J", ".profile", "-rf", "x" * 200]
)
def test_an_id_that_leads_elsewhere_is_refused(run_id: str, exported: Path, folder: Path) -> None:
    def change(page: Page) -> None:
        page["run"]["id"] = run_id
        page["run"]["tasks"] = page["results"] = page["artifacts"] = []

    bad = changed(exported, folder / "bad.zip", change)
    open_store("store").close()
    before = files(folder)
    with pytest.raises(DataError, match=r"run\.id is"):
        import_run(bad, store="store")
    assert open_store("store").runs() == []
    assert {k: v for k, v in files(folder).items() if not k.startswith("store")} == {
        k: v for k, v in before.items() if not k.startswith("store")
    }


def test_a_catalogue_whose_rows_lead_elsewhere_removes_nothing(exported: Path, folder: Path) -> None:
    """Not a file but a whole store comes from somebody else."""
    import sqlite3

    run_id = import_run(exported, store="store").id
    open_store("store").close()
    with sqlite3.connect("store/catalogue.sqlite") as db:
        db.execute("UPDATE artifacts SET path = '../../mine/diary.txt' WHERE task = 'quiz'")
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE runs SET id = '../../mine'")
        db.execute("UPDATE artifacts SET run_id = '../../mine'")
    db.close()
    store = open_store("store")
    assert store.rm("../../mine").id == "../../mine"
    assert (folder / "mine" / "diary.txt").read_text() == "dear diary"
    assert (folder / "store" / "samples" / run_id).is_dir()


def test_wrong_answers_of_high_confidence_and_perplexities_come_back(folder: Path) -> None:
    """A confidence above the hit that it goes with is no lie, and perplexities need no task."""
    rows = [{"question": f"q{i}", "choices": ["yes", "no"], "answer": 0, "id": str(i)} for i in range(4)]
    (folder / "sure.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "old.jsonl").write_text("".join(json.dumps({"text": f"the river {i}"}) + "\n" for i in range(4)))
    said = [{"task": "sure", "id": str(i), "logprobs": [-3.0, -0.1]} for i in range(4)]
    said += [{"task": "corpus/old", "id": str(i), "logprob": -4.0 - i, "tokens": 3} for i in range(4)]
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    made = evaluate("replay:said.jsonl", ["sure.jsonl", "corpus:old.jsonl"], store="theirs")
    export(open_store("theirs"), made.run.id, folder / "run.zip")
    told: list[str] = []
    import_run(folder / "run.zip", store="store", notice=told.append)
    assert told == [] and open_store("store").results(made.run.id) == open_store("theirs").results(made.run.id)
    assert {"acc_at_50", "ece_mass_10", "word_perplexity"} <= {e.metric for e in made.estimates}


def test_a_value_outside_of_its_metric_is_refused(folder: Path) -> None:
    rows = [{"question": f"q{i}", "answer": "a red boat", "id": str(i)} for i in range(3)]
    (folder / "boats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "boats.toml").write_text('data = "boats.jsonl"\nprompt = "{question}"\nid = "id"\nmetrics = ["rougeL"]\n')
    said = [{"id": str(i), "text": "a red car"} for i in range(3)]
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    made = evaluate("replay:said.jsonl", "boats.toml", store="theirs")
    theirs = open_store("theirs")
    outcomes = [
        replace(o, judged=replace(o.judged, values={"rougeL": 7.5}))
        for o in theirs.outcomes(made.run.id, "boats")
        if o.judged
    ]
    lied = tuple(replace(e, value=7.5, low=7.0, high=8.0) for e in made.estimates)
    again = replace(made.run, id=f"{made.run.id}-b")
    theirs.start(again)
    theirs.finish(again, {"boats": outcomes}, lied)
    export(theirs, again.id, folder / "lie.zip")
    with pytest.raises(DataError, match="lies outside of 0 to 1"):
        import_run(folder / "lie.zip", store="store")


LIES: list[tuple[str, Change]] = [
    ("accuracy", lambda page: page["results"][0].update(value=7.5)),
    ("slightly", lambda page: page["results"][0].update(value=page["results"][0]["value"] + 0.01)),
    ("no value", lambda page: page["results"][0].update(value=None, low=None, high=None)),
    ("n", lambda page: page["results"][0].update(n=1000)),
    ("clusters", lambda page: page["results"][0].update(clusters=1000)),
    ("failed", lambda page: page["results"][0].update(failed=0)),
    ("negative", lambda page: page["results"][0].update(n=-1)),
    ("twice", lambda page: page["results"].append(page["results"][0])),
    ("text", lambda page: page["results"][0].update(value="0.5")),
    ("truth", lambda page: page["results"][0].update(value=True)),
    ("nan", lambda page: page["results"][0].update(value=float("nan"))),
    ("slice", lambda page: page["results"][0].update(slice="lang=xx")),
    ("rows", lambda page: page["artifacts"][0].update(rows=5)),
    ("scale", lambda page: page["run"]["tasks"][0]["metrics"][0].update(scale="x")),
    ("better", lambda page: page["run"]["tasks"][0]["metrics"][0].update(better=5)),
    ("bounds", lambda page: page["run"]["tasks"][0]["metrics"][0].update(bounds="x")),
    ("name of a metric", lambda page: page["run"]["tasks"][0]["metrics"][0].update(name=5)),
    ("size of task", lambda page: page["run"]["tasks"][0].update(n=5)),
    ("fewer than were asked", lambda page: page["run"]["tasks"][0].update(available=1)),
    ("another task", lambda page: page["run"]["tasks"][0].update(name="glue/sst2")),
    ("no samples", lambda page: page["artifacts"].pop()),
    ("path", lambda page: page["artifacts"][0].update(path="../../mine/diary.txt")),
    ("status", lambda page: page["run"].update(status="running")),
    ("shape", lambda page: page["run"].update(tasks={})),
    ("settings", lambda page: page["run"]["settings"].update(limit="all")),
    ("unknown setting", lambda page: page["run"]["settings"].update(trust_remote_code=True)),
    ("unknown field", lambda page: page["run"].update(owner="me")),
    ("card", lambda page: page["run"]["tasks"][0].update(card=None)),
    ("model", lambda page: page["run"].update(model=["toy"])),
    ("format", lambda page: page.update(format=True)),
]


@pytest.mark.parametrize("lie", [change for _, change in LIES], ids=[name for name, _ in LIES])
def test_a_lie_is_refused_and_leaves_nothing_behind(lie: Change, exported: Path, folder: Path) -> None:
    bad = changed(exported, folder / "bad.zip", lie)
    with pytest.raises(DataError, match=r"bad\.zip is not"):
        import_run(bad, store="store")
    assert open_store("store").runs() == []
    assert not list((folder / "store").rglob("*.parquet*"))


def test_an_interval_is_computed_here(exported: Path, folder: Path) -> None:
    def change(page: Page) -> None:
        for e in page["results"]:
            e.update(low=e["value"], high=e["value"])

    found = import_run(changed(exported, folder / "bad.zip", change), store="store")
    assert open_store("store").results(found.id) == open_store(str(exported.parent / "store")).results(found.id)


@pytest.mark.parametrize("model", ["scripted:oracle", "scripted:opposite"])
def test_a_percentage_has_its_own_interval_where_its_task_is_not_installed(model: str, folder: Path) -> None:
    made = evaluate(model, "demo/pronouns", limit=20, limit_order="first", store=str(folder / "mine"))
    export(open_store(str(folder / "mine")), made.run.id, folder / "run.zip")
    store = open_store(str(folder / "other"))
    run = transfer_in(store, folder / "run.zip")
    (told,) = [e for e in made.estimates if (e.metric, e.slice) == ("stereotyped", "all")]
    (kept,) = [e for e in store.results(run.id) if (e.metric, e.slice) == ("stereotyped", "all")]
    assert told.value in (0.0, 100.0) and (kept.value, kept.low, kept.high) == (told.value, told.low, told.high)


def test_a_number_that_nothing_here_computes_is_left_out_and_told(exported: Path, folder: Path) -> None:
    def change(page: Page) -> None:
        page["results"].append({**page["results"][0], "metric": "genius", "value": 1.0})
        page["results"].append({**page["results"][0], "task": "all of them", "metric": "average", "value": 1.0})
        page["verdicts"] = [{"at": "2026-01-01", "verdict": {"exit_code": 0}}]

    told: list[str] = []
    found = import_run(changed(exported, folder / "bad.zip", change), store="store", notice=told.append)
    assert len(told) == 1 and "demo/sentiment:genius, all of them:average: left out" in told[0]
    assert {e.metric for e in open_store("store").results(found.id)}.isdisjoint({"genius", "average"})
    assert open_store("store").verdicts() == []


def forged(exported: Path, target: Path, task: str, forge: Callable[[Outcome], Outcome]) -> Path:
    """The file with other samples of a task, and their own hash: only the numbers in run.json are as they were."""
    theirs = open_store(str(exported.parent / "store"), create=False)
    run = theirs.run("mine")
    rows = [forge(outcome) for outcome in theirs.outcomes(run.id, task)]
    place = samples.Folder(str(target.parent / "forged"))
    artifact = samples.write(place, run.id, task, rows)

    def change(page: Page) -> None:
        [told] = [a for a in page["artifacts"] if a["task"] == task]
        told.update(sha256=artifact.sha256, bytes=artifact.bytes)

    whole = changed(exported, target, change)
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[f"samples/{artifact.path}"] = (target.parent / "forged" / artifact.path).read_bytes()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


@pytest.mark.parametrize("task", ["demo/sentiment", "quiz"])
def test_samples_that_do_not_give_the_numbers_are_refused(task: str, exported: Path, folder: Path) -> None:
    from dataclasses import replace

    def forge(o: Outcome) -> Outcome:
        return replace(o, judged=replace(o.judged, values=dict.fromkeys(o.judged.values, 7.5))) if o.judged else o

    with pytest.raises(DataError, match=r"bad\.zip is not what run"):
        import_run(forged(exported, folder / "bad.zip", task, forge), store="store")
    assert open_store("store").runs() == []


def test_a_judgement_that_its_answer_does_not_give_is_refused(exported: Path, folder: Path) -> None:
    """Which of two examples is right is told the other way round: every number stays as it was."""
    from dataclasses import replace

    theirs = open_store(str(exported.parent / "store"), create=False)
    rows = [o for o in theirs.outcomes("mine", "demo/sentiment") if o.judged]
    swapped = {rows[0].example.id: rows[0].judged, rows[1].example.id: rows[1].judged}

    def forge(o: Outcome) -> Outcome:
        known = swapped.get(o.example.id)
        return replace(o, judged=replace(known, correct=not known.correct)) if known else o

    with pytest.raises(DataError, match="has a judgement that does not follow from its answer"):
        import_run(forged(exported, folder / "bad.zip", "demo/sentiment", forge), store="store")


def test_a_bomb_is_refused_unopened(exported: Path, folder: Path) -> None:
    bomb = folder / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.json", b" " * 50_000_000)
    with pytest.raises(DataError, match="its files are compressed"):
        import_run(bomb, store="store")

    from dataclasses import replace

    def swell(o: Outcome) -> Outcome:
        return replace(o, example=replace(o.example, fields={"text": "a" * 3_000_000}))

    with pytest.raises(DataError, match="would become more than 200 times as long"):
        import_run(forged(exported, folder / "bad.zip", "quiz", swell), store="store")


# --------------------------------------------------------------------------------------- the attack from end to end
@pytest.fixture
def trap() -> Iterator[tuple[str, list[bytes]]]:
    """A server that is never to be asked: its URL, and what it was sent."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            heard.append(caller.recv(10_000))
            caller.close()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", heard
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_a_hostile_run_touches_runs_and_sends_nothing(
    exported: Path, folder: Path, trap: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imported, shown, tagged, compared, gated with --extend, rescored, exported and removed."""
    url, heard = trap
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-secret-0123456789")
    (folder / "evil.py").write_text("open('ran', 'w').close()\ndef f(a, b): return 1.0\n")
    (folder / "evil.toml").write_text("data = 'q.jsonl'\nmetrics = ['python:evil.py:f']\n")
    (folder / "q.jsonl").write_text('{"question": "q", "answer": "a"}\n')

    def change(page: Page) -> None:
        page["run"].update(
            model="openai:x", command=f"harness run openai:x --base-url {url} --tasks evil.toml --trust-remote-code",
            recipe={"options": {"base_url": url}, "tasks": ["evil.toml"]},
        )  # fmt: skip
        page["run"]["fingerprint"] = {"server": url, "model": "x", "endpoint": "chat", "system": "", "choices": "text"}
        page["run"]["settings"]["scorer"] = "lexicon:mine/diary.txt"
        for part in (page["results"], page["artifacts"], page["run"]["tasks"]):
            part[:] = [p for p in part if p.get("task", p.get("name")) == "quiz"]
        quiz = page["run"]["tasks"][0]
        quiz["name"] = "evil.toml"
        for e in page["results"]:
            e["task"] = "evil.toml"
        run_id = page["run"]["id"]
        page["artifacts"][0].update(task="evil.toml", path=f"{run_id}/evil.toml.parquet")

    bad = changed(exported, folder / "bad.zip", change)
    with zipfile.ZipFile(bad) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bad, "w") as archive:
        for name, content in parts.items():
            if name == "run.json" or name.endswith("quiz.parquet"):
                archive.writestr(name.replace("quiz.parquet", "evil.toml.parquet"), content)
    (folder / "gate.toml").write_text("[[rule]]\nmetric = '*:acc'\nmin = 0.79\n")
    before = {k: v for k, v in files(folder).items() if not k.startswith("store")}
    assert call("runs", "import", "bad.zip", "--store", "store") == 0
    [run] = open_store("store").runs()
    assert run.imported and run.recipe == {}
    call("show", run.id, "--store", "store")
    assert call("runs", "tag", run.id, "theirs", "--store", "store") == 0
    assert call("compare", "theirs", run.id, "--store", "store") == 0
    assert call("gate", "gate.toml", "theirs", "--store", "store", "--extend", "5") == 2
    assert call("rescore", run.id, "--store", "store", "--quiet") == 2
    assert call("samples", run.id, "evil.toml", "--store", "store", "--limit", "1") == 0
    assert call("runs", "rm", run.id, "--store", "store") == 0
    assert {k: v for k, v in files(folder).items() if not k.startswith("store")} == before
    assert heard == [] and not (folder / "ran").exists()


def test_rescore_obeys_no_stored_word(exported: Path, folder: Path) -> None:
    """A task of a run is an installed one, or none; a file that an imported run names is not read."""
    with pytest.raises(UsageError, match="unknown installed task 'quiz'"):
        rescore(import_run(exported, store="store").id, store="store")

    def change(page: Page) -> None:
        page["run"]["settings"]["counterfactual"] = "mine/diary.txt"

    found = import_run(changed(exported, folder / "bad.zip", change), store="other")
    with pytest.raises(UsageError, match="names the file 'mine/diary.txt': no file"):
        rescore(found.id, store="other")


def test_an_import_that_fails_at_the_end_leaves_nothing(
    exported: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise OSError("no more")

    monkeypatch.setattr("harness.store.catalogue.add_artifacts", lambda *given: None if not given[2] else fail())
    with pytest.raises(OSError, match="no more"):
        import_run(exported, store="store")
    assert open_store("store").runs() == [] and not list((folder / "store").rglob("*.parquet"))
    monkeypatch.undo()
    shutil.rmtree(folder / "store")
    assert import_run(exported, store=str(folder / "store")).imported


def test_a_long_name_is_quoted_whole_or_cut_with_a_sign(exported: Path, folder: Path) -> None:
    bad = changed(exported, folder / "bad.zip", lambda page: page["run"].update(id="a b" * 200))
    with pytest.raises(DataError, match=r"run\.id is '(a b)+a?…; valid"):
        import_run(bad, store="store")
